"""What ``--dry-run`` foretells against what then happens: seconds by stage, and peak memory.

Run by name, never in the test suite, a case to a process (Linux: peak memory is reset there):

    for case in A B C D A-all B-all C-all D-all head; do python tests/bench/estimate.py $case; done

Seconds are those of the processor, of one thread, so that others on the machine matter less; the
rates behind the estimate are measured first, in the same process. Promised: the whole and the peak
within a factor of two. Results go to fixtures/bench/estimate.json.
"""

from __future__ import annotations

import argparse
import ctypes
from pathlib import Path
from time import process_time
from typing import Any

import torch

import nctool
from nctool.analysis import estimates, measure
from nctool.engine import device, rates, solve
from nctool.report.estimate import WITHIN
from tests.bench.analysis import SELECTED
from tests.bench.populations import SHAPES, draw
from tests.bench.timing import record

HEAD = (30_000, 384)
SMALL = 0.02
"""Of the whole: stages under it are not shown."""


def head() -> dict[str, Any]:
    """Rows like those of a language model: a common part, groups, a spectrum that falls."""
    random = torch.Generator().manual_seed(0)
    count, dim = HEAD
    fall = torch.arange(1, dim + 1) ** -0.5
    groups = torch.randn(count // 50, dim, generator=random)
    rows = groups[torch.randint(len(groups), (count,), generator=random)]
    rows += 0.6 * torch.randn(count, dim, generator=random)
    return {"weight": (rows + 0.5 * torch.randn(1, dim, generator=random)) * fall}


def given(case: str) -> dict[str, Any]:
    """The arrays of a case, and its metrics."""
    name = case.removesuffix("-all")
    if name == "head":
        return head()
    data = draw(SHAPES[name])
    arrays = {"features": data.features, "labels": data.labels}
    arrays |= {"weight": data.weight, "bias": data.bias}
    return {**arrays, **({} if case.endswith("-all") else {"metrics": SELECTED})}


def resident(what: str) -> float:
    """Bytes of this process: VmRSS now, VmHWM at most."""
    text = Path("/proc/self/status").read_text("utf-8")
    return 1024.0 * int(next(row for row in text.splitlines() if row.startswith(what)).split()[1])


def bench(case: str) -> dict[str, Any]:
    arguments = given(case)
    # The first analysis of a process loads code: that is no part of what is foretold.
    nctool.analyze(features=torch.randn(600, 16), labels=torch.arange(600) % 4, device="cpu")
    foretold = nctool.estimate(**arguments, device="cpu")
    # Memory that was given back goes to the system, and the peak begins anew.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    report = nctool.analyze(**arguments, device="cpu")
    grown = resident("VmHWM") - before
    assert foretold.seconds is not None
    stages = {stage.name: stage.seconds or 0.0 for stage in foretold.stages}
    return {
        "seconds": {"foretold": foretold.seconds, "actual": report.timing_s["total"]},
        "bytes": {"foretold": foretold.bytes_held, "actual": grown},
        "stages": {
            name: {"foretold": stages.get(name, 0.0), "actual": report.timing_s.get(name, 0.0)}
            for name in [*stages, *(set(report.timing_s) - {"total", *stages})]
        },
        "rates": dict(foretold.rates),
    }


def show(case: str, result: dict[str, Any]) -> None:
    def row(name: str, values: dict[str, float], unit: float = 1.0) -> str:
        foretold, actual = (values[key] / unit for key in ("foretold", "actual"))
        ratio = foretold / actual if actual else float("inf")
        return f"  {name:24} {foretold:9.3f} {actual:9.3f}   {ratio:5.2f}"

    seconds, size = result["seconds"], result["bytes"]
    kept = all(1 / WITHIN <= each["foretold"] / max(each["actual"], 1) <= WITHIN for each in [size])
    kept &= 1 / WITHIN <= seconds["foretold"] / seconds["actual"] <= WITHIN
    print(f"{case}: {'within' if kept else 'NOT WITHIN'} {WITHIN:g} x (foretold, actual, ratio)")
    print(row("whole, s", seconds))
    print(row("peak, MiB", size, 1 << 20))
    for name, values in result["stages"].items():
        if max(values.values()) >= SMALL * max(seconds.values()):
            print(row(name, values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    cases = [*SHAPES, *(f"{name}-all" for name in SHAPES), "head"]
    parser.add_argument("cases", nargs="*", default=cases, metavar="CASE")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    estimates.SHORT = 0.0  # rates of now: others may be using this machine
    for module in (device, rates, solve, measure):
        module.perf_counter = process_time  # type: ignore[attr-defined]
    results = {}
    for case in chosen.cases:
        results[case] = bench(case)
        show(case, results[case])
    if not chosen.dry:
        record("estimate", results)


if __name__ == "__main__":
    main()
