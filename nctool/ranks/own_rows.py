"""Rows that lie where they were made: each process has some, and all are measured as one array."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.arrays import LazyArray
from nctool.core.errors import InternalError
from nctool.engine.group import Group


@dataclass(frozen=True, slots=True)
class Together:
    """The rows of all processes, one process after another."""

    features: LazyArray  # (N, D), of which this process can read its ``share``
    labels: Tensor  # (N,) as they were given
    share: tuple[int, int]
    padding: int
    """Rows, of all processes, that were there before: a distributed sampler repeats some."""


def together(
    features: LazyArray,
    labels: Tensor,
    group: Group,
    *,
    index: Tensor | None = None,
    left_out: int = -100,
) -> Together:
    """From this process's rows (n, D) and labels (n,), which may be none, those of all.

    ``index`` (n,) says which sample of the data set each row is, on every process or on none. Rows
    of a sample that came before get the label ``left_out``.
    """
    parts = group.gather(labels)
    edges = [0]
    for part in parts:
        edges.append(edges[-1] + len(part))
    first, last = edges[group.rank], edges[group.rank + 1]
    whole, padding = torch.cat(parts), 0
    if index is not None:
        again = _seen_before(torch.cat(group.gather(index)))
        whole, padding = whole.masked_fill(again, left_out), int(again.sum())

    def read(start: int, stop: int) -> Tensor:
        if not first <= start <= stop <= last:
            raise InternalError("internal", f"rows {start}:{stop} are not of rank {group.rank}")
        rows = features.rows(start - first, stop - first)
        assert isinstance(rows, Tensor)
        return rows

    shape = (edges[-1], *features.shape[1:])
    all_rows = LazyArray(features.key, shape, features.dtype, features.path, features.format, read)
    return Together(all_rows, whole, (first, last), padding)


def _seen_before(index: Tensor) -> Tensor:  # (N,) bool
    """Which of these numbers have come earlier."""
    order = torch.argsort(index, stable=True)
    ordered = index[order]
    again = torch.zeros(len(index), dtype=torch.bool)
    again[order[1:]] = ordered[1:] == ordered[:-1]
    return again
