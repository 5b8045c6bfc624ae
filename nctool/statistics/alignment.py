"""Do rows, labels and head rows belong together? If not: which is out of step, and by what.

A search over orders always finds a best one. It counts only if it sets right what was wrong
beyond chance, and if a head that knows nothing of these features would hardly have it: such a head
decides each class as some row, and where classes are tight that looks like order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from nctool.geometry.duality import compare_rows
from nctool.statistics.by_chance import (
    UNLIKELY,
    UNLIKELY_MAP,
    log_cap,
    log_choices,
    log_ways,
    restores,
)
from nctool.statistics.confusion import Confusion, Decisions, Whole
from nctool.statistics.moments import Moments
from nctool.statistics.row_shift import row_shift

Slug = Literal["labels-shifted", "head-rows-permuted", "rows-misaligned"]

RIGHT = 0.99
"""A head that is right so often is in order, and is looked at no further."""
MOSTLY = 0.8
"""So many of the classes that are decided as another have that row for themselves. Where a head
knows nothing of the features classes crowd: a random map of K classes reaches 0.63 K rows."""
GAIN = 0.01
"""Share of the samples that an order has to set right: two classes of a thousand mixed up, or some
samples of an average network, are no matter of order."""


TELLING = 0.5
"""With so few samples a class that labels at random explain more than this share of the features,
nothing follows from how much these labels do."""


@dataclass(frozen=True, slots=True)
class Misalignment:
    """What does not match, and what mends it."""

    slug: Slug
    rows: int
    """Of the head."""
    before: float
    """Accuracy of the head as things stand."""
    after: float | None = None
    """The same once mended, where it is known how."""
    order: Whole | None = None  # (K,)
    """The row of the head that decides each present class."""
    shift: int | None = None
    """Row of the head less class, modulo their number; or how many rows features are late."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Decisions beside labels."""

    confusion: Confusion
    order: tuple[Whole, Whole] | None
    """(N,) The row of the head decided for each sample as stored, -1 without a class; and its
    label. None where nobody knows the order of the samples."""
    weight: Tensor  # (C, D)
    moments: Moments
    pointed: float
    """Cosine of samples with the rows that win them, as one long vector each, both centred."""

    @property
    def samples(self) -> int:
        return int(self.confusion.count.sum())

    @property
    def right(self) -> int:
        return int(self.confusion.hits(self.confusion.own).sum())

    @property
    def fits_features(self) -> bool:
        """Do samples lie along the rows that win them, more than along random ones?"""
        rows, dim = self.weight.shape
        return math.log(rows) + log_cap(self.pointed, dim) <= UNLIKELY

    def explain(self) -> Misalignment | None:
        """The order in which the head would be right; None where there is none."""
        moved = self._moved()
        # Where samples come class by class both may help: the simpler one, unless it is worse.
        for relabelled in self._relabelled():
            assert relabelled.after is not None
            if moved is None or moved.after is None or moved.after <= relabelled.after + GAIN:
                return relabelled
        return moved or self._shuffled()

    def _relabelled(self) -> Iterator[Misalignment]:
        """By another order of the classes, a constant shift first."""
        confusion, total, rows = self.confusion, self.samples, self.confusion.rows
        own, majority, order = confusion.own, confusion.majority(), confusion.permuted()
        before = self.right / total
        shift = confusion.shifted()
        moved = (own + shift) % rows
        after = confusion.hits(moved)
        alike = int((majority == moved).sum())
        by_map = math.log(rows) + log_choices(alike, len(own)) - alike * math.log(rows)
        everywhere = np.ones(len(own), dtype=bool)
        best = int(confusion.hits(order).sum())
        if (
            2 * alike >= len(own)
            and restores(self.right, int(after.sum()))
            and (by_map <= UNLIKELY_MAP or self._nearer(moved, everywhere, math.log(rows)))
            and best - int(after.sum()) <= GAIN * total
        ):
            yield Misalignment(
                "labels-shifted", rows, before, float(after.sum()) / total, moved, shift
            )
        elsewhere = majority != own
        served = elsewhere & (order == majority)
        many, gone = int(served.sum()), int(elsewhere.sum())
        if many < 2 or many < MOSTLY * gone or best - self.right < GAIN * total:
            return
        was, now = confusion.hits(own)[served].sum(), confusion.hits(order)[served].sum()
        by_map = log_choices(many, gone) + log_ways(many, rows) - many * math.log(rows)
        ways = log_choices(many, len(own)) + log_ways(many, rows)
        if restores(int(was), int(now)) and (
            by_map <= UNLIKELY_MAP or self._nearer(order, served, ways)
        ):
            yield Misalignment("head-rows-permuted", rows, before, best / total, order)

    def _nearer(self, order: Whole, which: Whole, log_hypotheses: float) -> bool:
        """Are class means nearer to the rows in this order than random rows, and their own, are?"""
        place = torch.from_numpy(np.flatnonzero(which)).to(self.weight.device)
        means = self.moments.mean[place]
        cosines = []
        for chosen in (order, self.confusion.own):
            rows = self.weight[torch.from_numpy(chosen).to(place.device)[place]].double()
            distance = compare_rows(rows - rows.mean(0), means - means.mean(0)).distance
            cosines.append(0.0 if distance is None else 1 - distance**2 / 2)
        dim = (len(place) - 1) * self.weight.shape[1]
        return cosines[0] > cosines[1] and log_hypotheses + log_cap(cosines[0], dim) <= UNLIKELY

    def _moved(self) -> Misalignment | None:
        """By labels that are moved along the rows."""
        if self.order is None:
            return None
        chosen, labels = self.order
        shift = row_shift(chosen, labels, self.confusion.rows)
        known = (chosen >= 0) & (np.roll(labels, shift) >= 0)
        now, then = chosen == labels, chosen == np.roll(labels, shift)
        gained, lost = int((known & then & ~now).sum()), int((known & now & ~then).sum())
        # As in a sign test, for the best of N shifts: Gaussian tails fall like exp(-z^2/2).
        deviations = math.sqrt(16 + 2 * math.log(self.samples))
        if gained - lost < max(GAIN * self.samples, deviations * math.sqrt(gained + lost)):
            return None
        # Where samples come class by class, a head may follow the labels however they are moved.
        relabelled = int(self.confusion.hits(self.confusion.permuted()).sum())
        hits = int((known & then).sum())
        if hits < 2 * relabelled and not self.fits_features:
            return None
        after = hits / int(known.sum())
        return Misalignment(
            "rows-misaligned", len(self.weight), self.right / self.samples, after, None, shift
        )

    def _shuffled(self) -> Misalignment | None:
        """By nothing that is known: decisions explain the features, and labels say nothing."""
        confusion, count = self.confusion, self.moments.count
        total, classes = self.samples, len(confusion.own)
        named = np.bincount(confusion.row, weights=confusion.count, minlength=confusion.rows)
        by_chance = float(count.cpu().numpy() @ named[confusion.own]) / total
        if self.right > by_chance + 4 * math.sqrt(by_chance) or not self.fits_features:
            return None
        around = self.moments.mean - count @ self.moments.mean / total
        between = float(count @ around.square().sum(1))
        whole = between + float(self.moments.scatter.sum())
        # Labels at random leave (K-1)/(N-1) between classes; as all along one direction this has
        # (K-1)/2 degrees of freedom in its spread, along several more.
        lot = (classes - 1) / (total - 1) * (1 + 4 * math.sqrt(2 / (classes - 1)))
        if between > lot * whole or lot > TELLING:
            return None
        return Misalignment("rows-misaligned", len(self.weight), self.right / total)


