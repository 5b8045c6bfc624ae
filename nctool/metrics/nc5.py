"""NC5: do features of unknown kinds stay away from every class?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nctool.geometry import nulls
from nctool.metrics.metric import Measured, metric
from nctool.metrics.shared import mean_abs_cosine

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes


@metric(
    "nc5.ood_orthogonality",
    title="Class means against out-of-distribution features",
    definition="mean over classes of |cos(mu_c, mu_ood)|",
    invariant="rotate scale relabel",
)
def ood_orthogonality(sizes: Sizes, ood_cosines: Tensor) -> Measured:
    """Is the mean of out-of-distribution features orthogonal to every class mean?
    Formula: mean over classes of |cos(mu_c, mu_ood)|.
    Convention: nothing is centred. Per class: |cos|.
    Undefined when: there is one class, or a mean is zero.
    Reference: Ammar et al. 2024 (NECO), NC5.
    """
    null = mean_abs_cosine(sizes.dim)
    # In one dimension every |cos| is 1, and the difference is rounding.
    sd = math.sqrt(max(1 / sizes.dim - null**2, 0.0) / sizes.classes)
    measured = Measured(float(ood_cosines.mean()), per_class=ood_cosines)
    return measured.beside(nulls.Null(null, sd, "exact: law of a cosine"))
