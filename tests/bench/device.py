"""What an analysis asks of a GPU: counted by line where there is none, timed where there is one.

Run by name, never in the test suite:

    python -m tests.bench.device count 8 300
    python -m tests.bench.device time A B C D

``count``: waits, launches and copies that 8 MiB more of features cost, by the line of nctool that
asks, on the simulated device of the tests; for each number of classes. ``time``: the analysis of
each population of ``tests/bench/populations.py`` on ``cuda``, with the same numbers as the CPU's,
against the floor there: two reads of the features on the device and the bare product. On a machine
with a GPU, Python 3.12 and torch 2.11, all that can be known there is

    python -m pytest -n 4 && python -m tests.bench.device time A B C D && python -m tests.bench

Results go to fixtures/bench/device.json.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import torch

import nctool
from nctool.core.remembered import forget
from tests.bench.analysis import SELECTED
from tests.bench.floor import floor
from tests.bench.populations import SHAPES, Data, Shape, draw
from tests.bench.timing import record, spent, spread
from tests.support.accelerator import Counts, simulated

DIM, ROWS = 64, (8 << 20) // (4 * 64)
SWEPT = "nc1.*,nc4.*,gnc1.*,gnc3.*,gnc.*,hug.reverse_energy.*,hug.alignment"
"""What both passes feed."""
KINDS = ("waits", "launches", "blocking", "flying")
SHOWN = 12
SAME = 1e-5


def analyse(data: Data, device: str, metrics: str) -> nctool.Report:
    forget()
    return nctool.analyze(
        features=data.features, labels=data.labels, weight=data.weight, bias=data.bias,
        device=device, metrics=metrics,
    )  # fmt: skip


def count(classes: int) -> dict[str, Any]:
    """By kind, what 8 MiB more cost."""

    def counts(blocks: int) -> Counts:
        data = draw(Shape(blocks * ROWS, DIM, classes))
        with simulated() as seen:
            analyse(data, "cuda", SWEPT)
        return seen

    few, many = counts(1), counts(5)
    result: dict[str, Any] = {}
    for kind in KINDS:
        before, after = getattr(few, kind), getattr(many, kind)
        by_line = {line: (after[line] - before[line]) / 4 for line in after | before}
        result[kind] = sum(by_line.values())
        print(f"K = {classes}: {result[kind]:g} {kind} for each 8 MiB")
        for line in sorted(by_line, key=by_line.__getitem__, reverse=True)[:SHOWN]:
            if by_line[line]:
                print(f"  {by_line[line]:6.2f}  {line}")
    result["bytes_sent"] = (many.sent.total() - few.sent.total()) / 4
    return result


def time(name: str, repeats: int) -> dict[str, Any]:
    """An analysis on the device beside its floor there, in turns, after one that warms up."""
    data = draw(SHAPES[name])
    there = Data(**{key: getattr(data, key).cuda() for key in Data.__slots__})
    on_cpu, on_gpu = (analyse(data, device, SELECTED) for device in ("cpu", "cuda"))
    for expected, given in zip(on_cpu.metrics, on_gpu.metrics, strict=True):
        if expected.value is not None:
            assert given.value is not None, expected.id
            same = math.isclose(expected.value, given.value, rel_tol=SAME, abs_tol=SAME**2)
            assert same, (expected.id, expected.value, given.value)
    floor(there)
    floors, sent, kept = [], [], []
    for _ in range(repeats):
        floors.append(spent(lambda: floor(there)))
        sent.append(spent(lambda: analyse(data, "cuda", SELECTED)))
        kept.append(spent(lambda: analyse(there, "cuda", SELECTED)))
    result = {"floor": spread(floors), "from_memory": spread(sent), "there_already": spread(kept)}
    times = ", ".join(f"{key} {each['wall_s']['median']:.3f} s" for key, each in result.items())
    print(f"{name}: {times}")
    return result | {"environment": on_gpu.environment, "timing_s": on_gpu.timing_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("count", "time"))
    parser.add_argument("names", nargs="*", help="numbers of classes, or populations")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    if chosen.what == "count":
        for classes in chosen.names or ("8", "300"):
            results[f"simulated, K = {classes}"] = count(int(classes))
    elif not torch.cuda.is_available():
        parser.error("there is no GPU here: count what is asked of a simulated one")
    else:
        for name in chosen.names or ("A", "B", "C", "D"):
            results[name] = time(name, chosen.repeats)
    if not chosen.dry:
        record("device", results)


if __name__ == "__main__":
    main()
