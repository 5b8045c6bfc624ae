"""Sums of several files as those of one: in any order and grouping the sums of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor

from nctool.analysis.alike import aligned, require_apart
from nctool.analysis.measure import Settings
from nctool.analysis.passes import Passes, adding
from nctool.analysis.summing import means_of
from nctool.analysis.whole import of_fact
from nctool.arrays import Gathered, Source
from nctool.core.notice import Notice
from nctool.engine.arithmetic import exact_products
from nctool.engine.packing import Packed
from nctool.inputs.statistics import by_fact, check
from nctool.readers.shared.statistics import Conditions, Statistics
from nctool.settings.budget import Budget
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import DEFAULT, Center
from nctool.statistics.signatures import among

ROOM = 1 << 62
"""Memory: what was summed once had room enough where it was."""
LOWEST = "labels-start-at-one"
"""The notice that no label is 0, which of one shard says little about the others."""


def merged(statistics: Sequence[Statistics]) -> Statistics:
    """One for all, each sample counted once.

    The second pass stays where all of them were made around the same class means; what takes all
    samples at once does not.
    """
    for each in statistics:
        check(each)
    if len(statistics) == 1:
        return statistics[0]
    require_apart(statistics)
    parts = aligned(statistics)
    one = parts[0]
    settings = _settings(one.conditions)
    with exact_products(settings.compute):
        passes = Passes(_source(one), settings)
        products = all("sample_sums/products" in each.first for each in parts)
        first = passes.first(
            products=products, read=adding(_packed(each.first, each) for each in parts)
        )
        whole = replace(
            one, parts=tuple(part for each in parts for part in each.parts), first=first,
            second={}, whole=_copies(first), undefined={}, around=None, means={}, path="",
            notices=_once(parts),
        )  # fmt: skip
        if one.around is None or any(
            each.around is None or each.around.means != one.around.means for each in parts
        ):
            return whole
        # Where the means are those of one of the files, the others hold them.
        means = next((each.means for each in parts if each.means), one.first)
        read = adding(_packed(each.second, each) for each in parts if each.samples)
        second, _ = passes.second(means, read=read)
        return replace(whole, second=second, around=one.around, means=means_of(means))


def _copies(first: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Samples that are in several shards, as far as shards have kept what tells."""
    if "row_signatures" not in first:
        return {}
    return of_fact("duplicates", among(first["row_signatures"]))


def _packed(sums: Mapping[str, Tensor], of: Statistics) -> dict[str, Packed]:
    return {fact: Packed(fact, each, of.path or "memory") for fact, each in by_fact(sums)}


def _source(one: Statistics) -> Source:
    """No samples, of the classes and the head of these sums."""
    made = one.conditions
    gathered = Gathered({}, made.dim, made.dtype, made.products, "")
    return Source(None, None, one.names, one.weight, one.bias, gathered=gathered)


def _settings(made: Conditions) -> Settings:
    convention = replace(
        DEFAULT, center=cast(Center, made.center), unit_features=made.unit_features,
        bias_decides=made.bias_decides, logit_scale=made.logit_scale,
    )  # fmt: skip
    return Settings(convention, ComputeOptions(device="cpu"), Budget(seed=made.seed, memory=ROOM))


def _once(parts: Sequence[Statistics]) -> tuple[Notice, ...]:
    """The notices of all, each said once; one about the lowest label only where all say it."""
    lowest = all(any(said.slug == LOWEST for said in each.notices) for each in parts)
    kept: list[Notice] = []
    for notice in (notice for each in parts for notice in each.notices):
        if notice not in kept and (lowest or notice.slug != LOWEST):
            kept.append(notice)
    return tuple(kept)
