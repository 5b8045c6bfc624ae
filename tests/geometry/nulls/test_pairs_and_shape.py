"""Chance levels of pairs, of margins and of the shape of the Gram matrix, against fresh draws."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
import torch

from nctool.geometry import nulls
from nctool.geometry.energy import energies
from nctool.geometry.hull import margins
from nctool.geometry.simplex import etf_deviation
from nctool.geometry.survey import survey
from tests.geometry.nulls.simulation import SIZES, agree, directions, structureless

DRAWS = 24

each_size = pytest.mark.parametrize(("count", "dim"), SIZES)
each_side = pytest.mark.parametrize("centred", [False, True])


# Margins of random points, the least and the quantiles, are where the null says.
@each_side
@each_size
def test_margins(count: int, dim: int, centred: bool) -> None:
    drawn = []
    for seed in range(DRAWS):
        rows = torch.from_numpy(directions(count, dim, centred, seed))
        drawn.append(np.quantile(margins(rows, gap=1e-3).value.numpy(), [0, 0.01, 0.1, 0.5]))
    for values, share in zip(np.array(drawn).T, (0.0, 0.01, 0.1, 0.5), strict=True):
        # The fit is within a standard deviation of one draw; medians hardly spread at all.
        slack = 0.0 if count < 50 else 0.4 if share < 0.5 else 0.8
        agree(values, nulls.margin_quantile(share, count, dim, centred), slack, 0.6)


# So are the largest cosine, the smallest distance and the energies.
@each_side
@each_size
def test_pairs(count: int, dim: int, centred: bool) -> None:
    drawn = []
    for seed in range(10 * DRAWS):
        seen = energies(torch.from_numpy(directions(count, dim, centred, seed)))
        assert seen.riesz is not None
        means = [energy.mean for energy in seen.riesz]
        drawn.append((1 - seen.separation**2 / 2, seen.separation, *means))
    cosine, separation, *of_powers = np.array(drawn).T
    agree(cosine, nulls.max_cosine(count, dim, centred), 0.16)
    agree(separation, nulls.separation(count, dim, centred), 0.16)
    for power, values in enumerate(of_powers):
        null = nulls.energy(power, count, dim, centred)
        if power >= dim - 1:
            assert null is None
        elif 2 * power >= dim - 1 and not (centred and count == 2):
            assert null is not None and null.sd is None
        elif 4 * power < dim - 1:  # else the spread of draws is no more to be trusted
            agree(values, null)


# So are the spread of the cosines and how far they are from those of a simplex.
@each_side
@each_size
def test_angles(count: int, dim: int, centred: bool) -> None:
    drawn = []
    for seed in range(4 * DRAWS):
        seen = survey(torch.from_numpy(directions(count, dim, centred, seed))).pairs
        drawn.append((seen.cosine_std, seen.angle_gap))
    spread, gap = np.array(drawn, dtype=float).T
    # Pairs of centred points share a sum, which the formula for their spread does not know.
    agree(spread, nulls.cosine_std(count, dim, centred), 0.2, 1.0)
    agree(gap, nulls.angle_gap(count, dim, centred), 0.2, 1.0)


# So is the distance from the simplex.
@each_side
@each_size
def test_etf_deviation(count: int, dim: int, centred: bool) -> None:
    drawn = []
    for seed in range(4 * DRAWS):
        rows = torch.from_numpy(structureless(count, dim, centred, seed))
        drawn.append(etf_deviation(rows, rows))
    # The spread by formula is up to 60 % too wide where K is near d.
    agree(np.array(drawn, dtype=float), nulls.etf_deviation(count, dim, centred), 0.1, 0.7)


# The two points of two centred class means are opposite whatever they are.
def test_two_means() -> None:
    for null, value in (
        (nulls.least_margin(2, 9, True), 2.0),
        (nulls.max_cosine(2, 9, True), -1.0),
        (nulls.separation(2, 9, True), 2.0),
        (nulls.energy(0, 2, 9, True), -math.log(2)),
        (nulls.energy(1, 2, 9, True), 0.5),
        (nulls.energy(2, 2, 9, True), 0.25),
        (nulls.etf_deviation(2, 9, True), 0.0),
    ):
        assert null == nulls.Null(value, 0.0, "exact")


# Energies of independent directions have closed forms.
def test_closed_energies() -> None:
    for dim in (4, 5, 12, 64, 8192):
        assert nulls.random_level(2, dim) == pytest.approx((dim - 2) / (2 * (dim - 3)), rel=1e-11)
    assert nulls.random_level(0, 2) == pytest.approx(0.0, abs=1e-12)  # Jensen's formula
    assert nulls.random_level(0, 3) == pytest.approx(0.5 - math.log(2), rel=1e-12)
    assert nulls.random_level(1, 3) == pytest.approx(1.0, rel=1e-12)
    assert nulls.random_level(2, 3) is None


# Of two centred means the correlation is exact, so their mean energy is that of many draws.
def test_centred_energy() -> None:
    random = np.random.default_rng(3)
    pairs = random.standard_normal((200_000, 3, 12))
    pairs -= pairs.mean(1, keepdims=True)
    first, second = (pairs[:, i] / np.linalg.norm(pairs[:, i], axis=1)[:, None] for i in (0, 1))
    values = 1 / np.square(first - second).sum(1)
    null = nulls.energy(2, 3, 12, True)
    assert null is not None
    # Five standard errors; the plain Moebius map is off by some twenty.
    assert abs(values.mean() - null.value) < 5 * values.std() / math.sqrt(len(values))


# Three points or more in the plane have the margins of the gaps between them.
def test_plane() -> None:
    for count in (7, 60):
        drawn = []
        for seed in range(200):
            rows = torch.from_numpy(directions(count, 2, False, seed))
            drawn.append(float(margins(rows, gap=1e-3).value.min()))
        null = nulls.least_margin(count, 2, False)
        # Margins of the closest of many are all but exponential: heavy tails.
        agree(np.array(drawn), null, 0.0, 0.8)


# Nothing is said of what has not been tried: one point, a line, or more than was looked at.
def test_out_of_range() -> None:
    for count, dim in ((1, 5), (5, 1), (300_000, 64), (10, 20_000)):
        for centred in (False, True):
            assert nulls.least_margin(count, dim, centred) is None
            assert nulls.max_cosine(count, dim, centred) is None
            assert nulls.separation(count, dim, centred) is None
            assert nulls.energy(0, count, dim, centred) is None
            assert nulls.etf_deviation(count, dim, centred) is None


# At the largest size everything is known within a second, and is a number.
def test_largest() -> None:
    began = time.process_time()
    for centred in (False, True):
        for null in (
            nulls.least_margin(130_000, 8192, centred),
            nulls.max_cosine(130_000, 8192, centred),
            nulls.separation(130_000, 8192, centred),
            nulls.energy(2, 130_000, 8192, centred),
            nulls.etf_deviation(130_000, 8192, centred),
        ):
            assert null is not None and math.isfinite(null.value) and null.sd is not None
            json.dumps([null.value, null.sd, null.source], allow_nan=False)
    assert time.process_time() - began < 2  # measured: 0.1 s
