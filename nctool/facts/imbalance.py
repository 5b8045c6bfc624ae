"""What unequal class sizes call for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.cost import afford
from nctool.engine.fact import Undefined, fact
from nctool.facts import point_costs
from nctool.facts.head import framed
from nctool.facts.means import BALANCED
from nctool.facts.points import BOTH

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes
    from nctool.geometry.points import Points
    from nctool.geometry.seli import Target
    from nctool.settings.budget import Budget
    from nctool.settings.conventions import Convention


@fact(each=BOTH)
def present_points(sizes: Sizes, points: Points, present: tuple[int, ...]) -> Tensor:  # (K, D)
    """The points of classes that have samples, in their order."""
    return points.vectors if points.classes == present else points.vectors[list(present)]


@fact(each=BOTH)
def framed_points(present_points: Tensor, points: Points, convention: Convention) -> Tensor:
    """The same as the convention wants them in Frobenius comparisons."""
    return present_points if points.centred else framed(present_points, convention)


@fact()
def unequal_counts(class_counts: Tensor) -> Tensor:  # (K,)
    """How many samples each class has, if that differs enough to matter."""
    if float(class_counts.max()) <= BALANCED * float(class_counts.min()):
        raise Undefined(
            "class sizes are within a factor of 1.5: that counts as balanced, and the simplex "
            "is the reference"
        )
    return class_counts


@fact(timed=True, cost=point_costs.seli)
def seli_targets(unequal_counts: Tensor, budget: Budget) -> tuple[Target, Target]:
    """The best geometry for these sizes: of classifier rows, and of class means."""
    from nctool.geometry import seli

    different = seli.different(unequal_counts)
    if different > seli.MOST_SIZES:
        raise Undefined(
            f"classes of {different:,} different sizes: their reference takes a singular value "
            f"decomposition that is done up to {seli.MOST_SIZES:,}"
        )
    what = f"the reference of classes of {different:,} different sizes"
    afford(point_costs.seli_bytes(different), budget.memory, what)
    return seli.targets(unequal_counts)
