"""Chance levels of determinants, Newtonian energy, samples and bias, against fresh draws."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from nctool.geometry import nulls
from nctool.geometry.determinant import log_determinant
from nctool.geometry.energy import energies
from tests.geometry.nulls.simulation import SIZES, Array, agree, directions, structureless

Labels = npt.NDArray[np.integer]

each_size = pytest.mark.parametrize(("count", "dim"), SIZES)
each_side = pytest.mark.parametrize("centred", [False, True])


# Log-determinants of random points are where the null says, or have no digits at all.
@each_side
@each_size
def test_log_determinant(count: int, dim: int, centred: bool) -> None:
    drawn = []
    for seed in range(40):
        seen = log_determinant(torch.from_numpy(directions(count, dim, centred, seed)))
        drawn.append(math.nan if seen is None else seen.value)
    null = nulls.log_determinant(count, dim, centred)
    if null is None:
        assert np.isnan(drawn).any()
    elif count == 2 and centred:
        assert np.array(drawn) == pytest.approx(null.value, rel=1e-12)
    else:
        # Skewed where few points leave the matrix nearly singular: so is its spread.
        agree(np.array(drawn), null, 0.0, 2.0)


# Above 400 points a formula takes over, within 1 % of what is between it and the simplex.
@pytest.mark.parametrize(("count", "dim"), [(450, 40), (500, 128), (420, 600)])
def test_many_points(count: int, dim: int) -> None:
    drawn = []
    for seed in range(3):
        seen = log_determinant(torch.from_numpy(directions(count, dim, False, seed)))
        assert seen is not None
        drawn.append(seen.value)
    null = nulls.log_determinant(count, dim, False)
    assert null is not None and null.sd is not None and null.source.startswith("formula")
    g = math.exp(-2 * count / (count - 1))
    simplex = (count - 1) * math.log1p(-g) + math.log1p((count - 1) * g)
    room = simplex - null.value
    assert abs(np.mean(drawn) - null.value) < 0.01 * room + 2 * null.sd
    assert 0 < null.sd < 0.01 * room


# Half of random draws have more Newtonian energy than the null, half have less.
@each_side
@pytest.mark.parametrize(("count", "dim"), [size for size in SIZES if size[0] > 2])
def test_newton(count: int, dim: int, centred: bool) -> None:
    drawn = []
    for seed in range(200):
        seen = energies(torch.from_numpy(directions(count, dim, centred, seed)))
        assert seen.newton is not None
        drawn.append(seen.newton.mean)
    null = nulls.newton(count, dim, centred)
    assert null is not None and null.sd is not None and null.source.startswith("median")
    low, middle, high = np.quantile(drawn, [0.25, 0.5, 0.75])
    # The error of two medians of 200 and 400 draws is 0.11 of the spread; the formula's bias, as
    # much again.
    assert abs(middle - null.value) < 0.5 * null.sd
    assert 0.6 < (high - low) / 1.349 / null.sd < 1.6


# A head that ignores the samples prefers their class by as much as the null says.
@pytest.mark.parametrize(("count", "dim"), [(2, 6), (3, 64), (10, 64), (100, 8), (60, 200)])
def test_sample_margins(count: int, dim: int) -> None:
    samples, drawn = 400, []
    for seed in range(60):
        features = structureless(samples, dim, False, seed)
        rows = np.random.default_rng([3, seed, count, dim]).standard_normal((count, dim))
        rows -= rows.mean(0)
        rows *= math.sqrt((count - 1) / np.square(rows).sum())  # variance one of a logit
        labels = np.arange(samples) % count
        logits = features @ rows.T
        plain = np.random.default_rng([4, seed, count, dim]).standard_normal((count, dim))
        cosines = features @ plain.T / np.linalg.norm(plain, axis=1)
        cosines /= np.linalg.norm(features, axis=1)[:, None]
        drawn.append((margin(logits, labels), margin(cosines, labels)))
    logit, cosine = np.array(drawn).T
    # Rows less their mean are not independent, as the null takes them: within a few percent.
    null = nulls.logit_margin(count, dim, samples)
    assert null is not None and null.sd is not None
    assert abs(logit.mean() - null.value) < 0.05 * abs(null.value) + 0.5 * null.sd
    # By how much heads differ is known to a factor.
    agree(cosine, nulls.cosine_margin(count, dim, samples), 0.2, 1.0)


def margin(logits: Array, labels: Labels) -> float:
    own = logits[np.arange(len(logits)), labels]
    others = logits.copy()
    others[np.arange(len(logits)), labels] = -np.inf
    return float((own - others.max(1)).mean())


def population(sizes: list[int], dim: int, seed: int) -> tuple[Array, Labels, Array]:
    """Samples less their mean, labels, and the means of classes."""
    features = structureless(sum(sizes), dim, True, seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    means = np.array([features[labels == c].mean(0) for c in range(len(sizes))])
    return features, labels, means


POPULATIONS = (([30] * 10, 20), ([8] * 6, 5), ([50, 20, 20, 6], 12), ([300] * 3, 64), ([3] * 8, 30))


# Samples that know nothing of their class are as far from its point as the null says.
@each_side
@pytest.mark.parametrize(("sizes", "dim"), POPULATIONS)
def test_distances(sizes: list[int], dim: int, centred: bool) -> None:
    mean, furthest, room = [], [], []
    for seed in range(40):
        features, labels, points = population(sizes, dim, seed)
        if not centred:
            points = structureless(len(sizes), dim, False, seed + 1000)
        points = points / np.linalg.norm(points, axis=1)[:, None]
        unit = features / np.linalg.norm(features, axis=1)[:, None]
        apart = np.linalg.norm(unit - points[labels], axis=1)
        own = [apart[labels == c] for c in range(len(sizes))]
        mean.append(np.mean([values.mean() for values in own]))
        furthest.append(np.mean([values.max() for values in own]))
        logs = []
        for c in range(len(sizes)):
            rows = np.vstack([unit[labels == c][:40], points[c]])
            square = np.square(rows[:, None] - rows).sum(2)
            logs.append(np.linalg.slogdet(np.exp(-square) + 1e-6 * np.eye(len(rows)))[1])
        room.append(np.mean(logs))
    counts = np.array(sizes, dtype=float)
    # Of class means the own samples are not independent; that matters least for the mean.
    agree(np.array(mean), nulls.own_distance(dim, counts, centred), 0.5, 1.5)
    agree(np.array(furthest), nulls.furthest_distance(dim, counts, centred), 1.0, 1.5)
    within = nulls.room_within(dim, counts, 40, 1e-6, centred)
    agree(np.array(room), within, 1.0, 2.0)


# On a line directions are signs: two agree as often as not, and far is on the other side.
def test_line() -> None:
    assert nulls.random_level(-1, 1) == 1.0 and nulls.random_level(2, 1) is None
    sizes = np.array([2.0, 2.0])
    assert nulls.own_distance(1, sizes, False).value == pytest.approx(1.0)
    assert nulls.furthest_distance(1, sizes, False).value == pytest.approx(1.5)


# The nearest class mean is right more often than once in K: a mean holds its own samples.
@pytest.mark.parametrize(("sizes", "dim"), [*POPULATIONS, ([2] * 10, 8), ([1, 5, 5], 3)])
def test_nearest_mean(sizes: list[int], dim: int) -> None:
    right = []
    for seed in range(60):
        features, labels, means = population(sizes, dim, seed)
        square = np.square(features[:, None] - means).sum(2)
        right.append((square.argmin(1) == labels).mean())
    null = nulls.nearest_mean_accuracy(dim, np.array(sizes, dtype=float))
    # Four standard errors, and three hundredths for what Sankaran's approximation misses.
    assert abs(np.mean(right) - null) < 0.03 + 4 * np.std(right) / math.sqrt(len(right))


# A bias meets a global mean of any direction as the null says, with long and with short rows.
@pytest.mark.parametrize("long", [1.0, 30.0])
@pytest.mark.parametrize(("count", "dim"), [(3, 4), (10, 64), (100, 8), (600, 520)])
def test_turned(count: int, dim: int, long: float) -> None:
    random = np.random.default_rng([count, dim])
    rows, bias = random.standard_normal((count, dim)), random.standard_normal(count)
    rows[0] *= long
    turned = random.standard_normal((dim, 2000))
    turned *= 3 / np.linalg.norm(turned, axis=0)
    drawn = np.linalg.norm(bias[:, None] + rows @ turned, axis=0)
    null = nulls.turned_residual(torch.from_numpy(rows), torch.from_numpy(bias), 3.0)
    # The root to second order: a tenth of a spread where one row is nearly all there is.
    agree(drawn, null, 0.3 if long > 1 else 0.1, 0.5)
    zero = torch.zeros((count, dim), dtype=torch.float64)
    nothing = nulls.turned_residual(zero, zero[:, 0], 3.0)
    assert (nothing.value, nothing.sd) == (0.0, 0.0)
