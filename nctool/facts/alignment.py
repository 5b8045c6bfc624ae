"""Do rows, labels and head rows belong together?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.fact import Accumulator, fact, sweep
from nctool.facts import costs, point_costs

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes
    from nctool.settings.conventions import Convention
    from nctool.statistics.alignment import Misalignment
    from nctool.statistics.confusion import Decisions
    from nctool.statistics.head_rule import HeadRule
    from nctool.statistics.moments import Moments


@sweep(over="present_samples", cost=costs.counted)
def head_decisions(head_rule: HeadRule, class_counts: Tensor) -> Accumulator[Decisions]:
    """How often each row of the head is decided for each class."""
    from nctool.statistics.confusion import DecisionSums

    return DecisionSums(head_rule, class_counts)


@sweep(over="present_samples", cost=costs.counted)
def decision_order(head_rule: HeadRule, class_counts: Tensor) -> Accumulator[Tensor]:
    """(N,) The row of the head that is decided for each sample."""
    from nctool.statistics.confusion import DecisionOrder

    return DecisionOrder(head_rule, class_counts)


@fact()
def head_right(head_decisions: Decisions) -> Tensor:  # (K,)
    """How many samples the head gets right."""
    return head_decisions.right


@fact()
def head_chosen(
    head_decisions: Decisions, weight: Tensor, columns: Tensor
) -> Tensor:  # (C,) float64
    """How many samples the head gives to each class."""
    return head_decisions.chosen(columns, len(weight))


@fact(cost=point_costs.alignment)
def misalignment(
    sizes: Sizes,
    head_decisions: Decisions | None,
    decision_order: Tensor | None,
    labels: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    columns: Tensor,
    moments: Moments,
    convention: Convention,
) -> Misalignment | None:
    """The order of labels, of head rows or of samples in which the head would be right.

    None where the head is right as it is, and where no order helps: an untrained network, one
    that is often wrong, or noise.
    """
    from nctool.statistics.alignment import align

    if head_decisions is None or weight is None:
        return None
    order = None
    if decision_order is not None and labels is not None:
        order = decision_order, labels
    decides = bias if convention.bias_decides else None
    return align(head_decisions, order, weight, decides, columns, moments)
