"""NC5: features of no class against the class means."""

from __future__ import annotations

import numpy as np

from tests.support.oracle.formula import formula
from tests.support.oracle.view import (
    Outcome,
    Undefined,
    View,
    centred_means,
    column_sums,
    unit_rows,
)


@formula("nc5.ood_orthogonality", undefined_on=("all_zero",), rounding="length")
def ood_orthogonality(seen: View) -> Outcome:
    """Mean over classes of |cos(mu_c, mean of the out-of-distribution features)|."""
    if seen.sample.ood is None:
        raise Undefined("needs out-of-distribution features")
    centred_means(seen)
    corner = seen.sample.ood.min(axis=0)  # (D,)
    outside = corner + column_sums(seen.sample.ood - corner) / len(seen.sample.ood)  # (D,)
    means = unit_rows(seen.corner + seen.shift, "class mean")  # (K, D)
    direction = unit_rows(outside[None], "mean of the out-of-distribution features")[0]  # (D,)
    by_class = np.abs(means @ direction)  # (K,)
    return Outcome(float(by_class.mean()), by_class)
