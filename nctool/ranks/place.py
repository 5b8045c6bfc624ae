"""Which of several processes this is, and where they meet; known before anything is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MEETING = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True)
class Place:
    """One of ``size`` processes."""

    rank: int
    size: int
    meeting: str = "env://"
    """As torch.distributed takes it: the variables of the environment, or a file."""
    local: int = 0
    """Which one it is on its machine, of ``neighbours``: each has a GPU of its own if it can."""
    neighbours: int = 1
    parent: int | None = None
    """The process of ours that started all of them and sees how each ends."""
    error_file: str | None = None
    """Where torchrun looks for the cause of a failure."""


def place_in(environment: Mapping[str, str]) -> Place | None:
    """What torchrun and its like have set; None for a process on its own."""
    if not all(environment.get(name) for name in MEETING):
        return None
    try:
        rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        local = int(environment.get("LOCAL_RANK", "0"))
        neighbours = int(environment.get("LOCAL_WORLD_SIZE", size))
    except ValueError:
        return None
    error_file = environment.get("TORCHELASTIC_ERROR_FILE")
    return Place(rank, size, local=local, neighbours=neighbours, error_file=error_file)
