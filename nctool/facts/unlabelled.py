"""Features of unknown kinds: a pass of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.fact import Accumulator, Undefined, fact, sweep
from nctool.facts import costs

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.arrays import LazyArray
    from nctool.engine.device import Engine
    from nctool.engine.group import Group
    from nctool.engine.samples import Unlabelled
    from nctool.facts.samples import Sizes
    from nctool.statistics.moments import Moments


@fact()
def unlabelled_samples(ood: LazyArray, engine: Engine, group: Group) -> Unlabelled:
    """Features of unknown kinds."""
    from nctool.engine.samples import Unlabelled

    return Unlabelled(ood, engine, group)


@sweep(over="unlabelled_samples", cost=costs.unlabelled)
def ood_sum(unlabelled_samples: Unlabelled) -> Accumulator[Tensor]:
    """(D,) float64, their mean."""
    from nctool.statistics.sums import RowSum

    return RowSum(unlabelled_samples.features.shape[1], unlabelled_samples.engine.device)


@fact()
def ood_mean(ood_sum: Tensor, ood: LazyArray) -> Tensor:  # (D,)
    import torch

    from nctool.core.errors import InputError

    if not bool(torch.isfinite(ood_sum).all()):
        raise InputError(
            "non-finite-ood",
            f"out-of-distribution features {ood.key!r} hold NaN or infinity",
            "leave these rows out",
        )
    return ood_sum


@fact()
def ood_cosines(sizes: Sizes, moments: Moments, ood_mean: Tensor) -> Tensor:  # (K,)
    """|cos| of each class mean with the mean of features of unknown kinds; nothing is centred."""
    import torch

    lengths = torch.linalg.vector_norm(moments.mean, dim=1) * ood_mean.norm()
    if not bool((lengths > 0).all()):
        raise Undefined("a class mean or the mean of the unknown features is zero: no direction")
    cosines: Tensor = (moments.mean @ ood_mean / lengths).abs()
    return cosines
