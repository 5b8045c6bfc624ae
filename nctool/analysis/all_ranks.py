"""What every rank of a group has collected for itself, as the source of all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler

from nctool.arrays import Source
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.core.text import count
from nctool.engine.group import Group
from nctool.ranks.own_rows import together

ROWS, SUMS = 0, 1


def of_all(source: Source, loader: Any, group: Group) -> Source:
    """The rows of all, of which each reads its own; or the sums of each, which the passes add up.

    Rows that a distributed sampler repeats, to give every rank as many, are left out.
    """
    if group.size == 1:
        return source
    labels = source.labels if source.gathered is None else source.gathered.labels
    if labels is None:  # sums alone
        return source
    kind = torch.tensor(ROWS if source.gathered is None else SUMS)
    if len({int(each) for each in group.gather(kind)}) > 1:
        raise InputError(
            "spools-differ",
            "the rows of some ranks fit into the spool, and those of others do not",
            "give more with spool=, or none with spool=0",
        )
    ignored = int(torch.stack(group.gather(torch.tensor(source.ignored))).sum())
    index = sampled(loader, len(labels)) if source.gathered is None else None
    if not all(bool(each) for each in group.gather(torch.tensor(index is not None))):
        index = None
    if source.gathered is not None:
        parts = group.gather(labels)
        first = sum(len(each) for each in parts[: group.rank])
        gathered = replace(source.gathered, labels=torch.cat(parts))
        share = (first, first + len(labels))
        return replace(source, gathered=gathered, share=share, ignored=ignored)
    assert source.features is not None
    rows = together(source.features, labels, group, index=index, left_out=-1)
    notices = source.notices
    if rows.padding:
        notice = Notice(
            "sampler-padding",
            f"{count(rows.padding, 'row')} left out: a distributed sampler repeats samples, so "
            "that every rank has as many",
            data={"rows": rows.padding},
        )
        notices = (*notices, notice)
    return replace(
        source, features=rows.features, labels=rows.labels, share=rows.share,
        ignored=ignored + rows.padding, notices=notices,
    )  # fmt: skip


def sampled(loader: Any, rows: int) -> Tensor | None:  # (n,)
    """Which sample of the data set each row is, where the loader's sampler tells."""
    sampler = getattr(loader, "sampler", None)
    if not isinstance(sampler, DistributedSampler):
        return None
    # Its order is that of a generator of its own, the same again until set_epoch.
    index = torch.tensor([*sampler], dtype=torch.int64)
    return index if len(index) == rows else None
