"""GNC2: how far does each class stand clear of the hull of all the others? (Jiang et al. 2024)"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nctool.engine.evidence import Evidence
from nctool.geometry import optima
from nctool.metrics.metric import Measured, on_points
from nctool.metrics.shared import points, unit_points
from nctool.report import Reference

if TYPE_CHECKING:
    from nctool.geometry.hull import Margins

BINDING = 1e-6
"""Classes this close to the least margin, relative to it, hold it together; others rattle."""
NEAR_TWINS = 0.999
"""Two directions with a larger cosine are as good as one."""
NAMED = 5
NAMED_IN_SUPPORT = 8
TITLES = {"means": "margins of class means", "weights": "margins of classifier rows"}


def margin(evidence: Evidence, kind: str) -> Measured:
    """How far each of the {points} stands clear of the convex hull of all the others.
    Formula: min over classes c of dist(x_c, conv{x_j, j != c}), rows scaled to length one. Equally:
    the largest m for which some direction h of length one has h.x_c >= m + h.x_j for all j.
    Convention: every class is solved and certified: the primal point bounds its distance from
    above, the dual direction from below; `bounds` enclose the truth, `--gap` says how closely.
    `--margin min` certifies the least only, `--margin-rows raw` leaves the lengths as they are.
    Classes at the least margin bind; the others are rattlers: they may move without changing it.
    Best known: exact for K <= d+1 (K/(K-1)), for K <= 2d (1) and in the plane (1 - cos(2 pi/K));
    else from proven codes, or the best code found, with a bound that none can exceed.
    Undefined when: there are fewer than two points, or one has length zero.
    Reference: Jiang et al. 2024, GNC2 (softmax codes).
    """
    chosen = points(evidence, kind, directions=evidence.convention.unit_rows)
    count, dim = chosen.vectors.shape
    found = evidence.once(("margins", kind), lambda: _solve(evidence, kind))
    least = int(found.upper.argmin())
    value = float(found.value[least])
    best = optima.margin(count, dim) if evidence.convention.unit_rows else None
    whole = evidence.budget.margin == "all"
    return Measured(
        value,
        per_class=found.value if whole else None,
        classes=chosen.classes if whole else None,
        best_known=best,
        bounds=(float(found.lower.min()), float(found.upper[least])),
        details=_details(evidence, kind, found, least, best),
    )


def _solve(evidence: Evidence, kind: str) -> Margins:
    from nctool.geometry.hull import margins

    unit = evidence.convention.unit_rows
    rows = unit_points(evidence, kind) if unit else points(evidence, kind).vectors
    budget = evidence.budget
    with evidence.progress.task(TITLES[kind], len(rows)) as advance:
        return margins(
            rows,
            gap=budget.gap,
            least_only=budget.margin == "min",
            memory=budget.memory,
            advance=advance,
        )


def _details(
    evidence: Evidence, kind: str, found: Margins, least: int, best: Reference | None
) -> dict[str, Any]:
    chosen = points(evidence, kind, directions=False)
    value = float(found.value[least])
    count, dim = chosen.vectors.shape
    named = _Names(evidence, chosen.classes)
    details: dict[str, Any] = {
        "rows": "unit" if evidence.convention.unit_rows else "raw",
        "attained_by": named.one(least),
        "gap": evidence.budget.gap,
        "twins": [[named.one(one) for one in group] for group in found.duplicates[:NAMED]],
        "twin_groups": len(found.duplicates),
    }
    if best is not None:
        details["share_of_best"] = value / best.value if best.value else None
        limit = optima.margin_limit(count, dim)
        details["best_of_any"] = None if limit is None else asdict(limit)
    if evidence.budget.margin == "min":
        return details | {"certified": 1, "support": [named.support(found, least)]}
    settled = found.settled
    binding = (
        (found.lower <= float(found.upper[least]) * (1 + BINDING)).nonzero().flatten().tolist()
    )
    duplicates = {one for group in found.duplicates for one in group}
    alone = found.upper.clone()
    alone[list(duplicates)] = float("inf")
    worst = alone.argsort(stable=True)[: min(NAMED, count - len(duplicates))].tolist()
    details |= {
        "certified": int(settled.sum()),
        "widest_gap": float(((found.upper - found.lower) / found.upper.clamp(min=1e-300)).max()),
        "binding": len(binding),
        "bound_by": [named.one(one) for one in binding[:NAMED]],
        "rattlers": count - len(binding),
        "support": [named.support(found, one) for one in worst],
    }
    closest = chosen.pairs.class_max_cosine
    if closest is not None:
        near = [
            one
            for one in (closest > NEAR_TWINS).nonzero().flatten().tolist()
            if one not in duplicates
        ]
        details["near_twins"] = len(near)
        details["nearly_twins"] = [named.one(one) for one in near[:NAMED]]
    return details


class _Names:
    """Rows as classes of the report."""

    def __init__(self, evidence: Evidence, classes: tuple[int, ...]) -> None:
        self.names, self.classes = evidence.names, classes

    def one(self, row: int) -> dict[str, Any]:
        index = self.classes[row]
        return {"class": index, "name": self.names[index]}

    def support(self, found: Margins, row: int) -> dict[str, Any]:
        between = found.support(row)
        return self.one(row) | {
            "value": float(found.value[row]),
            "rows": len(between),
            "between": [
                self.one(other) | {"share": share} for other, share in between[:NAMED_IN_SUPPORT]
            ],
        }


def _published() -> Iterator[str]:
    """The lines that others have drawn, beside what is known."""
    yield optima.WHY_NOT_USED.replace("\n", " ")
    for (count, dim), line in optima.LINES.items():
        best = optima.margin(count, dim)
        if best is not None:
            yield f"K = {count:,}, d = {dim:,}: {line:.4f} published, {best.value:.4f} known."


margin.__doc__ = f"{inspect.cleandoc(margin.__doc__ or '')}\nPublished: {' '.join(_published())}"

METRICS = on_points(
    "gnc2.margin",
    title="Least one-vs-rest margin",
    definition="min over classes of dist(x_c, conv{x_j, j != c}), rows scaled to length one",
    function=margin,
    ideal=None,
    toward="up",
)
