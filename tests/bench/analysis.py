"""How long a whole analysis takes, against the least it could take and against a public peer.

Run by name, never in the test suite:

    for shape in A B C C-collapsed D; do python tests/bench/analysis.py $shape; done

(one shape to a process, so that the growth of peak memory is its own).

Answers are compared first (with plain float64 code), then timed. The floor is what nobody avoids:
two reads of the features and the bare float32 product with means and classifier, in blocks, into
one reused buffer. The same product in one call, which holds all scores, is timed beside it. A peer
(the library ``neural_collapse``) joins in with --peer when it can be imported.
Results go to fixtures/bench/analysis.json.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import nctool
from tests.bench.timing import record, summary, timed

SELECTED = "nc1.pinv,nc1.trace_ratio,nc1.within_fraction,nc1.cdnv,nc[2-5].*,gnc1.*,gnc3.*,gnc.*"
"""What two reads of the features and one product give: nc1.directional_cdnv takes a product of its
own, and the geometry of many classes has benchmarks of its own."""
ROWS = 8192


@dataclass(frozen=True, slots=True)
class Shape:
    samples: int
    dim: int
    classes: int
    noise: float = 4.0
    """Within-class standard deviation over the length of a class mean."""
    allowed: float | None = None
    """The promised ratio to the floor."""


SHAPES = {
    "A": Shape(50_000, 512, 10, allowed=5.0),
    "B": Shape(50_000, 512, 100, allowed=3.0),
    "C": Shape(200_000, 512, 1000, allowed=1.6),
    "D": Shape(100_000, 768, 10_000, allowed=1.6),
    "C-collapsed": Shape(200_000, 512, 1000, noise=1e-3, allowed=1.6),
}


@dataclass(frozen=True, slots=True)
class Data:
    features: Tensor
    labels: Tensor
    weight: Tensor
    bias: Tensor
    means: Tensor


def draw(shape: Shape) -> Data:
    """A common offset, random unit means, isotropic noise, a head near the means."""
    random = torch.Generator().manual_seed(0)
    offset = torch.randn(shape.dim, generator=random)
    offset *= 3 / offset.norm()
    means = torch.randn(shape.classes, shape.dim, generator=random)
    means /= means.norm(dim=1, keepdim=True)
    labels = torch.randint(0, shape.classes, (shape.samples,), generator=random)
    features = torch.empty(shape.samples, shape.dim)
    for start in range(0, shape.samples, ROWS):
        y = labels[start : start + ROWS]
        noise = torch.randn(len(y), shape.dim, generator=random) * (shape.noise / shape.dim**0.5)
        features[start : start + ROWS] = offset + means[y] + noise
    rough = torch.randn(means.shape, generator=random) / shape.dim**0.5
    weight = 2 * (means + 0.1 * rough)
    bias = -weight @ offset + 0.05 * torch.randn(shape.classes, generator=random)
    return Data(features, labels, weight, bias, means + offset)


def floor(data: Data) -> None:
    """Two plain reads and the bare product X [M; W]'."""
    for _ in range(2):
        for block in data.features.split(ROWS):  # type: ignore[no-untyped-call]
            float(block.sum())
    columns = torch.cat([data.means, data.weight]).T.contiguous()
    rows = max(256, min(4096, (32 << 20) // (4 * columns.shape[1])))
    out = torch.empty(rows, columns.shape[1])
    for block in data.features.split(rows):  # type: ignore[no-untyped-call]
        torch.mm(block, columns, out=out[: len(block)])


def bare(data: Data) -> None:
    """The same product in one call, all scores at once, as one would write it without thinking."""
    torch.mm(data.features, torch.cat([data.means, data.weight]).T)


def analyse(data: Data) -> nctool.Report:
    return nctool.analyze(
        features=data.features,
        labels=data.labels,
        weight=data.weight,
        bias=data.bias,
        metrics=SELECTED,
    )


def plain(data: Data, classes: int) -> dict[str, float]:
    """Textbook float64, everything in memory: to compare answers with, not to time."""
    count = torch.bincount(data.labels, minlength=classes).double()
    means = torch.zeros(classes, data.features.shape[1], dtype=torch.float64)
    for start in range(0, len(data.labels), ROWS):
        part = slice(start, start + ROWS)
        means.index_add_(0, data.labels[part], data.features[part].double())
    means /= count[:, None]
    centred = means - means.mean(0)
    scatter = torch.zeros(means.shape[1], means.shape[1], dtype=torch.float64)
    head = nearest = mismatch = 0
    weight, bias = data.weight.double(), data.bias.double()
    for start in range(0, len(data.labels), ROWS):
        part = slice(start, start + ROWS)
        x, y = data.features[part].double(), data.labels[part]
        z = x - means[y]
        scatter += z.T @ z
        chosen = (x @ weight.T + bias).argmax(1)
        closest = torch.cdist(x, means, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
        head += int((chosen == y).sum())
        nearest += int((closest == y).sum())
        mismatch += int((chosen != closest).sum())
    within, between = scatter / len(data.labels), centred.T @ centred / classes
    inverse = torch.linalg.pinv(between, hermitian=True, rtol=1e-10)
    samples = len(data.labels)
    return {
        "nc1.pinv": float((within * inverse).sum()) / classes,
        "nc1.trace_ratio": float(within.trace() / between.trace()),
        "nc4.accuracy": head / samples,
        "nc4.ncc_accuracy": nearest / samples,
        "nc4.mismatch": mismatch / samples,
    }


def peer(data: Data, classes: int) -> Callable[[], object] | None:
    """The same quantities by the public library, as its documentation says to; None if absent."""
    try:
        from neural_collapse import accumulate, measure  # type: ignore[import-not-found]
    except ImportError:
        return None
    dim = data.features.shape[1]

    def run() -> object:
        blocks = [slice(start, start + ROWS) for start in range(0, len(data.labels), ROWS)]
        first = accumulate.MeanAccumulator(classes, dim, "cpu")
        for part in blocks:
            first.accumulate(data.features[part], data.labels[part])
        means, middle = first.compute()
        covariance = accumulate.CovarAccumulator(classes, dim, "cpu", M=means)
        variance = accumulate.VarNormAccumulator(classes, dim, "cpu", M=means)
        choices = accumulate.DecAccumulator(classes, dim, "cpu", M=means, W=data.weight)
        for part in blocks:
            x, y = data.features[part], data.labels[part]
            covariance.accumulate(x, y, means)
            variance.accumulate(x, y, means)
            choices.accumulate(x, y, data.weight, means)
        norms, _ = variance.compute()
        return (
            measure.covariance_ratio(covariance.compute(), means, middle),
            measure.variability_cdnv(norms, means, tile_size=64),
            measure.simplex_etf_error(means, middle),
            measure.self_duality_error(data.weight, means, middle),
            choices.compute(),
        )

    return run


def bench(name: str, repeats: int, with_peer: bool) -> dict[str, Any]:
    shape = SHAPES[name]
    data = draw(shape)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = analyse(data)
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if shape.classes <= 1000:
        for key, value in plain(data, shape.classes).items():
            measured = report[key].value
            assert measured is not None and abs(measured - value) <= 1e-6 * abs(value), (
                key,
                measured,
                value,
            )
    floors, ours, ratios = [], [], []
    for _ in range(repeats):
        floors.append(timed(lambda: floor(data)))
        ours.append(timed(lambda: analyse(data)))
        ratios.append(ours[-1] / floors[-1])
    result: dict[str, Any] = {
        "samples": shape.samples,
        "dim": shape.dim,
        "classes": shape.classes,
        "noise": shape.noise,
        "repeats": repeats,
        "floor_s": summary(floors),
        "analysis_s": summary(ours),
        "ratio": summary(ratios),
        "allowed": shape.allowed,
        "peak_growth_mib": growth,
        "stages_s": dict(analyse(data).timing_s),
    }
    result["bare_product_s"] = summary([timed(lambda: bare(data)) for _ in range(repeats)])
    other = peer(data, shape.classes) if with_peer else None
    if other is not None:
        seconds = timed(other)
        result["peer_s"] = seconds
        result["peer_over_ours"] = seconds / statistics.median(ours)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES), metavar="SHAPE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", action="store_true", help="also time the public library")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    for name in chosen.shapes:
        result = bench(name, chosen.repeats, chosen.peer)
        ratio = result["ratio"]
        print(
            f"{name}: floor {result['floor_s']['median']:.3f} s, "
            f"analysis {result['analysis_s']['median']:.3f} s, ratio {ratio['median']:.2f} "
            f"({ratio['min']:.2f} to {ratio['max']:.2f}, allowed {result['allowed']}), "
            f"peak +{result['peak_growth_mib']:.0f} MiB, peer {result.get('peer_over_ours')}"
        )
        results[name] = result
    if not chosen.dry:
        record("analysis", results)


if __name__ == "__main__":
    main()
