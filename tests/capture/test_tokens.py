"""Positions of sequences as samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nctool.capture.tokens import Lowest, Positions, drawn, repeats_inputs

IDS = torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0]])
LABELS = torch.tensor([[-100, 6, 7, -100], [8, 9, -100, -100]])


# Labels that repeat the input tokens wherever they count belong to the position before; others,
# and those that were shifted already, belong where they stand.
def test_repeats_inputs() -> None:
    assert repeats_inputs(LABELS, (None, IDS), (-100,))
    assert not repeats_inputs(IDS[:, 1:], (IDS[:, :-1],), (-100,))
    assert not repeats_inputs(LABELS, (IDS.float(),), (-100,))
    assert not repeats_inputs(torch.full_like(IDS, -100), (IDS,), (-100,))


# By hand: h[:, :-1] with y[:, 1:] where y is not ignored.
def test_shifted() -> None:
    positions = Positions((-100,), shifted=True)
    chosen = positions.of(LABELS)
    by_hand = [(row, place) for row in range(2) for place in range(3)
               if LABELS[row, place + 1] != -100]  # fmt: skip
    assert chosen.place.tolist() == [4 * row + place for row, place in by_hand] == [0, 1, 4]
    assert chosen.labels.tolist() == [6, 7, 9]
    assert (positions.counted, positions.left_out) == (3, 5)


# As they stand where they are not shifted.
def test_unshifted() -> None:
    chosen = Positions((-100,), shifted=False).of(LABELS)
    assert chosen.place.tolist() == [1, 2, 4, 5] and chosen.labels.tolist() == [6, 7, 8, 9]


# Which tokens are sampled depends on the sample and the position alone: not on batches or padding.
def test_sampling_is_independent_of_batches() -> None:
    labels = torch.arange(40 * 30).reshape(40, 30)

    def sampled(sizes: list[int], width: int) -> list[int]:
        positions = Positions((-100,), shifted=False, share=0.3)
        padded = torch.nn.functional.pad(labels, (0, width - 30), value=-100)
        return [
            label
            for part in torch.split(padded, sizes)
            for label in positions.of(part).labels.tolist()
        ]

    whole = sampled([40], 30)
    assert whole == sampled([7, 1, 32], 30) == sampled([20, 20], 33)
    assert 0.25 < len(whole) / 1200 < 0.35


# The numbers are even over [0, 1), and those of neighbours have nothing to do with each other.
def test_drawn() -> None:
    sample, position = np.divmod(np.arange(100_000), 128)
    numbers = drawn(sample, position)
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert ((counts - 5000) ** 2 / 5000).sum() < 50  # 19 degrees of freedom: p = 1e-4
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.015
    assert len(set(numbers)) == len(numbers)


# Of any number of batches exactly the tokens with the lowest numbers are left, in their order.
@pytest.mark.parametrize("count", [1, 10, 37, 1000])
def test_lowest(count: int) -> None:
    random = np.random.default_rng(count)
    numbers, lowest = random.random(100), Lowest(count)
    for first in range(0, 100, 7):
        part = torch.arange(first, min(first + 7, 100))
        lowest.add({"features": part[:, None], "labels": part}, numbers[first : first + 7])
    rows = lowest.thin()
    expected = np.sort(np.argsort(numbers)[:count])
    assert rows["labels"].tolist() == expected.tolist() == rows["features"][:, 0].tolist()
    if count < 100:
        assert numbers[expected].max() < lowest.share <= 1
