"""The small quadratic programmes of a block of classes: in cache, and as precise as they need be.

Matrices and pivoting are float32. Where float64 is wanted, the supports that come out are refined
on the rows in float64; what that does not solve is solved in float64 throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nctool.geometry.hull.candidates import Candidates
from nctool.geometry.hull.certificate import PrimalPoint
from nctool.geometry.hull.cloud import Cloud
from nctool.geometry.hull.mixed_precision import refined
from nctool.geometry.hull.quadratic_program import System, block_pivot, lawson_hanson, pivot

ROW_BYTES, MATRIX_BYTES = 2 << 20, 8 << 20
"""Rows that are multiplied, and matrices that are worked on, together: they stay in cache."""
DEVICE_FACTOR = 64
"""So much more on a device, where few large operations are cheaper than many small ones."""


def nearest(cloud: Cloud, part: Candidates, *, exact: bool, steady: bool) -> PrimalPoint:
    """The nearest points of the hulls of the candidates; in float64 if ``exact``.

    ``steady``: one row at a time, for rows that depend on each other.
    """
    width = part.others.shape[1]
    height = _height(part, MATRIX_BYTES, (8 if steady else 4) * width * width)
    solve = _steady if steady else _exact if exact else _rough
    solved = [solve(cloud, few) for few in part.split(height)]
    weights = torch.cat([weights for weights, _ in solved])
    residual = torch.cat([residual for _, residual in solved])
    error = cloud.residual_error(int((weights > 0).sum(1).max()), exact=exact)
    return PrimalPoint(part.rows, part.others, weights, residual, error)


def _height(part: Candidates, budget: int, each: int) -> int:
    """How many programmes of so many bytes at once."""
    if part.others.device.type != "cpu":
        budget *= DEVICE_FACTOR
    return max(1, budget // each)


def _system(cloud: Cloud, part: Candidates, *, exact: bool) -> System:
    """In float32; the rows are subtracted in float64 if ``exact``."""
    each = (12 if exact else 4) * part.others.shape[1] * cloud.dim
    return System.cat(
        [
            System.of(cloud.differences(few.rows, few.others, exact=exact).float(), few.valid)
            for few in part.split(_height(part, ROW_BYTES, each))
        ]
    )


def _rough(cloud: Cloud, part: Candidates) -> tuple[Tensor, Tensor]:
    system = _system(cloud, part, exact=False)
    z, _ = pivot(system, part.start)
    weights = system.weights(z)
    within = torch.nn.functional.embedding_bag(
        part.others, cloud.coarse, per_sample_weights=weights.float(), mode="sum"
    )
    return weights, (cloud.exact[part.rows] - cloud.centre) - within


def _exact(cloud: Cloud, part: Candidates) -> tuple[Tensor, Tensor]:
    system = _system(cloud, part, exact=True)
    z, solved = pivot(system, part.start)
    weights = torch.zeros_like(z, dtype=torch.float64)
    residual = weights.new_empty(len(z), cloud.dim)
    height = _height(part, ROW_BYTES, 8 * part.others.shape[1] * cloud.dim)
    for start in range(0, len(z), height):
        few = slice(start, start + height)
        rows = cloud.differences(part.rows[few], part.others[few])
        weights[few], refined_too = refined(rows, system.part(few), z[few] > 0)
        residual[few] = _combined(weights[few], rows)
        solved[few] &= refined_too
    failed = torch.nonzero(~solved).flatten()
    if len(failed):
        weights[failed], residual[failed] = _double(cloud, part.part(failed))
    return weights, residual


def _double(cloud: Cloud, part: Candidates) -> tuple[Tensor, Tensor]:
    """In float64 throughout: by blocks, and what these leave one row at a time."""
    rows = cloud.differences(part.rows, part.others)
    system = System.of(rows, part.valid)
    z, solved = block_pivot(system, part.start)
    failed = torch.nonzero(~solved).flatten()
    if len(failed):
        z[failed] = lawson_hanson(system.part(failed), _limit(cloud, part))
    weights = system.weights(z)
    return weights, _combined(weights, rows)


def _steady(cloud: Cloud, part: Candidates) -> tuple[Tensor, Tensor]:
    rows = cloud.differences(part.rows, part.others)
    system = System.of(rows, part.valid)
    weights = system.weights(lawson_hanson(system, _limit(cloud, part)))
    return weights, _combined(weights, rows)


def _combined(weights: Tensor, rows: Tensor) -> Tensor:
    return torch.bmm(weights[:, None, :], rows)[:, 0]


def _limit(cloud: Cloud, part: Candidates) -> int:
    """Steps of one row each."""
    return 3 * min(part.others.shape[1], cloud.dim + 1) + 20
