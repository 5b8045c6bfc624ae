"""Points in the order of their clusters."""

from __future__ import annotations

import pytest
import torch

from nctool.geometry.seriation import by_cluster


def circle(size: int) -> torch.Tensor:
    """Cosines of points along a half circle: (size, size)."""
    angles = torch.linspace(0, 3, size, dtype=torch.float64)
    return torch.cos(angles[:, None] - angles)


# Every row is there once, whatever the matrix; of fewer than three there is nothing to order.
@pytest.mark.parametrize("size", [0, 1, 2, 3, 50])
def test_every_row_once(size: int) -> None:
    rows = torch.randn(size, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    unit = torch.nn.functional.normalize(rows, dim=1)
    assert sorted(by_cluster(unit @ unit.T)) == [*range(size)]


# Points along a curve come out in the order of the curve, from either end, however they were mixed.
@pytest.mark.parametrize("seed", range(5))
def test_along_a_curve(seed: int) -> None:
    mixed = torch.randperm(33, generator=torch.Generator().manual_seed(seed))
    order = by_cluster(circle(33)[mixed][:, mixed])
    places = mixed[order].tolist()
    assert places in (sorted(places), sorted(places, reverse=True))


# Clusters are whole: none is interrupted by points of another.
def test_clusters_stay_together() -> None:
    generator = torch.Generator().manual_seed(1)
    centres = torch.nn.functional.normalize(torch.randn(6, 20, generator=generator), dim=1)
    label = torch.randint(6, (90,), generator=generator)
    points = centres[label] + 0.05 * torch.randn(90, 20, generator=generator)
    unit = torch.nn.functional.normalize(points.double(), dim=1)
    order = by_cluster(unit @ unit.T)
    changes = (label[order][1:] != label[order][:-1]).sum()
    assert changes == 5


# Rounding that leaves a matrix not quite symmetric, or a cosine above one, changes nothing.
def test_rounding() -> None:
    cosines = circle(12)
    noisy = cosines + 1e-15 * torch.randn(12, 12, generator=torch.Generator().manual_seed(2))
    assert by_cluster(noisy) == by_cluster(cosines)
