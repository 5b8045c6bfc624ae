"""What an analysis starts from; any of the arrays may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.arrays import LazyArray
    from nctool.core.progress import Progress
    from nctool.engine.device import Engine
    from nctool.engine.group import Group
    from nctool.settings.budget import Budget
    from nctool.settings.conventions import Convention

ARRAYS = ("features", "labels", "head", "ood")
"""The inputs that a user gives, as results and pages name them."""


class Inputs(TypedDict, total=False):
    """Each may be named by a parameter, as any fact."""

    features: LazyArray  # (N, D)
    labels: Tensor  # (N,) class index, -1 is left out
    head: Tensor  # (C, D) stored precision, on the CPU
    bias: Tensor  # (C,)
    ood: LazyArray  # (M, D)
    class_names: tuple[str, ...]
    split: str | None
    convention: Convention
    budget: Budget
    engine: Engine
    progress: Progress
    share: tuple[int, int]  # which rows of the features this process reads
    class_share: tuple[int, int]  # whose state it holds, if not that of all classes
    group: Group
