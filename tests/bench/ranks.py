"""How much faster two processes are than one, each on one core.

Run by name, never in the test suite:

    for shape in C D; do python -m tests.bench.ranks $shape; done

Each process computes with one thread. Compared are CPU seconds of a process, the larger of the two,
because a machine that does other things too stretches wall time: they include packing, sending and
merging, and not waiting for each other, which is what the wall time beside them shows. The best of
several runs counts. The files are in the page cache. Results go to fixtures/bench/ranks.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from nctool import metrics
from nctool.analysis.measure import Settings
from nctool.analysis.together import measure_together
from nctool.engine.group import ALONE, Group
from nctool.inputs.sources import load
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import DEFAULT
from nctool.settings.role_options import RoleOptions
from tests.bench.analysis import SELECTED
from tests.bench.populations import SHAPES, draw
from tests.bench.timing import record
from tests.support.ranks import on_ranks

ALLOWED = 0.6
LONG = 900.0
WAYS = {"selected": SELECTED, "all": None}


def save(folder: Path, name: str) -> None:
    data = draw(SHAPES[name])
    for role in ("features", "labels", "weight", "bias"):
        np.save(folder / f"{role}.npy", getattr(data, role).numpy())


def analyse(group: Group, folder: Path, ids: str | None) -> dict[str, Any]:
    """CPU and wall seconds, and some values to compare."""
    torch.set_num_threads(1)
    source = load([str(folder)], RoleOptions(head="weight", bias="bias"))
    settings = Settings(DEFAULT, ComputeOptions(device="cpu"))
    cpu, wall = process_time(), perf_counter()
    analysis = measure_together(source, metrics.select(ids), settings, None, group)
    spent = {"cpu": process_time() - cpu, "wall": perf_counter() - wall}
    report = analysis.report
    return spent | {
        "values": {result.id: result.value for result in report},
        "stages": {name: round(each, 3) for name, each in report.timing_s.items()},
    }


def alone(group: Group, folder: Path, ids: str | None) -> dict[str, Any]:
    return analyse(ALONE, folder, ids)


def bench(folder: Path, ids: str | None, repeats: int) -> dict[str, Any]:
    one, two = [], []
    for _ in range(repeats):
        one += on_ranks(1, alone, folder, ids, timeout=LONG)
        two.append(on_ranks(2, analyse, folder, ids, timeout=LONG))
    for name, value in one[0]["values"].items():
        other = two[0][0]["values"][name]
        assert (value is None) == (other is None), name
        assert value is None or abs(value - other) <= 1e-5 * abs(value), (name, value, other)
    single = min(run["cpu"] for run in one)
    double = min(max(run["cpu"] for run in pair) for pair in two)
    return {
        "one_cpu_s": single,
        "two_cpu_s": double,
        "ratio": double / single,
        "one_wall_s": min(run["wall"] for run in one),
        "two_wall_s": min(max(run["wall"] for run in pair) for pair in two),
        "allowed": ALLOWED,
        "repeats": repeats,
        "one_stages_s": one[-1]["stages"],
        "two_stages_s": two[-1][0]["stages"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=["C"], metavar="SHAPE")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    for name in chosen.shapes:
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder), name)
            for way, ids in WAYS.items():
                result = bench(Path(folder), ids, chosen.repeats)
                results[f"{name}-{way}"] = result
                print(name, way, {key: result[key] for key in list(result)[:6]})
    if not chosen.dry:
        record("ranks", results)


if __name__ == "__main__":
    main()
