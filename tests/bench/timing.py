"""What every benchmark shares: seconds, their spread, the machine, and where figures are kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

import nctool

FIGURES = Path(__file__).parents[2] / "fixtures" / "bench"


def timed(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter() - start


def summary(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


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
    known["command"] = f"python tests/bench/{name}.py " + " ".join(sys.argv[1:])
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
