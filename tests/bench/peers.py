"""The two public libraries there are, on the same tensors in the same process.

They are asked as their own documentation shows. Neither is a dependency: who wants them timed puts
clones on the path (rhubarbwu/neural-collapse is ``neural_collapse``, and ``src`` of
DLFundamentals/RepX holds ``repx``; another package has that name on PyPI). A benchmark fails where
answers differ for a reason that is not known. RepX's deviation from a simplex has no counterpart
here: it is of unit rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

import nctool
from tests.bench.populations import ROWS, Data

AGREES = 1e-4
"""Relative: theirs are sums in float32."""
UNEXPLAINED = "not known: no benchmark, until it is"


@dataclass(frozen=True, slots=True)
class Peer:
    """What a library computes, by our ids, and where it is known to be wrong."""

    library: str
    run: Callable[[Data, int], Mapping[str, float]]
    metrics: tuple[str, ...]
    most: int
    """Classes; with more it takes many minutes."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Of answers that need not agree: why."""

    @property
    def here(self) -> bool:
        return find_spec(self.library) is not None

    def ours(self, data: Data) -> nctool.Report:
        """The same quantities; decisions without the bias, as they take them."""
        return nctool.analyze(
            features=data.features,
            labels=data.labels,
            weight=data.weight,
            metrics=self.metrics,
            bootstrap=0,
        )

    def compared(
        self, report: nctool.Report, theirs: Mapping[str, float]
    ) -> dict[str, dict[str, object]]:
        """Both answers to every question, and the reason where they differ."""
        answers: dict[str, dict[str, object]] = {}
        for name in self.metrics:
            value = report[name].value
            assert value is not None, name
            # Of decisions, the share of those that agree: no decision may differ.
            scale = 1 - value if name.endswith("mismatch") else abs(value)
            apart = abs(theirs[name] - value) / scale
            answers[name] = {"ours": value, "theirs": theirs[name], "apart": float(f"{apart:.2g}")}
            if apart > AGREES:
                answers[name]["why"] = self.faults.get(name, UNEXPLAINED)
        return answers


def _neural_collapse(data: Data, classes: int) -> dict[str, float]:
    """Three passes: means; covariance, variances; decisions."""
    from neural_collapse import accumulate, measure  # type: ignore[import-not-found]

    dim = data.features.shape[1]
    blocks = [slice(start, start + ROWS) for start in range(0, len(data.labels), ROWS)]
    first = accumulate.MeanAccumulator(classes, dim, "cpu")
    for part in blocks:
        first.accumulate(data.features[part], data.labels[part])
    means, middle = first.compute()
    covariance = accumulate.CovarAccumulator(classes, dim, "cpu", M=means)
    variance = accumulate.VarNormAccumulator(classes, dim, "cpu", M=means)
    decisions = accumulate.DecAccumulator(classes, dim, "cpu", M=means, W=data.weight)
    for part in blocks:
        x, y = data.features[part], data.labels[part]
        covariance.accumulate(x, y, means)
        variance.accumulate(x, y, means)
        decisions.accumulate(x, y, data.weight, means)
    within, (norms, _) = covariance.compute(), variance.compute()
    # Without tiles, differences of all pairs are held: 300 GB of 10,000 classes.
    tile = 64 if classes > 64 else None
    return {
        "nc1.pinv": measure.covariance_ratio(within, means, middle),
        "nc1.trace_ratio": measure.covariance_ratio(within, means, middle, "quotient"),
        "nc1.cdnv": measure.variability_cdnv(norms, means, tile_size=tile),
        "nc2.etf_deviation.means": measure.simplex_etf_error(means, middle),
        "nc3.etf_deviation": measure.self_duality_error(data.weight, means, middle),
        "nc4.mismatch": 1 - measure.clf_ncc_agreement(decisions),
    }


def _repx(data: Data, classes: int) -> dict[str, float]:
    from repx.collapse import compute_cdnv  # type: ignore[import-not-found]
    from repx.transfer import NCCCEvaluator  # type: ignore[import-not-found]

    return {
        "nc1.cdnv": compute_cdnv(data.features, data.labels, classes),
        "nc4.ncc_accuracy": NCCCEvaluator().evaluate(data.features, data.labels)[0],
    }


def _repx_directional(data: Data, classes: int) -> dict[str, float]:
    from repx.collapse import compute_directional_cdnv

    return {
        "nc1.directional_cdnv": compute_directional_cdnv(
            data.features, data.labels, num_classes=classes
        )
    }


PEERS = {
    "neural-collapse": Peer(
        "neural_collapse",
        _neural_collapse,
        ("nc1.pinv", "nc1.trace_ratio", "nc1.cdnv", "nc2.etf_deviation.means",
         "nc3.etf_deviation", "nc4.mismatch"),
        most=10_000,
        faults={
            "nc2.etf_deviation.means": "the norm of a large float32 matrix is summed in float32",
            "nc3.etf_deviation": "the norm of a large float32 matrix is summed in float32",
            "nc4.mismatch": "near a tie, squared distances as differences of large numbers",
        },
    ),
    "RepX": Peer(
        "repx",
        _repx,
        ("nc1.cdnv", "nc4.ncc_accuracy"),
        most=1000,
        faults={"nc1.cdnv": "the variance is E|x|^2 - |E x|^2 in float32, its sign dropped"},
    ),
    "RepX, directional": Peer(
        "repx", _repx_directional, ("nc1.directional_cdnv",), most=100
    ),
}  # fmt: skip
"""By the name under which they are told."""
