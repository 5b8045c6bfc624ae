"""Where and how finely to compute, and how much at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import torch

from nctool.core.errors import ResourceError

FEWEST_ROWS = 256

CPU_BLOCK, CPU_SCORES = 4 << 20, 16 << 20
"""Bytes of features and of scores that stay in cache. Of the former there are several copies:
residuals, origins, what is scaled."""

MOST_FEATURES, MOST_SCORES = 512 << 20, 2 << 30
"""Bytes of a block on a device with memory of its own: launching and waiting cost more there than
cache misses. Beyond these, launches take less than a hundredth of a block's time."""
FEATURE_SHARE, SCORE_SHARE = 128, 64
"""One part in so many of the free memory is a block: what accumulators make of one is some ten
times as large, and the next one is on its way."""

SHRINKS, LEAST_BLOCK = 4, 2 << 20
"""Where memory runs out blocks are a fourth, until they are hardly more than this."""

DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Engine:
    """A device, a working precision, and block sizes that suit both."""

    device: torch.device
    work: torch.dtype
    block_bytes: int = CPU_BLOCK
    """Bytes of features in one block."""
    score_bytes: int = CPU_SCORES
    """Bytes of scores held at a time."""
    memory: int = 0
    """Bytes of the device that are free for this analysis; 0 on a CPU, where --memory decides."""
    shrunk: int = 0
    """How often it ran out of memory, and went on with smaller blocks."""

    @classmethod
    def on(cls, device: torch.device, work: torch.dtype, memory: int | None = None) -> Engine:
        """With blocks that suit the device, or ``memory`` bytes of it."""
        if device.type == "cpu":
            return cls(device, work)
        memory = free_memory(device) if memory is None else memory
        return cls(
            device,
            work,
            min(max(memory // FEATURE_SHARE, CPU_BLOCK), MOST_FEATURES),
            min(max(memory // SCORE_SHARE, CPU_SCORES), MOST_SCORES),
            memory,
        )

    def smaller(self) -> Engine | None:
        """With blocks of a quarter; None where they are small already, or are not what is large."""
        if self.device.type == "cpu" or self.block_bytes <= LEAST_BLOCK:
            return None
        memory = min(self.memory // SHRINKS, free_memory(self.device))
        features, scores = self.block_bytes // SHRINKS, self.score_bytes // SHRINKS
        return replace(
            self, block_bytes=features, score_bytes=scores, memory=memory, shrunk=self.shrunk + 1
        )

    @property
    def kept_bytes(self) -> int:
        """So many bytes of features may stay on the device for the next pass."""
        return self.memory // 2

    def feature_rows(self, dim: int) -> int:
        return max(self.block_bytes // (self.work.itemsize * dim), FEWEST_ROWS)

    def score_rows(self, width: int) -> int:
        """Rows of a block when ``width`` numbers of each sample are held beside its features."""
        return max(self.score_bytes // (self.work.itemsize * max(width, 1)), FEWEST_ROWS)

    def clock(self) -> float:
        """Seconds, once everything that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return perf_counter()


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device; 0 where nobody can tell."""
    if device.type != "cuda":
        return 0
    # What torch holds on to without using it counts as free once it is given back.
    torch.cuda.empty_cache()
    return int(torch.cuda.mem_get_info(device)[0])


def choose_device(name: str) -> torch.device:
    """The device of that name, with its number; ``auto`` is a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and device.index is None and torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
    here = devices()
    if str(device) in here:
        return device
    others = [each for each in here if each.split(":")[0] == device.type]
    message = f"device {name!r} is not available here"
    if others:
        message += f": there {'is' if len(others) == 1 else 'are'} {', '.join(others)}"
    hint = f"use --device {(others or ['cpu'])[0]}; see what is here with: nctool doctor"
    raise ResourceError("no-such-device", message, hint)


def devices() -> list[str]:
    """The names of all devices there are."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *(f"cuda:{index}" for index in range(gpus)), *mps]


def gpus() -> list[str]:
    """Name and memory of every GPU of this process."""
    if not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(each) for each in range(torch.cuda.device_count())]
    return [f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in found]


def described(device: torch.device) -> dict[str, str]:
    """What decides speed and rounding besides the device's name; nothing for a CPU."""
    if device.type != "cuda":
        return {}
    there = gpus()
    which = f" ({device} of {len(there)})" if len(there) > 1 else ""
    built = torch.version.cuda or getattr(torch.version, "hip", None)
    told = {"gpu": there[device.index or 0] + which, "driver": _driver(), "cuda": built}
    return {name: value for name, value in told.items() if value}


def _driver() -> str | None:
    """The version of the kernel module, where Linux tells it."""
    try:
        found = re.search(r"\d+\.\d+(\.\d+)?", DRIVER.read_text("utf-8"))
    except OSError:
        return None
    return found and found.group()