def align(
    decisions: Decisions,
    order: tuple[Tensor, Tensor] | None,
    weight: Tensor,
    bias: Tensor | None,
    columns: Tensor,
    moments: Moments,
) -> Misalignment | None:
    """What is out of order; None where the head is right, and where no order helps it.

    ``order``: of samples as stored the row decided, of those that have a class, and the labels.
    """
    if float(decisions.right.sum()) >= RIGHT * float(moments.count.sum()):
        return None
    confusion = Confusion.of(decisions, columns.cpu().numpy(), len(weight))
    pointed = _pointed(decisions, weight, bias, columns, moments)
    stored = None if order is None else _stored(*order)
    return Alignment(confusion, stored, weight, moments, pointed).explain()


def _stored(chosen: Tensor, labels: Tensor) -> tuple[Whole, Whole]:
    stored = labels.cpu().numpy().astype(np.int64)
    rows = np.full(len(stored), -1, dtype=np.int64)
    rows[stored >= 0] = chosen.numpy()
    return rows, stored


def _pointed(
    decisions: Decisions, weight: Tensor, bias: Tensor | None, columns: Tensor, moments: Moments
) -> float:
    """Sum over samples of (x - mean) . (w - mean w), w the row that wins, over both lengths.

    The winning logit is the own one plus what it loses by; own ones add up to class means.
    """
    rows, count = weight.double(), moments.count
    named = decisions.chosen(columns, len(rows)).to(count)
    own = torch.zeros_like(named).index_add_(0, columns, count)
    mean = count @ moments.mean / count.sum()
    around = moments.mean - mean
    along = float(count @ (rows[columns] * around).sum(1)) + decisions.lost
    along += float((own - named) @ (rows @ mean))
    if bias is not None:
        along += float((own - named) @ bias.to(count))
    lengths = float(named @ (rows - rows.mean(0)).square().sum(1))
    spread = float(moments.scatter.sum() + count @ around.square().sum(1))
    return along / math.sqrt(lengths * spread) if lengths * spread > 0 else 0.0
