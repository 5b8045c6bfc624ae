"""Self-checks: what a reader of these numbers ought to know, each under its own slug."""

from __future__ import annotations

from collections.abc import Iterator

from nctool.arrays import Source
from nctool.core.notice import Notice
from nctool.engine.evidence import Evidence
from nctool.metrics.shared import understatement
from nctool.report import Result

BELOW_NOISE = "below-noise-floor"


def notices(source: Source, evidence: Evidence, results: tuple[Result, ...]) -> Iterator[Notice]:
    """What a reader of these numbers ought to know."""
    count = evidence.count
    if count is None:
        return
    empty = len(source.names) - evidence.classes
    if empty:
        gone = sorted(set(range(len(source.names))) - set(evidence.present))
        yield Notice(
            "empty-classes",
            f"{empty:,} of {len(source.names):,} classes have no sample "
            f"({', '.join(source.names[one] for one in gone[:3])}{' …' if empty > 3 else ''}): "
            f"K = {evidence.classes:,} for everything about means",
            data={"empty": empty},
        )
    single = int((count == 1).sum())
    if single:
        yield Notice(
            "single-sample-classes",
            f"{single:,} classes have one sample: their within-class variance is zero "
            "by construction, which looks like collapse",
            data={"single": single},
        )
    yield from _copies(evidence)
    spectrum = evidence.spectrum
    if spectrum is not None and 0 < spectrum.rank < spectrum.full:
        yield Notice(
            "rank-deficient-means",
            f"the class means span {spectrum.rank} of {spectrum.full} possible directions "
            f"(cut-off {spectrum.cutoff:.3g}): nc1.pinv looks at these only",
            "read nc1.trace_ratio beside it",
            {"rank": spectrum.rank, "possible": spectrum.full, "cutoff": spectrum.cutoff},
        )
    yield from _sampling(evidence)
    yield from _features(evidence)
    yield from _head(evidence, results)
    low = [one.id for one in results if BELOW_NOISE in one.flags]
    if low:
        yield Notice(
            "below-noise-floor",
            f"under what storage rounding alone would give: {', '.join(low)}",
            "read these as zero, or save features with more digits",
            {"metrics": low},
        )


def _copies(evidence: Evidence) -> Iterator[Notice]:
    """Samples that were counted twice. Where most are copies it is collapse, not a sampler."""
    copies = evidence.copies
    if copies is None or not 0 < copies.count <= copies.compared / 2:
        return
    earlier, later = copies.pairs[0]
    yield Notice(
        "duplicate-rows",
        f"{copies.count:,} of {copies.compared:,} samples are exact copies of others "
        f"(rows {earlier:,} and {later:,})",
        "a sampler that pads its last batch repeats samples: keep each once",
        {"copies": copies.count, "compared": copies.compared, "rows": [*map(list, copies.pairs)]},
    )


def _sampling(evidence: Evidence) -> Iterator[Notice]:
    """Fewer samples per class make NC1 look more collapsed: say how much."""
    if evidence.classes < 2 or not evidence.spectrum or not evidence.spectrum.rank:
        return
    share = understatement(evidence)
    if share is None or share <= 0.05:
        return
    size = evidence.samples / evidence.classes
    much = "by an unknown factor" if share >= 1 else f"by about {share:.0%}"
    yield Notice(
        "few-samples",
        f"{size:,.0f} samples per class: sampling error of the class means makes NC1 look "
        f"more collapsed than it is {much} (nc1.trace_ratio)",
        "compare only runs with the same number of samples per class",
        {"understatement": share, "samples_per_class": size},
    )


def _features(evidence: Evidence) -> Iterator[Notice]:
    """How the features were stored and scaled."""
    storage, count = evidence.feature_storage, evidence.count
    if storage is None or count is None or not len(count):
        return
    if storage.dtype in ("float16", "bfloat16"):
        yield Notice(
            "half-precision",
            f"features are stored in {storage.dtype}: spreads under {storage.eps:.1g} of the "
            "feature length are rounding",
            "save features in float32 to see deeper collapse",
            {"dtype": storage.dtype},
        )
    inverse = evidence.mean_inverse_norm
    tolerance = max(1e-3, 4 * storage.eps)
    if (
        inverse is not None
        and abs(storage.mean_square - 1) < tolerance
        and abs(inverse - 1) < tolerance
    ):
        yield Notice(
            "normalised-features",
            "every feature has length one: these are not the features the head saw, "
            "unless it normalises them itself",
            "save features before normalisation to compare with a paper's NC1",
        )
    fewest = int(count.min())
    if 1 < fewest < evidence.dim:
        yield Notice(
            "fewer-samples-than-dimensions",
            f"the smallest class has {fewest:,} samples in {evidence.dim:,} dimensions: "
            "its spread is seen in a subspace only",
            data={"fewest": fewest, "dim": evidence.dim},
        )


def _head(evidence: Evidence, results: tuple[Result, ...]) -> Iterator[Notice]:
    """A head that is no better than guessing is usually somebody else's."""
    found = {one.id: one.value for one in results}
    accuracy, nearest = found.get("nc4.accuracy"), found.get("nc4.ncc_accuracy")
    if accuracy is None or evidence.classes < 2:
        return
    chance = 1 / evidence.classes
    if accuracy > 1.5 * chance or (evidence.classes == 2 and accuracy > 0.55):
        return
    aside = f", while the nearest class mean gets {nearest:.1%}" if nearest is not None else ""
    yield Notice(
        "head-near-chance",
        f"the head is right on {accuracy:.1%} of these samples, chance is {chance:.1%}{aside}",
        "an untrained network, or the head's rows are not in label order, "
        "or the features are from another layer",
        {"accuracy": accuracy, "chance": chance},
    )
