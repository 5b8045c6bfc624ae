"""Populations cut into shards, summed, merged and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import torch

from nctool import metrics as catalogue
from nctool.analysis.measure import Settings, measure
from nctool.analysis.merging import merged
from nctool.analysis.summing import Called, statistics_of
from nctool.arrays import Source
from nctool.inputs.assemble import assemble
from nctool.inputs.statistics import source_of
from nctool.readers.shared.statistics import Statistics
from nctool.report import Report
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import DEFAULT
from tests.support.law_bench import arrays, lazily

SETTINGS = Settings(DEFAULT, ComputeOptions(device="cpu", bootstrap=0, per_class=True))
EXACT = replace(SETTINGS, compute=replace(SETTINGS.compute, dtype="float64"))
ALL = catalogue.select(None)

OVER_ROWS = {"hug.pair_distance", "hug.mgd.means", "hug.mgd.weights"}
"""Metrics of rows that are kept: what takes all samples at once does not merge."""


@cache
def shard(name: str, dtype: str, rows: tuple[int, ...] | None = None) -> Source:
    """Some rows of a population in one type of storage; all by default."""
    given = {role: torch.from_numpy(np.ascontiguousarray(each)) for role, each in
             arrays(name).items() if role != "ood"}  # fmt: skip
    given = {
        role: each if role == "labels" else each.to(getattr(torch, dtype))
        for role, each in given.items()
    }
    if rows is not None:
        place = torch.tensor(rows, dtype=torch.int64)
        given |= {role: given[role][place] for role in ("features", "labels")}
    lazy = {role: lazily(role, each) for role, each in given.items()}
    if rows == ():
        empty = torch.empty(0, dtype=torch.int32)
        names = shard(name, dtype).names
        return Source(lazy["features"], empty, names, given.get("weight"), given.get("bias"))
    return assemble(lazy["features"], lazy["labels"], given.get("weight"), given.get("bias"))


def size(name: str) -> int:
    return len(arrays(name)["labels"])


def cuts(name: str, seed: int, shards: int = 4) -> list[tuple[int, ...]]:
    """Shards at random: uneven, one of a single sample and one of none."""
    random = np.random.default_rng(seed)
    order = random.permutation(size(name))
    edges = [0, 0, 1, *np.sort(random.integers(1, len(order), shards - 3)), len(order)]
    return [tuple(sorted(order[first:last].tolist())) for first, last in pairwise(edges)]


def in_groups(parts: Sequence[Statistics], seed: int) -> Statistics:
    """Merged two or three at a time, in an order at random."""
    random = np.random.default_rng(seed)
    rest = [*parts]
    while len(rest) > 1:
        few = min(len(rest), int(random.integers(2, 4)))
        taken = [rest.pop(int(random.integers(len(rest)))) for _ in range(few)]
        rest.append(merged(taken))
    return rest[0]


def first_pass(name: str, dtype: str, seed: int) -> list[Statistics]:
    return [
        statistics_of(
            shard(name, dtype, rows), SETTINGS, shard=True, called=Called(name=f"part{place}")
        )
        for place, rows in enumerate(cuts(name, seed))
    ]


def both_passes(name: str, dtype: str, seed: int) -> Statistics:
    means = in_groups(first_pass(name, dtype, seed), seed)
    parts = [
        statistics_of(shard(name, dtype, rows), SETTINGS, around=means) for rows in cuts(name, seed)
    ]
    return in_groups(parts, seed + 1)


@cache
def of_samples(name: str, dtype: str) -> Report:
    """The analysis of the samples themselves."""
    return measure(shard(name, dtype), ALL, EXACT).report


def of_sums(statistics: Statistics) -> Report:
    return measure(source_of(statistics), ALL, SETTINGS).report
