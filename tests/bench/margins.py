"""How long the certified margins of all classes take, against one bare Gram product and others.

Run by name, never in the test suite:

    python tests/bench/margins.py random-10k clustered-10k --peers
    python tests/bench/margins.py heads

The unit is the bare float32 product X X' of the same rows, in row blocks into one reused buffer:
everything about K points costs at least that. Of large heads a sample of the classes is certified
against all rows, and the unit is the product of that sample; seconds are those of the processor,
which other processes on the machine do not change. Peers are timed on a sample: one quadratic
programme per class by general solvers (those that can be imported), and some steps of the gradient
solver that the figures of Jiang et al. 2024 come from (10,000 of them; no certificate). Their
answers are compared with ours. Results go to fixtures/bench/margins.json.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nctool.geometry.hull.active_set import ActiveSetSolver
from nctool.geometry.hull.cloud import Cloud
from nctool.geometry.hull.solver import solve_classes
from tests.bench.timing import record, spent, summary
from tests.bench.token_heads import drawn_head, text_head

Solve = Callable[[np.ndarray, np.ndarray], float]

GAP = 1e-6
STEPS, TIMED_STEPS = 10_000, 20
BLOCK, MEMORY = 2048, 4 << 30


@dataclass(frozen=True, slots=True)
class Shape:
    kind: str
    classes: int
    dim: int
    allowed: float | None = None
    """The promised number of bare Gram products."""
    sample: int | None = None
    """Only so many classes are certified, against all rows."""
    raw: bool = False
    """Rows as long as they are."""


SHAPES = {
    "random-1k": Shape("random", 1000, 512),
    "clustered-1k": Shape("clustered", 1000, 512),
    "language-1k": Shape("language", 1000, 512),
    "simplex-1k": Shape("simplex", 1000, 2048),
    "random-10k": Shape("random", 10_000, 512, 12),
    "clustered-10k": Shape("clustered", 10_000, 512, 12),
    "language-10k": Shape("language", 10_000, 512, 12),
    "random-50k": Shape("random", 50_257, 768, 9, 1024),
    "language-50k": Shape("language", 50_257, 768, 6, 1024),
    "text-50k": Shape("text", 50_257, 768, 6, 1024),
    "gpt-30k": Shape("gpt", 30_000, 384, 8, 2048),
    "untrained-30k": Shape("untrained", 30_000, 384, 15, 2048),
    "raw-30k": Shape("gpt", 30_000, 384, 12, 1024, raw=True),
    "raw-text-50k": Shape("text", 50_257, 768, 12, 1024, raw=True),
    "language-128k": Shape("language", 128_256, 4096, None, 256),
}
HEADS = (
    "language-50k", "text-50k", "gpt-30k", "untrained-30k", "raw-30k", "raw-text-50k", "random-10k",
)  # fmt: skip
NAMES = ("heads", *SHAPES)


def draw(shape: Shape, device: str) -> Tensor:
    """(K, D) float64, of length one unless lengths count."""
    make = text_head if shape.kind == "text" else partial(drawn_head, shape.kind)
    rows = make(shape.classes, shape.dim).to(device).double()
    return rows if shape.raw else rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)


def cost(run: Callable[[], object]) -> float:
    """Seconds of the processor; on another device, on the clock."""
    seconds = spent(run)
    return seconds.wall if torch.cuda.is_available() else seconds.cpu


def gram(rows: Tensor, some: Tensor) -> None:
    """The bare product of some rows with all, nothing kept."""
    out = torch.empty(min(BLOCK, len(some)), len(rows), device=rows.device)
    for block in torch.split(some, BLOCK):
        torch.mm(block, rows.T, out=out[: len(block)])


def certified(rows: Tensor, some: Tensor, *, least_only: bool = False) -> ActiveSetSolver:
    """``margins`` of some rows; what it does once for all of them is within this time, too."""
    solver = ActiveSetSolver(Cloud.of(rows), GAP, MEMORY, least_only)
    solve_classes(solver, some)
    return solver


def bench(name: str, repeats: int, with_peers: bool, device: str) -> dict[str, Any]:
    shape = SHAPES[name]
    rows = draw(shape, device)
    single = rows.float()
    sample = shape.sample or shape.classes
    chosen = torch.linspace(0, len(rows) - 1, sample, device=device).long()
    some = single[chosen]
    torch.mm(single[:64], single.T)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    units, ours, ratios = [], [], []
    for _ in range(repeats):
        units.append(cost(lambda: gram(single, some)))
        ours.append(cost(lambda: certified(rows, chosen)))
        ratios.append(ours[-1] / units[-1])
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    solver = certified(rows, chosen)
    sizes = solver.supports.sizes(shape.classes)[chosen.cpu()].double()
    result: dict[str, Any] = {
        "classes": shape.classes,
        "dim": shape.dim,
        "kind": shape.kind,
        "rows": "raw" if shape.raw else "unit",
        "sample": sample,
        "device": device,
        "gap": GAP,
        "unsettled": int(solver.open(chosen).sum()),
        "least": float(solver.upper.min()),
        "support_median": float(sizes.median()),
        "support_largest": float(sizes.max()),
        "gram_s": summary(units),
        "margins_s": summary(ours),
        "ratio": summary(ratios),
        "allowed": shape.allowed,
        "peak_growth_mib": growth,
    }
    if shape.sample is None:
        result["least_only_s"] = cost(lambda: certified(rows, chosen, least_only=True))
    if with_peers:
        best = statistics.median(ours) * shape.classes / sample
        result["peers"] = {
            solver_name: {"whole_s": seconds, "over_ours": seconds / best} | more
            for solver_name, seconds, more in peers(rows, solver.upper)
        }
    return result


def peers(rows: Tensor, upper: Tensor) -> Iterator[tuple[str, float, dict[str, float]]]:
    """Name, seconds for all classes (a sample, scaled up), and how far off the sample was."""
    points = rows.cpu().numpy()
    known = torch.nonzero(upper.isfinite()).flatten().tolist()
    sample = [int(upper.argmin()), *known[1 :: len(known) // 2]][:3]
    for solver, solve in (("scipy-nnls", _nnls), ("quadprog", _quadprog), ("clarabel", _clarabel)):
        try:
            done = [_timed_class(solve, points, row) for row in sample]
        except (ImportError, MemoryError):
            continue
        seconds = sum(second for second, _ in done)
        worst = max(
            abs(value / float(upper[row]) - 1) for row, (_, value) in zip(sample, done, strict=True)
        )
        yield solver, seconds / len(sample) * len(points), {"relative_error": worst}
    yield "gradient-10000-steps", _gradient(rows.float()) * STEPS, {}


def _timed_class(solve: Solve, points: np.ndarray, row: int) -> tuple[float, float]:
    """Seconds and answer for one class."""
    others = np.delete(points, row, 0)
    start = perf_counter()
    value = solve(points[row], others)
    return perf_counter() - start, value


def _nnls(point: np.ndarray, others: np.ndarray) -> float:
    from scipy.optimize import nnls

    steps = point - others
    scale = float(np.linalg.norm(steps, axis=1).min())
    matrix = np.vstack([steps.T / scale, np.ones(len(steps))])
    weights, _ = nnls(matrix, np.r_[np.zeros(len(point)), 1.0], maxiter=20 * len(steps))
    return float(np.linalg.norm(weights @ steps / weights.sum()))


def _quadprog(point: np.ndarray, others: np.ndarray) -> float:
    import quadprog  # type: ignore[import-not-found]

    steps = point - others
    count = len(steps)
    matrix = steps @ steps.T
    matrix[np.diag_indices(count)] += 1e-10 * matrix.trace() / count
    bounds = np.hstack([np.ones((count, 1)), np.eye(count)])
    weights = quadprog.solve_qp(
        matrix, np.zeros(count), bounds, np.r_[1.0, np.zeros(count)], meq=1
    )[0]
    return float(np.linalg.norm(weights @ steps))


def _clarabel(point: np.ndarray, others: np.ndarray) -> float:
    import clarabel  # type: ignore[import-not-found]
    from scipy import sparse

    # min |r|^2 / 2 over r = D'l, l in the simplex: sparse, with r as variables.
    steps = point - others
    count, dim = steps.shape
    cost = sparse.block_diag([sparse.csc_matrix((count, count)), sparse.eye(dim)], format="csc")
    equal = sparse.bmat([[sparse.csc_matrix(steps.T), -sparse.eye(dim)],
                         [sparse.csc_matrix(np.ones((1, count))), None]], format="csc")  # fmt: skip
    signs = sparse.hstack([-sparse.eye(count), sparse.csc_matrix((count, dim))])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    solver = clarabel.DefaultSolver(
        cost, np.zeros(count + dim), sparse.vstack([equal, signs], format="csc"),
        np.r_[np.zeros(dim), 1.0, np.zeros(count)],
        [clarabel.ZeroConeT(dim + 1), clarabel.NonnegativeConeT(count)], settings,
    )  # fmt: skip
    return float(np.linalg.norm(np.asarray(solver.solve().x)[:count] @ steps))


def _gradient(rows: Tensor) -> float:
    """Seconds of one step of projected subgradient ascent on min_j <w_k - w_j, h_k>, all k."""
    count = len(rows)
    if count > 20_000:
        return float("nan")
    way = rows.clone()
    diagonal = torch.arange(count)

    def step() -> None:
        scores = way @ rows.T
        scores[diagonal, diagonal] = -torch.inf
        worst = scores.argmax(1)
        way.add_(rows - rows[worst], alpha=0.01)
        way.div_(torch.linalg.vector_norm(way, dim=1, keepdim=True))

    step()
    steps = max(2, TIMED_STEPS if count < 5000 else 4)
    start = perf_counter()
    for _ in range(steps):
        step()
    return (perf_counter() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="+", choices=NAMES, metavar="SHAPE")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="also time other solvers")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    precision: Callable[[str], None] = torch.set_float32_matmul_precision
    precision("highest")
    names = [name for shape in chosen.shapes for name in (HEADS if shape == "heads" else [shape])]
    for name in names:
        with torch.inference_mode():
            result = bench(name, chosen.repeats, chosen.peers, chosen.device)
        ratio = result["ratio"]
        print(
            f"{name}: gram {result['gram_s']['median']:.3f} s, margins "
            f"{result['margins_s']['median']:.3f} s, ratio {ratio['median']:.2f} "
            f"({ratio['min']:.2f} to {ratio['max']:.2f}, allowed {result['allowed']}), unsettled "
            f"{result['unsettled']}, peak +{result['peak_growth_mib']:.0f} MiB, least only "
            f"{result.get('least_only_s', float('nan')):.3f} s"
        )
        for solver, peer in result.get("peers", {}).items():
            print(
                f"  {solver}: {peer['over_ours']:.0f} x ours, off by "
                f"{peer.get('relative_error', float('nan')):.1e}"
            )
        results[name if chosen.device == "cpu" else f"{name}-{chosen.device}"] = result
    if not chosen.dry:
        record("margins", results)


if __name__ == "__main__":
    main()
