"""Intervals from one measurement: how a mean would move with other such classes or samples.

The classes are drawn again, with replacement, as often as asked; nothing is read a second time.
This is done for every metric whose value is the mean of its values by class, each class weighing
the same or by its samples; a minimum, or a spread over pairs, is no such mean and gets no interval.
What rises and falls with such a mean has its interval moved along; agreement of decisions is
counted over samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nctool.report import Result

RATIO, SHARE, WAY = "nc1.trace_ratio", "nc1.within_fraction", "collapse.nc1"
DECISIONS = "collapse.nc4"
LEVEL = 0.95
Z = 1.959963984540054
"""Of the normal distribution so much lies within as many standard deviations."""
FEWEST_CLASSES = 3
SAME = 1e-9
"""Relative difference of a value and the mean by class that is only rounding."""
CELLS = 1 << 22
"""Counts drawn at a time."""


def with_intervals(
    results: Sequence[Result], count: Tensor | None, replicates: int, seed: int
) -> tuple[Result, ...]:
    """The same results; those that are means over classes with an interval."""
    means = {result.id: mean for result in results if (mean := _mean_of(result, count)) is not None}
    if not replicates:
        return tuple(results)
    drawn: dict[str, tuple[float, float]] = {}
    by_size: dict[int, list[str]] = {}
    for name, (values, _) in means.items():
        by_size.setdefault(len(values), []).append(name)
    for names in by_size.values():
        # One set of draws for all metrics of these classes: their intervals can be compared.
        values = torch.stack([means[name][0] for name in names], 1)  # (K, M)
        weights = torch.stack([means[name][1] for name in names], 1)  # (K, M)
        low, high = _percentiles(values, weights, replicates, seed)
        drawn |= {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}
    drawn |= _following(results, drawn)
    out = [_with_interval(result, drawn.get(result.id), replicates, seed) for result in results]
    return tuple(_of_decisions(result, count) for result in out)


def _following(
    results: Sequence[Result], drawn: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Intervals of NC1's share of variance, and of the way to NC1, from that of its ratio.

    A monotone function of a number takes the percentiles of the one to those of the other: the
    share is r/(1 + r), and what is left of the way is proportional to it.
    """
    values = {result.id: result.value for result in results}
    share, way, ratio = values.get(SHARE), values.get(WAY), values.get(RATIO)
    if RATIO not in drawn or not ratio:
        return {}
    low, high = (each / (1 + each) for each in drawn[RATIO])
    out = {} if share is None else {SHARE: (low, high)}
    if way is not None:
        scale = (1 - way) * (1 + ratio) / ratio
        out[WAY] = (1 - scale * high, 1 - scale * low)
    return out


def _of_decisions(result: Result, count: Tensor | None) -> Result:
    """The way to NC4 with Wilson's interval of the share of samples that are decided differently.

    By chance 1 - sum (n_c/N)^2 are, where both name the classes as often as they are: that is so
    near collapse, where the interval is asked for. It is not empty where no decision differs.
    """
    if result.id != DECISIONS or result.value is None or count is None:
        return result
    total = float(count.sum())
    by_chance = 1 - float((count.double() / total).square().sum())
    share = min(1.0, max(0.0, (1 - result.value) * by_chance))
    widened = 1 + Z**2 / total
    middle = (share + Z**2 / (2 * total)) / widened
    reach = Z / widened * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    ci = (1 - (middle + reach) / by_chance, min(1.0, 1 - (middle - reach) / by_chance))
    interval = {"over": "samples", "level": LEVEL, "method": "Wilson"}
    return replace(result, ci=ci, details={**(result.details or {}), "interval": interval})


def _mean_of(result: Result, count: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """(K,) values by class and the weights whose mean they are, if the value is their mean."""
    if result.value is None or result.per_class is None or result.ci is not None:
        return None
    known = [value for value in result.per_class if value is not None]
    if len(known) < FEWEST_CLASSES:
        return None
    values = torch.tensor(known, dtype=torch.float64)
    weighings = [torch.ones_like(values)]
    if count is not None and len(count) == len(known):
        weighings.append(count.double().cpu())
    for weights in weighings:
        mean = float((values * weights).sum() / weights.sum())
        if math.isclose(mean, result.value, rel_tol=SAME, abs_tol=1e-300):
            return values, weights
    return None


def _percentiles(
    values: Tensor, weights: Tensor, replicates: int, seed: int
) -> tuple[Tensor, Tensor]:
    """(M,) and (M,): the middle 95 % of the means of classes drawn with replacement."""
    size = len(values)
    random = torch.Generator().manual_seed(seed)
    means = []
    for start in range(0, replicates, step := max(1, CELLS // size)):
        rows = min(step, replicates - start)
        chosen = torch.randint(size, (rows, size), generator=random)
        times = torch.zeros(rows, size, dtype=torch.float64)
        times.scatter_add_(1, chosen, torch.ones(1, 1, dtype=torch.float64).expand(rows, size))
        means.append((times @ (values * weights)) / (times @ weights))
    tail = (1 - LEVEL) / 2
    low, high = torch.quantile(
        torch.cat(means), torch.tensor([tail, 1 - tail], dtype=torch.float64), dim=0
    )
    return low, high


def _with_interval(
    result: Result, ci: tuple[float, float] | None, replicates: int, seed: int
) -> Result:
    if ci is None:
        return result
    bootstrap = {"over": "classes", "level": LEVEL, "replicates": replicates, "seed": seed}
    return replace(result, ci=ci, details={**(result.details or {}), "bootstrap": bootstrap})
