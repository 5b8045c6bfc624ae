"""How long all energies of K directions take, against one bare Gram product and plain differences.

Run by name, never in the test suite:

    python tests/bench/energy.py 10k 1k-wide small

The unit is the bare float32 product X X' of the same rows, all K x K of it, in row blocks into one
reused buffer. Ours is everything from one pass: energies s = 0, 1, 2 and Newton's, by class too,
the closest pair, the nearest of each, and what coincides; then also what else pairs say, cosines,
distances and CDNV, from the same pass (``with_pairs``). Plain differences are what one writes
first: tiles of x_i - x_j, the three energies of each. Answers are compared. The linear programme
that bounds the energy from below is timed too. Results go to fixtures/bench/energy.json.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nctool.geometry.delsarte import energy_bound
from nctool.geometry.energy import Energies, energies
from nctool.geometry.survey import Survey, survey
from tests.bench.timing import record, summary, timed

BLOCK = 2048
TILE = 64
"""Of plain differences: a tile of 64 x 64 x 2048 float32 numbers takes 32 MiB."""
SIX_DIGITS = 1e-6


@dataclass(frozen=True, slots=True)
class Shape:
    classes: int
    dim: int
    common: float = 0.0
    """Length of a common part, in lengths of the rest: directions then crowd."""
    allowed: float | None = None
    """The promised number of bare Gram products."""
    differences: bool = False


SHAPES = {
    "small": Shape(600, 64, differences=True),
    "1k": Shape(1000, 512, differences=True),
    "1k-wide": Shape(1000, 2048, differences=True),
    "10k": Shape(10_000, 512, allowed=1.5),
    "10k-crowded": Shape(10_000, 512, common=3.0),
    "50k": Shape(50_257, 768),
}


def draw(shape: Shape, device: str) -> Tensor:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(shape.classes, shape.dim, generator=random, dtype=torch.float64)
    rows += shape.common * torch.randn(shape.dim, generator=random, dtype=torch.float64)
    unit: Tensor = (rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)).to(device)
    return unit


def gram(rows: Tensor) -> None:
    """The bare product, nothing kept."""
    out = torch.empty(BLOCK, len(rows), device=rows.device)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        torch.mm(block, rows.T, out=out[: len(block)])


def differences(rows: Tensor) -> list[float]:
    """The three energies from tiles of differences, the upper triangle only."""
    total = [0.0, 0.0, 0.0]
    for top in range(0, len(rows), TILE):
        for left in range(top, len(rows), TILE):
            apart = rows[top : top + TILE, None] - rows[None, left : left + TILE]
            square = apart.square().sum(-1)
            if top == left:
                square = square[torch.triu(torch.ones_like(square, dtype=torch.bool), 1)]
            parts = (-square.log() / 2, square.rsqrt(), square.reciprocal())
            total = [energy + float(part.sum()) for energy, part in zip(total, parts, strict=True)]
    return [energy / (len(rows) * (len(rows) - 1) / 2) for energy in total]


def everything(rows: Tensor) -> Survey:
    """Cosines, distances and CDNV from the same pass."""
    return survey(rows, variances=torch.ones_like(rows[:, 0]), repulsion=True)


def means(results: Energies) -> list[float]:
    assert results.riesz is not None
    return [energy.mean for energy in results.riesz]


def bench(name: str, repeats: int, device: str) -> dict[str, Any]:
    shape = SHAPES[name]
    rows = draw(shape, device)
    single = rows.float()
    gram(single[:BLOCK])
    energies(rows[:BLOCK])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results: list[Energies] = []
    ours = [timed(lambda: results.append(energies(rows))) for _ in range(repeats)]
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    units, ratios, whole = [], [], []
    for _ in range(repeats):
        units.append(timed(lambda: gram(single)))
        ours.append(timed(lambda: energies(rows)))
        ratios.append(ours[-1] / units[-1])
        whole.append(timed(lambda: everything(rows)) / units[-1])
    result: dict[str, Any] = {
        "classes": shape.classes,
        "dim": shape.dim,
        "common": shape.common,
        "device": device,
        "repeats": repeats,
        "energies": means(results[-1]),
        "separation": results[-1].separation,
        "gram_s": summary(units),
        "energies_s": summary(ours[repeats:]),
        "ratio": summary(ratios),
        "with_pairs": summary(whole),
        "allowed": shape.allowed,
        "peak_growth_mib": growth,
    }
    if shape.classes > shape.dim + 1:
        result["bound_s"] = timed(lambda: energy_bound(shape.classes, shape.dim, 2))
        result["bound"] = energy_bound(shape.classes, shape.dim, 2)
    if shape.differences:
        answers: list[list[float]] = []
        seconds = timed(lambda: answers.append(differences(single)))
        for mine, theirs in zip(means(results[-1]), answers[0], strict=True):
            assert abs(mine - theirs) <= SIX_DIGITS * abs(theirs), (mine, theirs)
        result["differences_s"] = seconds
        result["differences_over_ours"] = seconds / statistics.median(ours[repeats:])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES), metavar="SHAPE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    for name in chosen.shapes:
        result = bench(name, chosen.repeats, chosen.device)
        ratio = result["ratio"]
        print(
            f"{name}: Gram {result['gram_s']['median']:.4f} s, "
            f"energies {result['energies_s']['median']:.4f} s, ratio {ratio['median']:.2f} "
            f"({ratio['min']:.2f} to {ratio['max']:.2f}, allowed {result['allowed']}), "
            f"with all else of pairs {result['with_pairs']['median']:.2f}, "
            f"peak +{result['peak_growth_mib']:.0f} MiB, differences "
            f"{result.get('differences_over_ours')} times ours, bound {result.get('bound_s')} s"
        )
        results[name] = result
    if not chosen.dry:
        record("energy", results)


if __name__ == "__main__":
    main()
