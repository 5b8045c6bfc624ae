"""One row of a table against each row of a block: where a full product would be waste."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor


def row_dots(rows: Tensor, table: Tensor, index: Tensor) -> Tensor:  # (B,) float64
    """``rows[i] . table[index[i]]``, added up in the rows' own precision.

    On a CPU as a product sampled at one column per row: it reads the table in place, which takes
    a third of the time of copying its rows.
    """
    if rows.device.type != "cpu":
        copied: Tensor = torch.linalg.vecdot(rows, table[index])
        return copied.double()
    return pair_dots(rows, table, torch.arange(len(rows) + 1), index)


def pair_dots(rows: Tensor, table: Tensor, start: Tensor, index: Tensor) -> Tensor:  # (P,) float64
    """``rows[i] . table[index[p]]`` for p from ``start[i]`` to ``start[i + 1]``, on a CPU."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse", category=UserWarning)
        pattern = torch.sparse_csr_tensor(
            start,
            index,
            torch.zeros(len(index), dtype=rows.dtype),
            (len(rows), len(table)),
            check_invariants=False,
        )
        dots: Tensor = torch.sparse.sampled_addmm(pattern, rows, table.T, beta=0.0).values()
    return dots.double()
