"""How the cost grows with samples, dimensions and classes: tables, and the exponent of each.

Run by name, never in the test suite:

    python -m tests.bench.scaling

One number at a time is halved and doubled, from a common middle. CPU seconds are the median of
several runs; what is remembered from call to call is forgotten before each. ``exponent`` is the
slope of a line through the logarithms of all sizes, ``at_the_end`` that of the last two, where
fixed costs weigh least. Margins, energies and the log-determinant are of K random directions.
Results go to fixtures/bench/scaling.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nctool.core.remembered import forget
from nctool.geometry.determinant import log_determinant
from nctool.geometry.energy import energies
from nctool.geometry.hull import margins
from tests.bench.analysis import SELECTED, analyse
from tests.bench.populations import Shape, draw
from tests.bench.timing import record, spent, summary

Run = Callable[[], object]
Sizes = dict[str, tuple[int, ...]]

MIDDLE = Shape(20_000, 256, 50)
POINTS = Shape(0, 256, 1000)
SIZES: Sizes = {"samples": (10_000, 20_000, 40_000, 80_000), "dim": (64, 128, 256, 512),
         "classes": (10, 40, 160, 640)}  # fmt: skip
OF_POINTS: Sizes = {"dim": (64, 128, 256, 512), "classes": (500, 1000, 2000, 4000)}


def analysis(metrics: str | None) -> Callable[[Shape], Run]:
    return lambda shape: partial(analyse, draw(shape), metrics)


def geometry(measure: Callable[[Tensor], object]) -> Callable[[Shape], Run]:
    def made(shape: Shape) -> Run:
        random = torch.Generator().manual_seed(0)
        rows = torch.randn(shape.classes, shape.dim, generator=random, dtype=torch.float64)
        rows /= torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        return torch.inference_mode()(lambda: measure(rows))

    return made


WAYS: dict[str, tuple[Callable[[Shape], Run], Shape, Sizes]] = {
    "selected": (analysis(SELECTED), MIDDLE, SIZES),
    "default": (analysis(None), MIDDLE, SIZES),
    "margins": (geometry(margins), POINTS, OF_POINTS),
    "energies": (geometry(energies), POINTS, OF_POINTS),
    "log_determinant": (geometry(log_determinant), POINTS, OF_POINTS),
}


def bench(way: str, repeats: int) -> dict[str, Any]:
    """By what grows: sizes, seconds and exponents."""
    made, middle, sizes = WAYS[way]
    result: dict[str, Any] = {"repeats": repeats}
    for name, values in sizes.items():
        seconds = [cpu(made(replace(middle, **{name: value})), repeats) for value in values]
        medians = [each["median"] for each in seconds]
        fixed = {key: getattr(middle, key) for key in sizes if key != name}
        result[name] = {
            "sizes": values, "beside": fixed, "cpu_s": seconds,
            "exponent": exponent(values, medians),
            "at_the_end": exponent(values[-2:], medians[-2:]),
        }  # fmt: skip
    return result


def cpu(run: Run, repeats: int) -> dict[str, float]:
    """CPU seconds; the first call, which loads libraries, is not counted."""
    run()
    known = []
    for _ in range(repeats):
        forget()
        known.append(spent(run).cpu)
    return summary(known)


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """The power of the size with which the cost grows: least squares on logarithms."""
    slope, _ = np.polyfit(np.log(sizes), np.log(np.maximum(seconds, 1e-6)), 1)
    return round(float(slope), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ways", nargs="*", default=list(WAYS), metavar="WAY")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    for way in chosen.ways:
        results[way] = bench(way, chosen.repeats)
        for name in WAYS[way][2]:
            row = results[way][name]
            pairs = zip(row["sizes"], row["cpu_s"], strict=True)
            told = ", ".join(f"{size:,}: {each['median']:.3g} s" for size, each in pairs)
            print(f"{way} over {name}: {told}; exponent {row['exponent']}, "
                  f"at the end {row['at_the_end']}", flush=True)  # fmt: skip
    if not chosen.dry:
        record("scaling", results)


if __name__ == "__main__":
    main()
