"""Which classes may have the least margin: a bound for each from its own direction alone.

In few dimensions some classes lie much closer together than most. The least margin is then below
most of these bounds, and most classes need nothing else.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nctool.geometry.hull.cloud import Cloud, Precision
from nctool.geometry.hull.worker_pool import WorkerPool

if TYPE_CHECKING:
    from nctool.geometry.hull.active_set import ActiveSetSolver

CHEAP = 128
"""Up to so many dimensions these bounds cost little beside the rest of a round."""
WORTHWHILE = 0.6
"""Beyond, they do not pay if more of a sample than this may have the least margin."""


def contenders(solver: ActiveSetSolver, rows: Tensor, sample: Tensor) -> Tensor:
    """Those of ``rows`` that may have the least margin, the likeliest first.

    ``sample``: solved classes, whose least margin is the one to be below.
    """
    if solver.cloud.dim > CHEAP:
        possible = own_bounds(solver.cloud, sample) < solver.floor
        if float(possible.double().mean()) > WORTHWHILE:
            return rows
    own = rows[solver.team.rank :: solver.team.size]
    with WorkerPool(rows.device) as pool:
        blocks = torch.split(own, solver.height)
        bounds = torch.cat([solver.lower[:0], *pool.map(partial(own_bounds, solver.cloud), blocks)])
    for rank, values in enumerate(solver.team.gather(bounds)):
        solver.lower[rows[rank :: solver.team.size]] = values
    rows = solver.still_possible(rows)
    return rows[torch.argsort(solver.lower[rows], stable=True)]


def own_bounds(cloud: Cloud, rows: Tensor) -> Tensor:
    """(B,) how much further along its own direction each point is than all others, at least."""
    own = cloud.exact[rows] - cloud.centre
    length = torch.linalg.vector_norm(own, dim=1, keepdim=True)
    way = own / length.clamp(min=torch.finfo(torch.float64).tiny)
    precision = Precision.SINGLE if cloud.screen is None else Precision.SCREEN
    scores = cloud.scores(way, precision)
    scores.exclude(rows[:, None])
    largest = scores.above(scores.values.amax(1).double())
    bounds: Tensor = torch.linalg.vecdot(way, own) - largest
    return bounds.clamp(min=0)
