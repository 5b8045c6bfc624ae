"""NC5: do features of unknown kinds stay away from every class?"""

from __future__ import annotations

from nctool.engine.evidence import Evidence, Need
from nctool.metrics.metric import Measured, Undefined, metric
from nctool.metrics.shared import mean_abs_cosine, several_classes


@metric(
    "nc5.ood_orthogonality",
    title="Class means against out-of-distribution features",
    definition="mean over classes of |cos(mu_c, mu_ood)|",
    need=Need.SAMPLES | Need.OOD,
    invariant="rotate scale relabel",
)
def ood_orthogonality(evidence: Evidence) -> Measured:
    """Is the mean of out-of-distribution features orthogonal to every class mean?
    Formula: mean over classes of |cos(mu_c, mu_ood)|.
    Convention: nothing is centred. Per class: |cos|.
    Undefined when: there is one class, or a mean is zero.
    Reference: Ammar et al. 2024 (NECO), NC5.
    """
    several_classes(evidence)
    cosines = evidence.ood_cosines
    if cosines is None:
        raise Undefined("a class mean or the mean of the unknown features is zero: no direction")
    return Measured(
        float(cosines.mean()), per_class=cosines, null_value=mean_abs_cosine(evidence.dim)
    )


METRICS = (ood_orthogonality,)
