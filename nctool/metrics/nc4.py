"""NC4: does the head decide as the nearest class mean does?"""

from __future__ import annotations

from nctool.engine.evidence import Evidence, Need
from nctool.metrics.metric import Measured, metric
from nctool.metrics.shared import answers, known


@metric(
    "nc4.mismatch",
    title="Decisions that are not the nearest class mean",
    definition="share of samples with argmax(W h + b) != nearest class mean",
    need=Need.SAMPLES | Need.DECISIONS | Need.NEAREST_MEAN,
    invariant="rotate shift relabel",
)
def mismatch(evidence: Evidence) -> Measured:
    """How often the head decides for another class than the nearest class mean would.
    Formula: share of samples with argmax_c (w_c h + b_c) != argmin_c |h - mu_c|.
    Convention: with the bias; Euclidean distance to the uncentred means of these samples; every
    sample weighs the same; ties go to the first class. Per class: the share among its samples.
    Undefined when: there is one class.
    Reference: Papyan, Han & Donoho 2020, NC4.
    """
    agreed = known(answers(evidence).agreed)
    count = known(evidence.count)
    return Measured(
        (evidence.samples - float(agreed.sum())) / evidence.samples,
        per_class=(count - agreed) / count,
        null_value=1 - 1 / evidence.classes,
    )


@metric(
    "nc4.ncc_accuracy",
    title="Accuracy of the nearest class mean",
    definition="share of samples nearest to their own class's mean",
    need=Need.SAMPLES | Need.NEAREST_MEAN,
    ideal=1.0,
    toward="up",
)
def ncc_accuracy(evidence: Evidence) -> Measured:
    """How often the nearest class mean is the right class.
    Formula: share of samples with argmin_c |h - mu_c| = y.
    Convention: the means are of the same samples, so it flatters small classes; ties go to the
    first class. Per class: the share among its samples.
    Undefined when: there is one class.
    Reference: Galanti, György & Hutter 2022.
    """
    right = known(answers(evidence).mean_right)
    return Measured(
        float(right.sum()) / evidence.samples,
        per_class=right / known(evidence.count),
        null_value=1 / evidence.classes,
    )


@metric(
    "nc4.accuracy",
    title="Accuracy of the head",
    definition="share of samples with argmax(W h + b) = label",
    need=Need.SAMPLES | Need.DECISIONS,
    ideal=1.0,
    toward="up",
    invariant="rotate shift relabel",
)
def accuracy(evidence: Evidence) -> Measured:
    """How often the head is right on these samples.
    Formula: share of samples with argmax_c (w_c h + b_c) = y.
    Convention: with the bias; ties go to the first class. Per class: the share among its samples.
    Undefined when: there is one class.
    Reference: Papyan, Han & Donoho 2020 (the terminal phase begins where this reaches one).
    """
    right = known(answers(evidence).head_right)
    return Measured(
        float(right.sum()) / evidence.samples,
        per_class=right / known(evidence.count),
        null_value=1 / evidence.classes,
    )


METRICS = (mismatch, ncc_accuracy, accuracy)
