"""NC1 by hand: what it is without structure."""

from __future__ import annotations

import numpy as np
import pytest

import nctool


def noise(classes: int, dim: int, seed: int = 0) -> nctool.Report:
    """Ten samples per class, none of which knows its class."""
    features = np.random.default_rng(seed).standard_normal((10 * classes, dim))
    labels = np.repeat(np.arange(classes), 10)
    return nctool.analyze(features=features, labels=labels, metrics="nc1.pinv,gnc1.pinv")


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


def spread_along(direction: list[float]) -> nctool.Report:
    """Two classes at distance two along the first axis, each spread by one along a direction."""
    means = np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    step = np.array(direction)
    features = np.concatenate([means + step, means - step]) + 7.0
    return nctool.analyze(features=features, labels=np.array([0, 1, 0, 1]), metrics="nc1.*")


# Spread at right angles to the line between the means is nothing to the directional variance;
# along the line it is all that there is.
def test_directional_cdnv() -> None:
    across = spread_along([0.0, 0.5, 0.0])
    assert across["nc1.directional_cdnv"].value == 0.0 == across["nc1.pinv"].value
    assert across["nc1.cdnv"].value == pytest.approx(0.25 / 4)
    along = spread_along([0.5, 0.0, 0.0])
    assert along["nc1.directional_cdnv"].value == pytest.approx(0.25 / 4)
    assert along["nc1.directional_cdnv"].value == pytest.approx(along["nc1.cdnv"].value)


# Means that nearly coincide leave a difference of two dots few digits in float32: these classes
# are taken again in float64.
@pytest.mark.parametrize("apart", [1.0, 1e-1, 1e-2, 1e-3])
def test_directional_cdnv_of_close_means(apart: float) -> None:
    random = np.random.default_rng(3)
    means = random.standard_normal((5, 40))
    means[1] = means[0] + apart * random.standard_normal(40)
    labels = np.repeat(np.arange(5), 30)
    features = (means[labels] + 0.1 * random.standard_normal((150, 40))).astype(np.float32)
    exact = features.astype(np.float64)
    centres = np.stack([exact[labels == index].mean(0) for index in range(5)])
    ratios = [
        (((exact[labels == a] - centres[a]) @ step / (step @ step)) ** 2).mean()
        for a in range(5)
        for b in range(5)
        if a != b
        for step in [centres[b] - centres[a]]
    ]
    report = nctool.analyze(features=features, labels=labels, metrics="nc1.directional_cdnv")
    assert report["nc1.directional_cdnv"].value == pytest.approx(np.mean(ratios), rel=1e-6)


# Distances of all pairs of classes have to fit the memory.
def test_directional_cdnv_needs_memory() -> None:
    features = np.random.default_rng(4).standard_normal((8400, 2)).astype(np.float32)
    labels = np.arange(8400) // 2
    report = nctool.analyze(
        features=features, labels=labels, metrics="nc1.directional_cdnv", memory="64MiB"
    )
    reason = report["nc1.directional_cdnv"].reason
    assert reason == "distances of all class means would need 67.3 MiB: --memory 68MiB allows it"
