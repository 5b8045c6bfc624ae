"""Self-checks: what a reader of these numbers ought to know, each under its own slug.

Each is a function of facts, like a metric. The facts it names are settled for every report on
samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nctool.analysis.misaligned import alignment
from nctool.core.notice import Notice
from nctool.core.text import amount
from nctool.engine.graph import call
from nctool.facts import needs
from nctool.facts.means import MATERIAL_SHARE
from nctool.report import Result

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.engine.device import Engine
    from nctool.engine.solve import State
    from nctool.facts.samples import Sizes
    from nctool.geometry.points import Storage
    from nctool.statistics.duplicates import Duplicates
    from nctool.statistics.moments import Moments
    from nctool.statistics.whitening import Spectrum

BELOW_NOISE = "below-noise-floor"

Check = Callable[..., Iterator[Notice]]


def notices(facts: State, results: tuple[Result, ...]) -> Iterator[Notice]:
    """What a reader of these numbers ought to know."""
    counts = facts.value("class_counts")
    if counts is None:
        return
    for check in CHECKS:
        said = call(check, needs(check), facts.known)
        if isinstance(said, Iterator):
            yield from said
    low = [result.id for result in results if BELOW_NOISE in result.flags]
    if low:
        yield Notice(
            "below-noise-floor",
            f"under what storage rounding alone would give: {', '.join(low)}",
            "read these as zero, or save features with more digits",
            {"metrics": low},
        )


def empty_classes(class_names: tuple[str, ...], present: tuple[int, ...]) -> Iterator[Notice]:
    empty = len(class_names) - len(present)
    if empty:
        gone = sorted(set(range(len(class_names))) - set(present))
        shown = ", ".join(class_names[index] for index in gone[:3])
        yield Notice(
            "empty-classes",
            f"{empty:,} of {len(class_names):,} classes have no sample "
            f"({shown}{' …' if empty > 3 else ''}): "
            f"K = {len(present):,} for everything about means",
            data={"empty": empty},
        )


def single_samples(class_counts: Tensor) -> Iterator[Notice]:
    single = int((class_counts == 1).sum())
    if single:
        yield Notice(
            "single-sample-classes",
            f"{single:,} classes have one sample: their within-class variance is zero "
            "by construction, which looks like collapse",
            data={"single": single},
        )


def duplicate_rows(duplicates: Duplicates) -> Iterator[Notice]:
    """Samples that were counted twice. Where most are copies it is collapse, not a sampler."""
    if not 0 < duplicates.count <= duplicates.compared / 2:
        return
    rows = " (rows {:,} and {:,})".format(*duplicates.pairs[0]) if duplicates.pairs else ""
    yield Notice(
        "duplicate-rows",
        f"{duplicates.count:,} of {duplicates.compared:,} samples are exact copies of others{rows}",
        "a sampler that pads its last batch repeats samples: keep each once",
        {
            "copies": duplicates.count,
            "compared": duplicates.compared,
            "rows": [list(pair) for pair in duplicates.pairs],
        },
    )


def smaller_blocks(engine: Engine) -> Iterator[Notice]:
    if engine.shrunk:
        yield Notice(
            "smaller-blocks",
            f"{engine.device} ran out of memory: went on with blocks of "
            f"{amount(engine.block_bytes)}, which takes longer; numbers are the same",
            "give other programs' memory back, or use another --device",
            {"block_bytes": engine.block_bytes},
        )


def rank_deficient(spectrum: Spectrum) -> Iterator[Notice]:
    if 0 < spectrum.rank < spectrum.full:
        yield Notice(
            "rank-deficient-means",
            f"the class means span {spectrum.rank} of {spectrum.full} possible directions "
            f"(cut-off {spectrum.cutoff:.3g}): nc1.pinv looks at these only",
            "read nc1.trace_ratio beside it",
            {"rank": spectrum.rank, "possible": spectrum.full, "cutoff": spectrum.cutoff},
        )


def few_samples(sizes: Sizes, spectrum: Spectrum, understatement: float | None) -> Iterator[Notice]:
    """Fewer samples per class make NC1 look more collapsed: say how much."""
    if not spectrum.rank or understatement is None or understatement <= MATERIAL_SHARE:
        return
    much = "by an unknown factor" if understatement >= 1 else f"by about {understatement:.0%}"
    yield Notice(
        "few-samples",
        f"{sizes.per_class:,.0f} samples per class: sampling error of the class means makes NC1 "
        f"look more collapsed than it is {much} (nc1.trace_ratio)",
        "compare only runs with the same number of samples per class",
        {"understatement": understatement, "samples_per_class": sizes.per_class},
    )


def half_precision(feature_storage: Storage) -> Iterator[Notice]:
    if feature_storage.dtype in ("float16", "bfloat16"):
        yield Notice(
            "half-precision",
            f"features are stored in {feature_storage.dtype}: spreads under "
            f"{feature_storage.eps:.1g} of the feature length are rounding",
            "save features in float32 to see deeper collapse",
            {"dtype": feature_storage.dtype},
        )


def normalised_features(moments: Moments, feature_storage: Storage) -> Iterator[Notice]:
    """Both means of |h|^2 and of 1/|h| are one only if every length is one (Jensen)."""
    if moments.inverse_norm is None or moments.zero_rows or not len(moments.count):
        return
    inverse = float(moments.inverse_norm.mean())
    tolerance = max(1e-3, 4 * feature_storage.eps)
    if abs(feature_storage.mean_square - 1) < tolerance and abs(inverse - 1) < tolerance:
        yield Notice(
            "normalised-features",
            "every feature has length one: these are not the features the head saw, "
            "unless it normalises them itself",
            "save features before normalisation to compare with a paper's NC1",
        )


def fewer_samples_than_dimensions(moments: Moments) -> Iterator[Notice]:
    counts, dim = moments.count, moments.mean.shape[1]
    fewest = int(counts.min()) if len(counts) else 0
    if 1 < fewest < dim:
        yield Notice(
            "fewer-samples-than-dimensions",
            f"the smallest class has {fewest:,} samples in {dim:,} dimensions: "
            "its spread is seen in a subspace only",
            data={"fewest": fewest, "dim": dim},
        )


CHECKS: tuple[Check, ...] = (
    smaller_blocks,
    empty_classes,
    single_samples,
    duplicate_rows,
    rank_deficient,
    few_samples,
    half_precision,
    normalised_features,
    fewer_samples_than_dimensions,
    alignment,
)


def noticed() -> tuple[str, ...]:
    """The facts that these checks ask for."""
    return tuple({need.fact: None for check in CHECKS for need in needs(check) if not need.soft})
