"""Intervals from one measurement: how a mean over classes would move with other such classes.

The classes are drawn again, with replacement, as often as asked; nothing is read a second time.
This is done for every metric whose value is the mean of its values by class, each class weighing
the same or by its samples; a minimum, or a spread over pairs, is no such mean and gets no interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nctool.report import Result

LEVEL = 0.95
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
    if not means or not replicates:
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
    return tuple(
        _with_interval(result, drawn.get(result.id), replicates, seed) for result in results
    )


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
