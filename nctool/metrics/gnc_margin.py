"""GNC2: how far does each class stand clear of the hull of all the others? (Jiang et al. 2024)"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nctool.facts.names import class_entry
from nctool.geometry import nulls, optima
from nctool.metrics.metric import Measured, on_points

if TYPE_CHECKING:
    from nctool.geometry.hull import Margins
    from nctool.geometry.nulls import Unequal
    from nctool.geometry.pairs import Pairs
    from nctool.geometry.points import Points
    from nctool.report import Reference
    from nctool.settings.budget import Budget
    from nctool.settings.conventions import Convention

BINDING = 1e-6
"""Classes this close to the least margin, relative to it, hold it together; others rattle."""
NEAR_DUPLICATES = 0.999
"""Two directions with a larger cosine are as good as one."""
QUANTILES = {"p01": 0.01, "p10": 0.1, "p50": 0.5}
NAMED = 5
NAMED_IN_SUPPORT = 8

Entry = Callable[[int], dict[str, Any]]


def margin(
    margin_points: Points,
    margins: Margins,
    pairs: Pairs,
    class_names: tuple[str, ...],
    convention: Convention,
    budget: Budget,
) -> Measured:
    """How far each of the {points} stands clear of the convex hull of all the others.
    Formula: min over classes c of dist(x_c, conv{x_j, j != c}), rows scaled to length one. Equally:
    the largest m for which some direction h of length one has h.x_c >= m + h.x_j for all j.
    Convention: every class is solved and certified: the primal point bounds its distance from
    above, the dual direction from below; `bounds` enclose the truth, `--gap` says how closely.
    `--margin min` certifies the least only, `--margin-rows raw` leaves the lengths as they are.
    Classes at the least margin bind; the others are rattlers: they may move without changing it.
    Best known: exact for K <= d+1 (K/(K-1)), for K <= 2d (1) and in the plane (1 - cos(2 pi/K));
    else from proven codes, or the best code found, with a bound that none can exceed.
    Undefined when: there are fewer than two points, all are zero, or one is and rows are scaled.
    Reference: Jiang et al. 2024, GNC2 (softmax codes).
    """
    count, dim = margin_points.shape
    least = int(margins.upper.argmin())
    best = optima.margin(count, dim) if convention.unit_rows else None
    null, of = None, (count, dim, margin_points.centred, margin_points.sizes)
    if convention.unit_rows:
        null = nulls.least_margin(*of)
    whole = budget.margin == "all"

    def entry(row: int) -> dict[str, Any]:
        return class_entry(class_names, margin_points.classes[row])

    details: dict[str, Any] = {"rows": "unit" if convention.unit_rows else "raw"}
    details |= _details(margins, least, best, budget.gap, entry)
    if best is not None:
        limit = optima.margin_limit(count, dim)
        details["best_of_any"] = None if limit is None else asdict(limit)
    if whole:
        details |= _of_all(margins, least, pairs, entry)
        if null is not None:
            details["random"] = {name: _chance(share, of) for name, share in QUANTILES.items()}
    else:
        details |= {"certified": 1, "support": [_support(margins, least, entry)]}
    return Measured(
        float(margins.value[least]),
        per_class=margins.value if whole else None,
        classes=margin_points.classes if whole else None,
        best_known=best,
        bounds=(float(margins.lower.min()), float(margins.upper[least])),
        details=details,
    ).beside(null)


def _chance(share: float, of: tuple[int, int, bool, Unequal | None]) -> float | None:
    """What this share of the margins of random points stays below."""
    null = nulls.margin_quantile(share, *of)
    return None if null is None else null.value


def _details(
    margins: Margins, least: int, best: Reference | None, gap: float, entry: Entry
) -> dict[str, Any]:
    """What is known of the least margin."""
    value = float(margins.value[least])
    details: dict[str, Any] = {
        "attained_by": entry(least),
        "gap": gap,
        "twins": [[entry(row) for row in group] for group in margins.duplicates[:NAMED]],
        "twin_groups": len(margins.duplicates),
    }
    if best is not None:
        details["share_of_best"] = value / best.value if best.value else None
    return details


def _of_all(margins: Margins, least: int, pairs: Pairs, entry: Entry) -> dict[str, Any]:
    """What is known where the margin of every class was certified."""
    count = len(margins.upper)
    bound = float(margins.upper[least]) * (1 + BINDING)
    binding = (margins.lower <= bound).nonzero().flatten().tolist()
    duplicates = {row for group in margins.duplicates for row in group}
    alone = margins.upper.clone()
    alone[list(duplicates)] = float("inf")
    worst = alone.argsort(stable=True)[: min(NAMED, count - len(duplicates))].tolist()
    gaps = (margins.upper - margins.lower) / margins.upper.clamp(min=1e-300)
    details = {
        "certified": int(margins.settled.sum()),
        "widest_gap": float(gaps.max()),
        "binding": len(binding),
        "bound_by": [entry(row) for row in binding[:NAMED]],
        "rattlers": count - len(binding),
        "support": [_support(margins, row, entry) for row in worst],
    }
    if pairs.class_max_cosine is not None:
        close = (pairs.class_max_cosine > NEAR_DUPLICATES).nonzero().flatten().tolist()
        near = [row for row in close if row not in duplicates]
        details |= {"near_twins": len(near), "nearly_twins": [entry(row) for row in near[:NAMED]]}
    return details


def _support(margins: Margins, row: int, entry: Entry) -> dict[str, Any]:
    """The mixture of other classes that comes nearest."""
    between = margins.support(row)
    return entry(row) | {
        "value": float(margins.value[row]),
        "rows": len(between),
        "between": [entry(other) | {"share": share} for other, share in between[:NAMED_IN_SUPPORT]],
    }


def _published() -> Iterator[str]:
    """The lines that others have drawn, beside what is known."""
    yield optima.WHY_NOT_USED.replace("\n", " ")
    for (count, dim), line in optima.LINES.items():
        best = optima.margin(count, dim)
        if best is not None:
            yield f"K = {count:,}, d = {dim:,}: {line:.4f} published, {best.value:.4f} known."


margin.__doc__ = f"{inspect.cleandoc(margin.__doc__ or '')}\nPublished: {' '.join(_published())}"

MARGINS = on_points(
    "gnc2.margin",
    title="Least one-vs-rest margin",
    definition="min over classes of dist(x_c, conv{x_j, j != c}), rows scaled to length one",
    ideal=None,
    toward="up",
)(margin)
