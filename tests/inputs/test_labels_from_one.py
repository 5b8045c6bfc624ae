"""Labels that may count from one: taken as row numbers, and said so where nothing decides."""

from __future__ import annotations

import numpy as np
import pytest

import nctool

HEAD = 3 * np.eye(5)


def slugs(labels: np.ndarray) -> set[str]:
    features = np.random.default_rng(0).standard_normal((len(labels), 5))
    return {
        notice.slug
        for notice in nctool.analyze(features=features, labels=labels, weight=HEAD).warnings
    }


# 1 … K are the K rows in order; 1 … K-1 may be either, and it is said; with a 0 all is clear.
@pytest.mark.parametrize(
    ("labels", "noticed"),
    [([1, 2, 3, 4, 5], False), ([1, 2, 3, 4], True), ([0, 1, 2, 3], False), ([2, 3, 4], False)],
)
def test_from_one(labels: list[int], noticed: bool) -> None:
    named = slugs(np.repeat(labels, 10))
    assert ("labels-start-at-one" in named) == noticed
    assert ("labels-by-order" in named) == (5 in labels)
