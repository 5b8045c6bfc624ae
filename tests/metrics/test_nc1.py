"""NC1 by hand: what it is without structure."""

from __future__ import annotations

import numpy as np
import pytest

import nctool


def noise(classes: int, dim: int, seed: int = 0) -> nctool.Report:
    """Ten samples per class, none of which knows its class."""
    features = np.random.default_rng(seed).standard_normal((10 * classes, dim))
    labels = np.repeat(np.arange(classes), 10)
    return nctool.analyze(features=features, labels=labels, select="nc1.pinv,gnc1.pinv")


# The mean of an inverse Wishart matrix, whichever of K and d is the larger; near K = d + 1 it is
# infinite, and there is none.
@pytest.mark.parametrize(
    ("classes", "dim", "null"),
    [(4, 6, 9 * 3 / 2), (4, 5, 9 * 3 / 1), (12, 5, 9 * 5 / 5), (9, 6, 9 * 6 / 1), (5, 5, None),
     (6, 5, None), (7, 5, None)],
)  # fmt: skip
def test_null_value(classes: int, dim: int, null: float | None) -> None:
    report = noise(classes, dim)
    for name in ("nc1.pinv", "gnc1.pinv"):
        assert report[name].null_value == (None if null is None else pytest.approx(null))


# And noise has it in the mean: 300 draws leave under one percent.
@pytest.mark.parametrize(("classes", "dim"), [(12, 50), (30, 12)])
def test_noise_is_at_the_null_value(classes: int, dim: int) -> None:
    results = [noise(classes, dim, seed)["nc1.pinv"] for seed in range(300)]
    values = np.array([result.value for result in results])
    assert values.std() / np.sqrt(300) < 0.01 * values.mean()
    assert values.mean() == pytest.approx(results[0].null_value, rel=0.02)
