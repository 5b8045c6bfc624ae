"""What collection costs beside the forward passes that it goes along with, and what it holds.

Run by name, never in the test suite:

    python tests/bench/collection.py w16 w64 memory

The network keeps the time of its own layers, and the loader that of its batches; all else between
the second batch and the end of the pass is ours: hooks, copies, digests, the spool or class sums,
fingerprints of the model. Seconds are those of the processor, which other processes on the machine
do not lengthen. So the figure is taken inside one process and one pass; differences of
whole runs would be noise many times as large. Finding the head takes the first batch, and is told
apart. ``memory`` holds the peak against the number of samples, with no rows kept.
Results go to fixtures/bench/collection.json.
"""

from __future__ import annotations

import argparse
import gc
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import torch
from torch import Tensor, nn

from nctool.analysis.collecting import Collecting, collected
from nctool.analysis.measure import Settings
from nctool.core.progress import Silent
from nctool.settings.conventions import Convention
from tests.bench.timing import record, summary

CLASSES, PIXELS = 10, 32
ALLOWED = 0.01
"""Of the forward passes."""


@dataclass(frozen=True, slots=True)
class Shape:
    width: int
    batch: int
    batches: int


SHAPES = {"w16": Shape(16, 64, 80), "w64": Shape(64, 32, 24)}
ROWS = (20_000, 80_000, 320_000)
DIM, MANY = 512, 100


@dataclass(slots=True)
class Clock:
    """Seconds of the network and of the loader, and when each batch was asked for."""

    network: float = 0.0
    loader: float = 0.0
    asked: list[tuple[float, float, float]] = field(default_factory=list)
    """Then, and what the other two were then."""

    def own(self, run: Callable[[], Tensor]) -> Tensor:
        start = process_time()
        result = run()
        self.network += process_time() - start
        return result


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(fan_out) for _ in range(2))
        self.short: nn.Module = nn.Identity()
        if stride > 1 or fan_in != fan_out:
            self.short = nn.Conv2d(fan_in, fan_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norms[0](self.first(x)).relu()
        outer: Tensor = (self.norms[1](self.second(inner)) + self.short(x)).relu()
        return outer


class TimedLinear(nn.Linear):
    """A hook of ours runs before this forward, and is not in its time."""

    clock: Clock

    def forward(self, x: Tensor) -> Tensor:
        return self.clock.own(lambda: nn.functional.linear(x, self.weight, self.bias))


class ResNet18(nn.Module):
    """For images of 32 x 32."""

    def __init__(self, width: int, clock: Clock) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        ]  # fmt: skip
        fan_in = width
        for stage, fan_out in enumerate((width, 2 * width, 4 * width, 8 * width)):
            for number in range(2):
                layers.append(Block(fan_in, fan_out, 2 if stage and not number else 1))
                fan_in = fan_out
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = TimedLinear(fan_in, CLASSES)
        self.clock = self.fc.clock = clock

    def forward(self, x: Tensor) -> Tensor:
        features = self.clock.own(lambda: self.body(x))
        logits: Tensor = self.fc(features)
        return logits


@dataclass(slots=True)
class Loader:
    """The same random images again and again, and other labels."""

    shape: Shape
    clock: Clock

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        random = torch.Generator().manual_seed(0)
        images = torch.randn(self.shape.batch, 3, PIXELS, PIXELS, generator=random)
        clock = self.clock
        for number in range(self.shape.batches):
            clock.asked.append((process_time(), clock.network, clock.loader))
            start = process_time()
            labels = torch.randint(0, CLASSES, (len(images),), generator=random)
            batch = images + 0.01 * number, labels
            clock.loader += process_time() - start
            yield batch

    def __len__(self) -> int:
        return self.shape.batches


PATHS: dict[str, dict[str, Any]] = {
    "rows in memory": {},
    "rows in a folder": {"out": True},
    "sums alone": {"spool": 0},
}


def one_pass(shape: Shape, how: dict[str, Any]) -> tuple[float, float, float]:
    """Seconds of ours and of the network from the second batch on, and of finding the head."""
    clock = Clock()
    torch.manual_seed(0)
    model = ResNet18(shape.width, clock).eval()
    loader = Loader(shape, clock)
    with TemporaryDirectory() as folder:
        given = {**how, "out": Path(folder) / "rows"} if "out" in how else how
        settings = Settings(Convention())
        with collected(model, loader, Collecting(**given), settings, Silent()):
            end = process_time()
    start, network, loading = clock.asked[1]
    network, loading = clock.network - network, clock.loader - loading
    ours = end - start - network - loading
    first = clock.asked[1][0] - clock.asked[0][0]
    return ours, network, first - network / (shape.batches - 1)


def bench(shape: Shape, repeats: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "width": shape.width, "dim": 8 * shape.width, "batch": shape.batch,
        "batches": shape.batches, "repeats": repeats, "allowed": ALLOWED,
    }  # fmt: skip
    one_pass(Shape(shape.width, shape.batch, 3), {})
    for name, how in PATHS.items():
        passes = [one_pass(shape, how) for _ in range(repeats)]
        result[name] = {
            "ratio": summary([ours / network for ours, network, _ in passes]),
            "ours_ms_per_batch": summary([1e3 * each[0] / (shape.batches - 1) for each in passes]),
            "forward_ms_per_batch": summary(
                [1e3 * each[1] / (shape.batches - 1) for each in passes]
            ),
            "finding_the_head_s": summary([each[2] for each in passes]),
        }
    return result


def rows(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    random = torch.Generator().manual_seed(0)
    for _ in range(count // 500):
        labels = torch.randint(0, MANY, (500,), generator=random)
        yield torch.randn(500, DIM, generator=random), labels


def memory() -> dict[str, Any]:
    """Peak memory of a pass without rows kept, in MiB: after the smallest, its growth for more."""
    model = nn.Sequential(nn.Identity(), nn.Linear(DIM, MANY))
    peaks = []
    for count in ROWS:
        how, settings = Collecting(spool=0), Settings(Convention())
        with collected(model, rows(count), how, settings, Silent()):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        gc.collect()
    growth = [peak - peaks[0] for peak in peaks]
    rows_mib = [count * DIM * 4 / 2**20 for count in ROWS]
    return {"samples": ROWS, "dim": DIM, "classes": MANY, "peak_growth_mib": growth,
            "rows_mib": rows_mib}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=[*SHAPES, "memory"], metavar="SHAPE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    results = {}
    for name in chosen.shapes:
        run = memory if name == "memory" else partial(bench, SHAPES[name], chosen.repeats)
        results[name] = result = run()
        if name == "memory":
            print(f"memory: {result['samples']} samples, peak {result['peak_growth_mib']} MiB more")
            continue
        for path in PATHS:
            ratio, each = result[path]["ratio"], result[path]
            print(
                f"{name}, {path}: {ratio['median']:.3%} of the forward passes "
                f"({ratio['min']:.3%} to {ratio['max']:.3%}, allowed {ALLOWED:.0%}), "
                f"{each['ours_ms_per_batch']['median']:.2f} of "
                f"{each['forward_ms_per_batch']['median']:.0f} ms, "
                f"finding the head {each['finding_the_head_s']['median']:.2f} s"
            )
    if not chosen.dry:
        record("collection", results)


if __name__ == "__main__":
    main()
