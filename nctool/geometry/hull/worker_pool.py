"""Blocks of work side by side: one thread each, so that small operations share the cores too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class WorkerPool:
    """As many workers as torch has threads on a CPU; on other devices the caller works alone."""

    def __init__(self, device: torch.device) -> None:
        self.threads = torch.get_num_threads() if device.type == "cpu" else 1
        self.executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> WorkerPool:
        if self.threads > 1:
            # Threads within a thread would fight for the same cores.
            self.executor = ThreadPoolExecutor(self.threads, initializer=_use_one_thread)
        return self

    def __exit__(self, *_: object) -> None:
        if self.executor is not None:
            self.executor.shutdown(cancel_futures=True)
            # The workers' setting is that of the whole process.
            torch.set_num_threads(self.threads)

    def map(self, work: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
        """The answers in the order of the tasks, which are taken up only as workers are free."""
        if self.executor is None:
            yield from map(work, tasks)
            return
        waiting: deque[Future[Answer]] = deque()
        for task in tasks:
            waiting.append(self.executor.submit(_in_inference_mode, work, task))
            if len(waiting) > 2 * self.threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _use_one_thread() -> None:
    torch.set_num_threads(1)


def _in_inference_mode(work: Callable[[Task], Answer], task: Task) -> Answer:
    """The caller's inference mode does not reach other threads."""
    with torch.inference_mode():
        return work(task)
