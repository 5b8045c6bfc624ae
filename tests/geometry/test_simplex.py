"""Deviation from the simplex: the short ways for many classes give what every entry gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nctool.geometry import simplex
from nctool.geometry.simplex import etf_deviation
from tests.support.point_sets import etf
from tests.support.populations import Array


def plain(left: Array, right: Array) -> float:
    """Entry by entry, the K x K matrices whole."""
    gram = left @ right.T
    target = np.eye(len(gram)) - 1 / len(gram)
    return float(np.linalg.norm(gram / np.linalg.norm(gram) - target / np.linalg.norm(target)))


# Many classes: near the simplex, where the closed form has lost every digit, and far from it.
@pytest.mark.parametrize("noise", [1e-9, 1e-7, 1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("same", [True, False])
def test_many_classes(noise: float, same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplex, "WHOLE_CLASSES", 4)
    monkeypatch.setattr(simplex, "TILE", 7)
    random = np.random.default_rng(0)
    frame = etf(30, 29)
    left, right = (frame + noise * random.standard_normal(frame.shape) for _ in range(2))
    right = left if same else right
    points = torch.from_numpy(left)
    deviation = etf_deviation(points, points if same else torch.from_numpy(right))
    assert deviation == pytest.approx(plain(left, right), rel=1e-6)


# Lengths whose fourth powers are no numbers change nothing; points that are all zero have none.
@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("classes", [5, 40])
def test_scales(scale: float, classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplex, "WHOLE_CLASSES", 8)
    points = torch.from_numpy(np.random.default_rng(1).standard_normal((classes, 6)))
    expected = etf_deviation(points, points)
    assert expected is not None and math.isfinite(expected)
    scaled = scale * points
    for left, right in ((scaled, scaled), (scaled, points), (points, scaled)):
        assert etf_deviation(left, right) == pytest.approx(expected, rel=1e-12)
    assert etf_deviation(0 * points, points) is None
