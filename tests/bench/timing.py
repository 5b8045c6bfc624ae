"""What every benchmark shares: seconds, their spread, the machine, and where figures are kept."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

import nctool

FIGURES = Path(__file__).parents[2] / "fixtures" / "bench"


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of all threads of the processor, which others on the machine hardly lengthen, and
    seconds on the clock, which they do."""

    cpu: float
    wall: float


def spent(run: Callable[[], object], who: int = resource.RUSAGE_SELF) -> Spent:
    """What a run takes; with ``RUSAGE_CHILDREN`` of the processes that it starts and waits for."""
    before, start = resource.getrusage(who), perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    wall, after = perf_counter() - start, resource.getrusage(who)
    return Spent(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def timed(run: Callable[[], object]) -> float:
    """Seconds on the clock."""
    return spent(run).wall


def summary(values: Iterable[float]) -> dict[str, float]:
    """Median and spread, to four digits: more would be noise."""
    known = sorted(values)
    kept = {"min": known[0], "median": statistics.median(known), "max": known[-1]}
    return {name: float(f"{value:.4g}") for name, value in kept.items()}


def spread(runs: Iterable[Spent]) -> dict[str, dict[str, float]]:
    """Median and spread of both clocks."""
    known = list(runs)
    return {
        "cpu_s": summary(run.cpu for run in known),
        "wall_s": summary(run.wall for run in known),
    }


def over(ours: Iterable[Spent], theirs: Iterable[Spent]) -> dict[str, dict[str, float]]:
    """Median and spread of the ratios of runs that were taken one after the other."""
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "cpu": summary(one.cpu / other.cpu for one, other in pairs),
        "wall": summary(one.wall / other.wall for one, other in pairs),
    }


def machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
        model = next(row.split(":")[1].strip() for row in text.splitlines() if "model name" in row)
    except (OSError, StopIteration):
        pass
    return {
        "cpu": model,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[1], 1),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "nctool": nctool.__version__,
    }


def record(name: str, results: dict[str, Any]) -> None:
    """Add results to ``fixtures/bench/NAME.json``; others stay, each with its machine."""
    path = FIGURES / f"{name}.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {"results": {}}
    where = machine()
    for key, result in results.items():
        known["results"][key] = {"machine": where} | result
    known.pop("machine", None)
    known["command"] = f"python -m tests.bench.{name} " + " ".join(sys.argv[1:])
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
