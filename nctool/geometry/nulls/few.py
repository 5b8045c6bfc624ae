"""Some points are so few that drawing them is both the simplest and the most exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.draws import Unequal, as_means, directions, gaussian_points, generator
from nctool.geometry.nulls.null import Array

FEW = 20
DRAWS = 400


@dataclass(frozen=True, slots=True)
class Few:
    """(B,) numbers of every draw."""

    cosine_std: Array
    angle_gap: Array
    max_cosine: Array
    separation: Array
    energies: tuple[Array, Array, Array]  # means over pairs of log(1/rho), 1/rho, 1/rho^2
    newton: Array  # logarithm of the mean over pairs of rho^-(d-2)
    etf_deviation: Array


@lru_cache(64)
def few_points(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Few | None:
    """All that pairs say, at up to twenty points; None for more."""
    if count > FEW:
        return None
    drawn = gaussian_points(generator(count, dim, centred), DRAWS, count, dim)
    points = as_means(drawn, centred, sizes)
    unit = directions(points)
    first, second = np.triu_indices(count, 1)
    # From differences: 2 - 2 cos cancels where two are close.
    square = np.square(unit[:, first] - unit[:, second]).sum(2)  # (B, pairs)
    logs, cosine = np.log(square), 1 - square / 2
    powers = -(dim - 2) / 2 * logs
    top = powers.max(1)
    return Few(
        cosine_std=cosine.std(1),
        angle_gap=abs(cosine + 1 / (count - 1)).mean(1),
        max_cosine=cosine.max(1),
        separation=np.sqrt(square.min(1)),
        energies=((-logs / 2).mean(1), (square**-0.5).mean(1), (1 / square).mean(1)),
        newton=top + np.log(np.exp(powers - top[:, None]).mean(1)),
        etf_deviation=_etf_deviation(points),
    )


def _etf_deviation(points: Array) -> Array:
    """|G/|G| - T| from |G| and <G, T> = Tr(centred G)/sqrt(K-1)."""
    gram = points @ points.transpose(0, 2, 1)
    count = points.shape[1]
    norm = np.sqrt(np.square(gram).sum((1, 2)))
    inner = gram.trace(axis1=1, axis2=2) - gram.sum((1, 2)) / count
    deviation: Array = np.sqrt(np.maximum(2 - 2 * inner / np.sqrt(count - 1) / norm, 0))
    return deviation
