"""The first pass, fed from outside: features as a model computes them, batch by batch.

Sums of every class and, in place of a second pass, products of residuals: O(K d + d^2) in memory,
however many samples there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from nctool.analysis.measure import Settings
from nctool.arrays import Gathered
from nctool.core.progress import Silent
from nctool.engine.arithmetic import exact_products
from nctool.engine.block import Block
from nctool.engine.device import Engine, choose_device
from nctool.engine.seen import Again, SeenSamples
from nctool.engine.solve import settle, start
from nctool.engine.workspace import Workspace
from nctool.facts import graph

FIRST = ("sample_sums", "on_sphere", "with_products", "duplicate_sketch")
"""What a first look asks for."""

BESIDE_A_MODEL = 8 << 30
"""Bytes of a device that are counted on while a model runs there: blocks of 64 MiB."""


class FirstLook:
    """Sums of the samples so far; ``gathered`` may be asked for at any time."""

    def __init__(
        self,
        names: Sequence[str],
        dim: int,
        dtype: str,
        settings: Settings,
        device: torch.device | None = None,
    ) -> None:
        """``names`` of all classes; ``dtype`` of the features, as ``float32``."""
        self.settings, self.dim, self.dtype = settings, dim, dtype
        place = device or choose_device(settings.compute.device)
        self.engine = Engine.on(place, work_of(dtype, settings), BESIDE_A_MODEL)
        unit = settings.convention.unit_features
        nothing = torch.empty(0, dtype=torch.int32)
        self.samples = SeenSamples.of(dim, dtype, self.engine, Silent(), unit, nothing)
        inputs = {
            "class_names": tuple(names),
            "convention": settings.convention,
            "budget": settings.budget,
            "engine": self.engine,
            "progress": Silent(),
        }
        self.space = Workspace(self.engine.work, self.engine.device)
        self.rows = 0
        self.waiting: list[tuple[Tensor, Tensor]] = []
        self.held = 0
        with exact_products(settings.compute):
            first = start(graph(), inputs, FIRST, settled={"samples": self.samples})
            self.running = settle(first)[1]

    def add(self, x: Tensor, y: Tensor) -> None:
        """Features (B, D), class indices (B,); rows of a negative index are left out.

        They are held until a block is full: a batch of a few rows would cost more in calls, and
        on a device in waiting, than its arithmetic. So nobody may write into them afterwards.
        """
        self.waiting.append((x, y))
        self.held += len(x)
        if self.held >= self.engine.feature_rows(self.dim):
            self._take()

    def _take(self) -> None:
        """The rows that wait, as one block."""
        if not self.waiting:
            return
        with exact_products(self.settings.compute):
            x, y = (torch.cat(parts) for parts in zip(*self.waiting, strict=True))
            self.waiting, self.held = [], 0
            rows, classes = self.samples.prepared(x, y)
            most = self.engine.feature_rows(self.dim)
            for start in range(0, len(rows), most):
                part, index = rows[start : start + most], classes[start : start + most]
                block = Block(part, index, self.rows, self.space)
                for accumulator in self.running.values():
                    accumulator.add(block)
                self.rows += len(index)

    def sums(self) -> dict[str, Any]:
        """By fact; of its own, whatever is added later."""
        self._take()
        with exact_products(self.settings.compute):
            return {name: deepcopy(each.sums()) for name, each in self.running.items()}

    def gathered(
        self, why: str, again: Again | None = None, labels: Tensor | None = None
    ) -> Gathered:
        """``why`` there is no second look, where there is no ``again``."""
        work = str(self.engine.work).removeprefix("torch.")
        return Gathered(self.sums(), self.dim, self.dtype, work, why, again, labels)


def work_of(dtype: str, settings: Settings) -> torch.dtype:
    """The working precision for features of this kind."""
    unit = settings.convention.unit_features
    double = unit or (settings.compute.dtype or dtype) == "float64"
    return torch.float64 if double else torch.float32
