"""NC4: does the head decide as the nearest class mean does?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.geometry import nulls
from nctool.metrics.metric import Measured, metric

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes


INDEPENDENT = "exact: independent decisions"


@metric(
    "nc4.mismatch",
    title="Decisions that are not the nearest class mean",
    definition="share of samples with argmax(W h + b) != nearest class mean",
    invariant="rotate shift relabel",
)
def mismatch(sizes: Sizes, agreed: Tensor, class_counts: Tensor) -> Measured:
    """How often the head decides for another class than the nearest class mean would.
    Formula: share of samples with argmax_c (w_c h + b_c) != argmin_c |h - mu_c|.
    Convention: with the bias; Euclidean distance to the uncentred means of these samples; every
    sample weighs the same; ties go to the first class. Per class: the share among its samples.
    Undefined when: there is one class.
    Reference: Papyan, Han & Donoho 2020, NC4.
    """
    return Measured(
        (sizes.samples - float(agreed.sum())) / sizes.samples,
        per_class=(class_counts - agreed) / class_counts,
        null_value=1 - 1 / sizes.classes,
        null_source=INDEPENDENT,
    )


@metric(
    "nc4.ncc_accuracy",
    title="Accuracy of the nearest class mean",
    definition="share of samples nearest to their own class's mean",
    ideal=1.0,
    toward="up",
)
def ncc_accuracy(sizes: Sizes, mean_right: Tensor, class_counts: Tensor) -> Measured:
    """How often the nearest class mean is the right class.
    Formula: share of samples with argmin_c |h - mu_c| = y.
    Convention: the means are of the same samples, so it flatters small classes; ties go to the
    first class. Per class: the share among its samples.
    Undefined when: there is one class.
    Reference: Galanti, György & Hutter 2022.
    """
    null = nulls.nearest_mean_accuracy(sizes.dim, class_counts.cpu().numpy())
    return _accuracy(mean_right, sizes, class_counts, null, "formula: a mean holds its samples")


@metric(
    "nc4.accuracy",
    title="Accuracy of the head",
    definition="share of samples with argmax(W h + b) = label",
    ideal=1.0,
    toward="up",
    invariant="rotate shift relabel",
)
def accuracy(sizes: Sizes, head_right: Tensor, class_counts: Tensor) -> Measured:
    """How often the head is right on these samples.
    Formula: share of samples with argmax_c (w_c h + b_c) = y.
    Convention: with the bias; ties go to the first class. Per class: the share among its samples.
    Undefined when: there is one class.
    Reference: Papyan, Han & Donoho 2020 (the terminal phase begins where this reaches one).
    """
    return _accuracy(head_right, sizes, class_counts, 1 / sizes.classes, INDEPENDENT)


def _accuracy(
    right: Tensor, sizes: Sizes, class_counts: Tensor, null: float, source: str
) -> Measured:
    return Measured(
        float(right.sum()) / sizes.samples,
        per_class=right / class_counts,
        null_value=null,
        null_source=source,
    )
