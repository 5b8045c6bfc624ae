"""Self-checks: what a reader of these numbers ought to know, each under its own slug."""

from __future__ import annotations

from collections.abc import Iterator

from nctool.arrays import Source
from nctool.evidence import Evidence
from nctool.metrics.shared import understatement
from nctool.notice import Notice
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
    if evidence.feature_storage is not None:
        dtype = evidence.feature_storage.dtype
        if dtype in ("float16", "bfloat16"):
            yield Notice(
                "half-precision",
                f"features are stored in {dtype}: spreads under {evidence.feature_storage.eps:.1g}"
                " of the feature length are rounding",
                "save features in float32 to see deeper collapse",
                {"dtype": dtype},
            )
    low = [one.id for one in results if BELOW_NOISE in one.flags]
    if low:
        yield Notice(
            "below-noise-floor",
            f"under what storage rounding alone would give: {', '.join(low)}",
            "read these as zero, or save features with more digits",
            {"metrics": low},
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
