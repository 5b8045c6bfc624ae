"""How long the certified margins of all classes take, against one bare Gram product and others.

Run by name, never in the test suite:

    python tests/bench/margins.py random-10k clustered-10k --peers
    python tests/bench/margins.py random-50k language-50k

The unit is the bare float32 product X X' of the same rows, in row blocks into one reused buffer:
everything about K points costs at least that. Peers are timed on a sample: one quadratic programme
per class by general solvers (those that can be imported), and some steps of the gradient solver
that the figures of Jiang et al. 2024 come from (10,000 of them; no certificate). Their answers are
compared with ours. Results go to fixtures/bench/margins.json.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nctool.geometry.hull import Margins, margins
from tests.bench.timing import record, summary, timed

Solve = Callable[[np.ndarray, np.ndarray], float]

GAP = 1e-6
STEPS, TIMED_STEPS = 10_000, 20
BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Shape:
    kind: str
    classes: int
    dim: int
    allowed: float | None = None
    """The promised number of bare Gram products."""


SHAPES = {
    "random-1k": Shape("random", 1000, 512),
    "clustered-1k": Shape("clustered", 1000, 512),
    "language-1k": Shape("language", 1000, 512),
    "simplex-1k": Shape("simplex", 1000, 2048),
    "random-10k": Shape("random", 10_000, 512, allowed=16),
    "clustered-10k": Shape("clustered", 10_000, 512, allowed=16),
    "language-10k": Shape("language", 10_000, 512, allowed=16),
    "random-50k": Shape("random", 50_257, 768, allowed=9),
    "language-50k": Shape("language", 50_257, 768, allowed=9),
    "language-128k": Shape("language", 128_256, 4096),
}


def draw(shape: Shape, device: str) -> Tensor:
    """Unit rows: isotropic; around class groups; like a language-model head; or a noisy simplex."""
    random = torch.Generator().manual_seed(0)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=random)

    count, dim = shape.classes, shape.dim

    def around(centres: Tensor, spread: float) -> Tensor:
        chosen = torch.randint(len(centres), (count,), generator=random)
        return centres[chosen] + spread * normal(count, dim)

    if shape.kind == "random":
        rows = normal(count, dim)
    elif shape.kind == "clustered":
        rows = around(normal(max(2, count // 50), dim), 0.5)
    elif shape.kind == "simplex":
        rows = torch.eye(count, dim)
        rows[:, :count] -= 1 / count
        rows += 0.1 * normal(count, dim) / dim**0.5
    else:
        # A common part, a hierarchy of groups, and a spectrum that falls as a power.
        top = normal(max(2, count // 1000 + 2), dim)
        middle = top[torch.randint(len(top), (max(4, count // 50),), generator=random)]
        middle = middle + 0.7 * normal(len(middle), dim)
        fall = torch.arange(1, dim + 1) ** -0.5
        rows = (around(middle, 0.6) + 0.5 * normal(1, dim)) * fall
    rows = rows.to(device).double()
    unit: Tensor = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return unit


def gram(rows: Tensor) -> None:
    """The bare product, nothing kept."""
    out = torch.empty(BLOCK, len(rows), device=rows.device)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        torch.mm(block, rows.T, out=out[: len(block)])


def bench(name: str, repeats: int, with_peers: bool, device: str) -> dict[str, Any]:
    shape = SHAPES[name]
    rows = draw(shape, device)
    single = rows.float()
    torch.mm(single[:64], single.T)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    units, ours, ratios = [], [], []
    results: list[Margins] = []
    for _ in range(repeats):
        units.append(timed(lambda: gram(single)))
        ours.append(timed(lambda: results.append(margins(rows, gap=GAP))))
        ratios.append(ours[-1] / units[-1])
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    answer = results[-1]
    sizes = answer.supports.sizes(shape.classes).double()
    result: dict[str, Any] = {
        "classes": shape.classes,
        "dim": shape.dim,
        "kind": shape.kind,
        "device": device,
        "gap": GAP,
        "unsettled": int((~answer.settled).sum()),
        "least": float(answer.upper.min()),
        "support_median": float(sizes.median()),
        "support_largest": float(sizes.max()),
        "gram_s": summary(units),
        "margins_s": summary(ours),
        "ratio": summary(ratios),
        "allowed": shape.allowed,
        "peak_growth_mib": growth,
    }
    result["least_only_s"] = timed(lambda: margins(rows, gap=GAP, least_only=True))
    if with_peers:
        best = statistics.median(ours)
        result["peers"] = {
            solver: {"whole_s": seconds, "over_ours": seconds / best} | more
            for solver, seconds, more in peers(rows, answer)
        }
    return result


def peers(rows: Tensor, answer: Margins) -> Iterator[tuple[str, float, dict[str, float]]]:
    """Name, seconds for all classes (a sample, scaled up), and how far off the sample was."""
    points = rows.cpu().numpy()
    sample = [int(answer.upper.argmin()), *range(1, len(points), len(points) // 2)][:3]
    for solver, solve in (("scipy-nnls", _nnls), ("quadprog", _quadprog), ("clarabel", _clarabel)):
        try:
            done = [_timed_class(solve, points, row) for row in sample]
        except (ImportError, MemoryError):
            continue
        seconds = sum(second for second, _ in done)
        worst = max(
            abs(value / float(answer.upper[row]) - 1)
            for row, (_, value) in zip(sample, done, strict=True)
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
    parser.add_argument("shapes", nargs="+", choices=list(SHAPES), metavar="SHAPE")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="also time other solvers")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    precision: Callable[[str], None] = torch.set_float32_matmul_precision
    precision("highest")
    for name in chosen.shapes:
        with torch.inference_mode():
            result = bench(name, chosen.repeats, chosen.peers, chosen.device)
        ratio = result["ratio"]
        print(
            f"{name}: gram {result['gram_s']['median']:.3f} s, margins "
            f"{result['margins_s']['median']:.3f} s, ratio {ratio['median']:.2f} "
            f"({ratio['min']:.2f} to {ratio['max']:.2f}, allowed {result['allowed']}), unsettled "
            f"{result['unsettled']}, peak +{result['peak_growth_mib']:.0f} MiB, least only "
            f"{result['least_only_s']:.3f} s"
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
