"""What eight checkpoints of a run cost, in analyses of one of them; and what a small command costs.

Run by name, never in the test suite:

    python -m tests.bench.trajectory

Eight checkpoints of (50k, 512, 100), float32, are written to a temporary folder and stay in the
page cache. The promise is of commands, because they are what somebody waits for: ``nctool analyze
RUN`` against ``nctool analyze`` of one of them, each a process of its own, in turns. Beside it the
same in one process that has loaded all libraries, where a single analysis is cheaper:
``nctool.trajectory`` against ``nctool.analyze``, what is remembered from call to call forgotten
before each. ``small`` are commands on small files, and the import of torch, which is most of them.
Results go to fixtures/bench/trajectory.json.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import nctool
from nctool.core.remembered import forget
from tests.bench.analysis import in_turns
from tests.bench.populations import SHAPES, draw, save
from tests.bench.timing import FIGURES, Spent, over, record, spent, spread

CHECKPOINTS = 8
ALLOWED = 6.0
"""Analyses of a single checkpoint."""
NAMES = ("safetensors", "npz", "pt", "small")
ROOT = FIGURES.parents[1]


def checkpoints(folder: Path, suffix: str) -> list[Path]:
    """A run on its way to collapse: the same labels, tighter and tighter classes."""
    paths = []
    for epoch in range(CHECKPOINTS):
        data = draw(replace(SHAPES["B"], noise=4 * 0.6**epoch))
        path = folder / f"epoch={epoch}.{suffix}"
        save(path, data)
        paths.append(path)
    return paths


def command(*words: str | Path) -> None:
    """A process of its own, with compiled modules as an installed command has them."""
    environment = {name: value for name, value in os.environ.items()
                   if name != "PYTHONDONTWRITEBYTECODE"}  # fmt: skip
    subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def analyze(path: Path) -> Callable[[], None]:
    return partial(command, "-m", "nctool", "analyze", path, "--quiet")


def of_processes(repeats: int, *runs: Callable[[], object]) -> list[list[Spent]]:
    rounds = [[spent(run, resource.RUSAGE_CHILDREN) for run in runs] for _ in range(repeats)]
    return [list(each) for each in zip(*rounds, strict=True)]


def anew(run: Callable[[], object]) -> None:
    forget()
    run()


def run_of(suffix: str, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        middle = checkpoints(folder, suffix)[CHECKPOINTS // 2]
        analyze(middle)()
        one, eight = of_processes(repeats, analyze(middle), analyze(folder))
        single, whole = partial(nctool.analyze, middle), partial(nctool.trajectory, folder)
        single()
        within = in_turns(max(1, repeats // 2), partial(anew, single), partial(anew, whole))
    return {
        "checkpoints": CHECKPOINTS, "samples": SHAPES["B"].samples, "dim": SHAPES["B"].dim,
        "classes": SHAPES["B"].classes, "repeats": repeats, "allowed": ALLOWED,
        "commands": {"one": spread(one), "eight": spread(eight), "ratio": over(eight, one)},
        "in_process": {"one": spread(within[0]), "eight": spread(within[1]),
                       "ratio": over(within[1], within[0])},
    }  # fmt: skip


def small(repeats: int) -> dict[str, Any]:
    """Commands of which most is not measuring."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "small.npz"
        random = np.random.default_rng(0)
        labels = np.arange(1000) % 10
        features = np.eye(10, 64, dtype=np.float32)[labels]
        features += 0.1 * random.standard_normal((1000, 64), dtype=np.float32)
        np.savez(path, features=features, labels=labels)
        runs: dict[str, Callable[[], None]] = {
            "import torch": partial(command, "-c", "import torch"),
            "nctool --version": partial(command, "-m", "nctool", "--version"),
            "nctool analyze small.npz": analyze(path),
            "nctool analyze fixtures/digits": analyze(ROOT / "fixtures" / "digits"),
        }
        for run in runs.values():
            run()
        took = of_processes(repeats, *runs.values())
    return {
        "repeats": repeats,
        **{name: spread(each) for name, each in zip(runs, took, strict=True)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NAMES), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"no {', '.join(unknown)}; there is {', '.join(NAMES)}")
    results = {}
    for name in chosen.names:
        if name == "small":
            results[name] = small(chosen.repeats)
            for way, figures in results[name].items():
                if way != "repeats":
                    print(f"{way}: {figures['cpu_s']['median']:.2f} CPU s", flush=True)
            continue
        results[name] = run_of(name, chosen.repeats)
        for way in ("commands", "in_process"):
            figures = results[name][way]
            one, eight = (figures[each]["cpu_s"]["median"] for each in ("one", "eight"))
            print(f"{name}, {way}: one {one:.2f} CPU s, eight {eight:.2f}, ratio "
                  f"{figures['ratio']['cpu']['median']:.2f} of CPU, "
                  f"{figures['ratio']['wall']['median']:.2f} of wall", flush=True)  # fmt: skip
    if not chosen.dry:
        record("trajectory", results)


if __name__ == "__main__":
    main()
