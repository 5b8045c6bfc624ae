"""One-vs-rest margins of random directions: least of all classes, and what most classes have.

Few points are drawn; of many the typical margin has a formula, and how far the least and the
quantiles lie from it is a table, fitted to simulations by fixtures/nulls/margins.py.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from nctool.geometry.nulls.draws import Unequal, as_means, directions, gaussian_points, generator
from nctool.geometry.nulls.hulls import hull_margins
from nctool.geometry.nulls.margin_law import BASE, terms_of_fit, typical_margin
from nctool.geometry.nulls.null import EXACT, Array, Null, covers, of_draws

FITTED_FROM = BASE
"""Points; with fewer no formula comes within a percent of the room there is."""
FITTED = "formula: CGMT with fitted quantiles"
SHARES = {0.0: "least", 0.01: "p01", 0.1: "p10", 0.5: "p50"}
DECAY = {"least": 0.62, "p01": 0.68, "p10": 0.66, "p50": 1.4}
"""The fitted logarithms fall about as d^-w: times d^w they hardly change, and are interpolated."""
FEW_FOR_BATCHES = 32
"""Up to so many points all draws are solved at once; more go to the certified solver."""


def least_margin(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Null | None:
    """Of all classes, the least distance to the hull of the others; None out of range."""
    return margin_quantile(0.0, count, dim, centred, sizes)


@lru_cache(4096)
def margin_quantile(
    share: float, count: int, dim: int, centred: bool, sizes: Unequal | None = None
) -> Null | None:
    """What this share of the classes stays below: 0, 0.01, 0.1 or 0.5; None out of range."""
    if not covers(count, dim):
        return None
    if centred and count == 2:
        return Null(2.0, 0.0, EXACT)
    if count >= FITTED_FROM and dim > 2:
        return _fitted(SHARES[share], count, dim, centred).of_equal(sizes)
    return of_draws(_quantiles(count, dim, centred, sizes)[list(SHARES).index(share)])


def _fitted(name: str, count: int, dim: int, centred: bool) -> Null:
    """Value and spread as powers of K, times the typical margin."""
    table = _table()[name]
    dims = np.array(sorted(table))
    # Three dimensions have a law of their own, and are no neighbour to interpolate from.
    known = dims if dim == 3 else dims[dims > 3]
    place, logs = math.log(dim), np.log(known)
    rows = np.array([table[d] for d in known])  # (dims, 6)
    rows[:, :3] *= (known ** DECAY[name])[:, None]
    row = np.array([np.interp(place, logs, column) for column in rows.T])
    row[:3] /= dim ** DECAY[name]
    # Beyond the table spreads fall on as 1/sqrt(d), as between its last rows.
    row[3] -= max(place - logs[-1], 0.0) / 2
    terms = terms_of_fit(count, centred)
    law = typical_margin(count, dim, centred)
    return Null(law * math.exp(row[:3] @ terms), law * math.exp(row[3:] @ terms), FITTED)


@lru_cache(1)
def _table() -> dict[str, dict[int, list[float]]]:
    """By share and dimension, coefficients of ``terms_of_fit``: of the value, of the spread."""
    plain = json.loads(Path(__file__).with_name("margins.json").read_text("utf-8"))
    return {key: {int(dim): row for dim, row in rows.items()} for key, rows in plain.items()}


@lru_cache(256)
def _quantiles(count: int, dim: int, centred: bool, sizes: Unequal | None) -> Array:
    """(4, B) the shares of every draw."""
    random = generator(count, dim, centred)
    if count >= FITTED_FROM:
        margins = _on_circle(random, count)
    else:
        draws = 256 if count <= 10 else 96 if count <= 20 else 32
        points = gaussian_points(random, draws, count, dim)
        margins = _margins(directions(as_means(points, centred, sizes)))
    quantiles: Array = np.quantile(margins, list(SHARES), axis=1)
    return quantiles


def _margins(unit: Array) -> Array:  # (B, K)
    if unit.shape[1] <= FEW_FOR_BATCHES:
        return hull_margins(unit)
    import torch

    from nctool.geometry.hull import margins

    return np.stack([margins(torch.from_numpy(rows), gap=1e-3).value.numpy() for rows in unit])


def _on_circle(random: np.random.Generator, count: int) -> Array:
    """(64, K) in the plane: the gaps of random points on a circle are scaled exponentials.

    A point between gaps a and b is 2 sin(a/2) sin(b/2) from the chord of its neighbours. Of class
    means as of rows: so many points fix no direction of each other.
    """
    gaps = random.standard_exponential((64, count))
    gaps *= math.pi / gaps.sum(1, keepdims=True)
    sines = np.sin(gaps)
    return 2 * sines * np.roll(sines, 1, axis=1)
