"""What the second sweep is to find: needs, and what was settled before it, in; a Plan out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.arrays import Source
from nctool.engine.evidence import Evidence, Need
from nctool.engine.sweeps import Engine
from nctool.statistics.anchors import View
from nctool.statistics.keepsake import choose
from nctool.statistics.moments import Moments
from nctool.statistics.second import Plan
from nctool.statistics.whitening import Whitener
from nctool.statistics.within import Asked

KEPT = Need.KERNELS | Need.SAMPLE_PAIRS
WITHIN = Need.ANCHORS | Need.UNIT_SCATTER | KEPT
SECOND = (
    Need.WHITENING
    | Need.UNIT_WHITENING
    | Need.NEAREST_MEAN
    | Need.DECISIONS
    | Need.MARGINS
    | WITHIN
)
KEPT_SHARE = 4
"""One part in so many of the memory is for kept samples."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What the first sweep and the geometry of its class means have settled."""

    evidence: Evidence
    moments: Moments  # present classes only
    columns: Tensor  # (K,) their stored indices
    middle: Tensor  # (D,) the global mean
    white: Whitener
    unit_white: Whitener | None
    weight: Tensor | None  # (C, D)


def plan_of(need: Need, source: Source, engine: Engine, settled: Settled) -> Plan:
    convention, means = settled.evidence.convention, settled.evidence.means
    assert means is not None
    head = settled.weight if need & Need.DECISIONS else None
    bias = source.bias if convention.bias_decides else None
    white = settled.white
    rows = max(len(settled.columns), 0 if head is None else len(head))
    return Plan(
        moments=settled.moments,
        columns=settled.columns,
        global_mean=settled.middle,
        work=engine.work,
        whitener=white if need & Need.WHITENING and white.spectrum.rank else None,
        unit_whitener=settled.unit_white,
        weight=head,
        bias=None if bias is None else bias.to(engine.device),
        score_rows=engine.score_rows(rows),
        nearest=means.pairs.nearest if need & Need.NEAREST_MEAN else None,
        margins=bool(need & Need.MARGINS) and head is not None,
        within=_within(need, source, engine, settled) if need & WITHIN else None,
    )


def _within(need: Need, source: Source, engine: Engine, settled: Settled) -> Asked:
    evidence = settled.evidence
    views: dict[str, View] = {}
    if need & Need.ANCHORS and need & Need.MEAN_PAIRS:
        directions = _directions(settled.moments.mean - settled.middle)
        views["means"] = View(settled.middle, directions)
    rows = None
    if need & Need.ANCHORS and need & Need.WEIGHT_PAIRS and settled.weight is not None:
        rows = _directions(settled.weight[settled.columns].double())
    if rows is not None or need & (Need.UNIT_SCATTER | Need.SAMPLE_PAIRS):
        views["weights"] = View(torch.zeros_like(settled.middle), rows)
    choice = None
    if need & KEPT:
        assert source.labels is not None
        budget, row_bytes = evidence.budget, evidence.dim * engine.work.itemsize
        choice = choose(source.labels, row_bytes, budget.memory // KEPT_SHARE, budget.seed)
    return Asked(
        views,
        spread=bool(need & Need.UNIT_SCATTER),
        pairs=bool(need & Need.SAMPLE_PAIRS),
        kernels=bool(need & Need.KERNELS),
        choice=choice,
    )


def _directions(rows: Tensor) -> Tensor:
    """Rows of length one; zero rows stay zero."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > 0, length, 1.0)
