"""Blocks of work side by side: one thread each, so that small operations share the cores too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

import torch

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class Crew:
    """As many workers as torch has threads on a CPU; on other devices the caller works alone."""

    def __init__(self, device: torch.device) -> None:
        self.threads = torch.get_num_threads() if device.type == "cpu" else 1
        self.pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Crew:
        if self.threads > 1:
            self.pool = ThreadPoolExecutor(self.threads, initializer=_alone)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self.threads)

    def map(self, work: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
        """The answers in the order of the tasks, which are taken up only as workers are free."""
        if self.pool is None:
            yield from map(work, tasks)
            return
        waiting: deque[Future[Answer]] = deque()
        for task in tasks:
            waiting.append(self.pool.submit(_unrecorded, work, task))
            if len(waiting) > 2 * self.threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _alone() -> None:
    torch.set_num_threads(1)


def _unrecorded(work: Callable[[Task], Answer], task: Task) -> Answer:
    with torch.inference_mode():
        return work(task)
