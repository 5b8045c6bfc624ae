"""How tight the classes are on the sphere, seen from the global mean or from zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.core.text import count
from nctool.engine.cost import afford
from nctool.engine.fact import Accumulator, Undefined, fact, sweep
from nctool.facts import costs

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.engine.device import Engine
    from nctool.engine.group import Group
    from nctool.facts.samples import Sizes
    from nctool.geometry.points import Points
    from nctool.settings.budget import Budget
    from nctool.statistics.closeness import Closeness, View
    from nctool.statistics.kept_samples import Choice, Groups
    from nctool.statistics.moments import Moments
    from nctool.statistics.parts import Residual
    from nctool.statistics.within_class import PairDistances, Stacks


@fact(name="view[means]")
def view_of_means(centred_means: Tensor, global_mean: Tensor) -> View:
    """From the global mean, against the directions of the class means."""
    from nctool.statistics.closeness import View, directions

    return View(global_mean, directions(centred_means))


@fact(name="view[weights]")
def view_of_weights(global_mean: Tensor, row_directions: Tensor | None = None) -> View:
    """From zero, against the directions of the classifier rows if anybody asks for them."""
    import torch

    from nctool.statistics.closeness import View

    return View(torch.zeros_like(global_mean), row_directions)


@sweep(over="present_samples", name="near[means]", of="means", cost=costs.near)
def near_means(sizes: Sizes, view: View, residual: Residual) -> Accumulator[Closeness]:
    """Distances of the samples to the directions of their class means."""
    from nctool.statistics.closeness import ClosenessSums

    return ClosenessSums(view, residual, spread=False)


@sweep(over="present_samples", name="near[weights]", of="weights", cost=costs.near)
def near_weights(sizes: Sizes, view: View, residual: Residual) -> Accumulator[Closeness]:
    """Distances of the samples to the directions of their classifier rows, and their scatter."""
    from nctool.statistics.closeness import ClosenessSums

    return ClosenessSums(view, residual)


@fact(name="closeness[means]", of="means")
def closeness_to_means(directed: Points, near: Closeness) -> Closeness:
    """The same, where every sample and every mean has a direction."""
    _all_have_directions(near.lost, "at the global mean")
    return near


@fact(name="closeness[weights]", of="weights")
def closeness_to_weights(
    present_rows_have_directions: bool, row_directions: Tensor, near: Closeness
) -> Closeness:
    """The same, where every sample and every row has a direction."""
    _all_have_directions(near.lost, "of zeros")
    return near


def _all_have_directions(lost: int, where: str) -> None:
    if lost:
        verb = "has" if lost == 1 else "have"
        raise Undefined(f"{count(lost, 'feature')} {where} {verb} no direction")


@fact(of="weights")
def classes_with_pairs(near: Closeness, class_counts: Tensor) -> Tensor:  # (K,) bool
    """Which classes have two samples or more, features all having a direction."""
    _all_have_directions(near.lost, "of zeros")
    several = class_counts > 1
    if not bool(several.any()):
        raise Undefined("every class has one sample: there are no pairs")
    return several


@fact(of="weights")
def unit_scatter(near: Closeness, residual: Residual, sphere_moments: Moments) -> Tensor:  # (K,)
    """The sum of squared distances of x/|x| to its class's mean."""
    from nctool.statistics.closeness import unit_scatter

    assert sphere_moments.unit_mean is not None
    return unit_scatter(
        near, residual.centres.table, sphere_moments.unit_mean, sphere_moments.count
    )


@fact(cost=costs.choice)
def kept_choice(
    sizes: Sizes, labels: Tensor, class_counts: Tensor, residual: Residual, budget: Budget
) -> Choice:
    """Which samples are kept for what sums cannot tell."""
    from nctool.statistics.kept_samples import LEAST_KEPT, choose

    itemsize = residual.centres.table.dtype.itemsize
    few = int(class_counts.clamp(max=LEAST_KEPT).sum())
    what = f"a few samples of each of {count(sizes.classes, 'class', 'classes')}"
    afford(costs.fewest_bytes(few, sizes.dim, itemsize), budget.memory, what)
    memory = budget.memory // costs.KEPT_SHARE
    choice = choose(labels, sizes.dim * itemsize, memory, budget.seed)
    assert choice is not None  # as many fit
    return choice


@sweep(over="present_samples", cost=costs.kept)
def kept_samples(kept_choice: Choice, sizes: Sizes, engine: Engine) -> Accumulator[Groups]:
    """These samples, by class."""
    from nctool.statistics.kept_samples import Keeper

    return Keeper(kept_choice, sizes.dim, engine.work, engine.device, sizes.classes)


@fact(cost=costs.stacks, during="stacks")
def stacks(kept_samples: Groups, residual: Residual, group: Group) -> Stacks:
    """The same, some classes at a time; each process takes some of them."""
    from nctool.statistics.within_class import Stacks

    return Stacks(kept_samples, residual.centres.table, group)


@sweep(over="stacks", cost=costs.pair_distances)
def pair_distances(
    residual: Residual, global_mean: Tensor, class_counts: Tensor
) -> Accumulator[PairDistances]:
    """Between samples of one class, seen from zero."""
    import torch

    from nctool.statistics.within_class import PairSums

    return PairSums(torch.zeros_like(global_mean), residual.centres.table, class_counts)


@sweep(over="stacks", name="kernels", each=("means", "weights"), cost=costs.kernels)
def kernels(
    closeness: Closeness, view: View, residual: Residual, class_counts: Tensor
) -> Accumulator[Tensor]:
    """(K,) log det of a Gaussian kernel over the samples of a class and their point."""
    from nctool.statistics.within_class import KernelSums

    return KernelSums(view, residual.centres.table, class_counts)
