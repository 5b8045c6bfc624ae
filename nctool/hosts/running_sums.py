"""A first look as a list of tensors, which a host keeps, gathers and hands back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nctool.analysis.first_look import FirstLook
from nctool.analysis.measure import Settings
from nctool.engine.packing import packed, unpacked

DTYPES = ("float32", "float16", "bfloat16", "float64")
"""By the number that stands for them."""
NONE_YET = -1


class RunningSums:
    """Samples so far, with those of other lists joined to them."""

    def __init__(
        self, names: Sequence[str], dim: int, settings: Settings, parts: Sequence[Sequence[Tensor]],
        dtype: str = "", device: torch.device | None = None,
    ) -> None:  # fmt: skip
        """``parts``: lists that ``packed`` gave; ``dtype`` of features that none has seen yet."""
        seen = [int(part[0][0]) for part in parts]
        known = [DTYPES[number] for number in seen if number != NONE_YET]
        self.any = bool(known or dtype)
        self.look = FirstLook(names, dim, (*known, dtype or DTYPES[0])[0], settings, device)
        self.empty = self.look.sums()
        self.ignored = 0
        for part in parts:
            self._join(part)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Features (B, D) and class indices (B,), -1 for those that are left out."""
        # A look holds rows until a block is full, and the caller may write into them before.
        self.look.add(x.clone(), y)
        self.ignored += int((y < 0).sum())

    def packed(self) -> list[Tensor]:
        """What was seen, how many samples, how many left out; then all sums in their order."""
        sums = self._named(self.look.sums())  # the rows that wait for a block are in now
        number = DTYPES.index(self.look.dtype) if self.any else NONE_YET
        counts = torch.tensor([number, self.look.rows, self.ignored])
        return [counts, *sums.values()]

    def _named(self, sums: dict[str, Any]) -> dict[str, Tensor]:
        return {
            name: tensor
            for fact, each in sums.items()
            for name, tensor in packed(each, fact).items()
        }

    def _join(self, part: Sequence[Tensor]) -> None:
        _, rows, ignored = part[0].tolist()
        named = dict(zip(self._named(self.empty), part[1:], strict=True))
        for fact, accumulator in self.look.running.items():
            accumulator.merge(unpacked(named, self.empty[fact], fact))
        self.look.rows += rows
        self.ignored += ignored
