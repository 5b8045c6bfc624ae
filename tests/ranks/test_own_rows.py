"""Rows of several processes as one array."""

from __future__ import annotations

from typing import Any

import torch

from nctool.core.errors import InternalError
from nctool.ranks.group import Ranks
from nctool.ranks.own_rows import together
from tests.support.law_bench import lazily
from tests.support.ranks import on_ranks

INDEX: tuple[list[int], ...] = ([0, 3, 6, 1], [], [1, 4, 0, 7, 7])
"""Of three ranks; samples 1, 0 and 7 come twice."""


def joined(group: Ranks) -> tuple[Any, ...]:
    index = torch.tensor(INDEX[group.rank], dtype=torch.int64)
    rows = torch.stack([index.float(), index.float() + 0.5], 1)
    whole = together(lazily("features", rows), index % 3, group, index=index)
    start, stop = whole.share
    own = whole.features.rows(start, stop)
    assert isinstance(own, torch.Tensor) and torch.equal(own, rows)
    try:
        whole.features.rows(0, whole.features.shape[0])
        foreign = ""
    except InternalError as problem:
        foreign = problem.message
    return whole.labels.tolist(), whole.share, whole.padding, whole.features.shape, foreign


# Rows come rank by rank, each reads its own alone, and what a sampler repeated is left out once.
def test_together() -> None:
    found = on_ranks(3, joined)
    labels = [0, 0, 0, 1, -100, 1, -100, 1, -100]
    shares = [(0, 4), (4, 4), (4, 9)]
    assert found == [
        (labels, share, 3, (9, 2), f"rows 0:9 are not of rank {rank}")
        for rank, share in enumerate(shares)
    ]
