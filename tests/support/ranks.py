"""Several processes for a test: forked from a server that has loaded torch, and met over a file."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from nctool.ranks.group import Ranks

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.ranks", "nctool.analysis.measure"])
PATIENCE = 120.0
"""Seconds: for a machine that is busy with other things, too."""


def on_ranks(
    size: int, work: Callable[..., Any], *given: Any, timeout: float = PATIENCE
) -> list[Any]:
    """What ``work(group, *given)`` returns on each rank, or the exception that it raised there.

    None of one that was killed; ``timeout`` is that of the group, and longer if it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        ends, processes = [], []
        for rank in range(size):
            here, there = CONTEXT.Pipe()
            process = CONTEXT.Process(
                target=_one, args=(there, Path(folder) / "store", rank, size, timeout, work, given)
            )
            process.start()
            there.close()
            ends.append(here)
            processes.append(process)
        try:
            return [_answer(end, max(timeout, PATIENCE)) for end in ends]
        finally:
            for process in processes:
                process.join(PATIENCE)
                process.kill()


def _answer(end: Connection, patience: float) -> Any:
    assert end.poll(patience), "no answer"
    try:
        return pickle.loads(end.recv_bytes())
    except EOFError:
        return None  # killed


def _one(
    answer: Connection, store: Path, rank: int, size: int, timeout: float, work: Any, given: Any
) -> None:
    torch.set_num_threads(1)
    dist: Any = torch.distributed
    try:
        dist.init_process_group(
            "gloo",
            store=dist.FileStore(str(store), size),
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=timeout),
        )
        result = work(Ranks(), *given)
    except Exception as problem:
        result = problem
    # Plain: a tensor would otherwise lie where it is gone with its process.
    answer.send_bytes(pickle.dumps(result))
    if dist.is_initialized():
        dist.destroy_process_group()
