"""Every kind of geometry against an independent solver, and every answer against its own proof."""

from __future__ import annotations

import numpy as np
import pytest

from nctool.geometry.hull import cloud as cloud_room
from tests.geometry.hull.hull_cases import (
    clustered,
    holds,
    language,
    noisy_simplex,
    normal,
    stored,
    unit,
)
from tests.support.point_sets import (
    cell24,
    cell600,
    cloud,
    etf,
    icosahedron,
    orthoplex,
    polygon,
    sharp,
    union,
)
from tests.support.populations import Array

CASES: dict[str, Array] = {
    "two on a line": np.array([[1.0], [-1.0]]),
    "two at angles": unit(normal(0, 2, 7)),
    "three in a plane": unit(normal(1, 3, 2)),
    "three in space": unit(normal(2, 3, 40)),
    "five on a line": normal(3, 5, 1),
    "few in a plane": cloud(4, 9, 2),
    "many in a plane": cloud(5, 90, 2),
    "few in space": cloud(6, 9, 3),
    "many in space": cloud(7, 90, 3),
    "on a sphere of 8": cloud(8, 70, 8),
    "on a sphere of 16": cloud(9, 100, 16),
    "on a sphere of 48": cloud(10, 90, 48),
    "on a sphere of 49": cloud(11, 90, 49),
    "on a sphere of 64": cloud(12, 110, 64),
    "as many as dimensions": cloud(13, 60, 60),
    "one more than dimensions": cloud(14, 61, 60),
    "two more than dimensions": cloud(15, 62, 60),
    "simplex": etf(40),
    "simplex in a larger space": etf(30, 70),
    "simplex off by 0.01": noisy_simplex(30, 0.01),
    "simplex off by 0.1": noisy_simplex(30, 0.1),
    "simplex off by 0.3": noisy_simplex(40, 0.3),
    "simplex off by 1": noisy_simplex(60, 1.0),
    "simplex as float32": stored(etf(50)),
    "simplex as float32, unit": unit(stored(etf(50))),
    "noisy simplex as float32": stored(noisy_simplex(40, 0.1)),
    "orthoplex": orthoplex(12),
    "orthoplex of 60": orthoplex(60),
    "part of an orthoplex": orthoplex(60)[:90],
    "turned part of an orthoplex": orthoplex(30)[:50] @ np.linalg.qr(normal(0, 30, 30))[0],
    "loose clusters": clustered(0, 110, 64, 12, 0.5),
    "tight clusters": clustered(1, 110, 64, 12, 0.01),
    "tight clusters in few dimensions": clustered(2, 120, 8, 12, 0.01),
    "polygon of 3": polygon(3),
    "polygon of 4": polygon(4),
    "polygon of 7": polygon(7),
    "polygon of 100": polygon(100),
    "polygon of 1000": polygon(1000),
    "polygon of 1000 as float32": stored(polygon(1000)),
    "icosahedron": icosahedron(),
    "24-cell": cell24(),
    "600-cell": cell600(),
    "16 in 5": sharp(16),
    "27 in 6": sharp(27),
    "56 in 7": sharp(56),
    "E8": sharp(240),
    "E8 turned into 60": sharp(240) @ np.linalg.qr(normal(1, 60, 60))[0][:8],
    "two triangles": union(3, 3),
    "a pair and a tetrahedron": union(2, 4),
    "simplices of many sizes": union(2, 3, 4, 5, 20),
}


# Bounds enclose the truth, are as close as asked, and follow from the support alone.
@pytest.mark.parametrize("name", CASES)
def test_geometry(name: str) -> None:
    holds(CASES[name], most=6)


# The same where points are scored in bfloat16 first, whatever the processor makes of it.
@pytest.mark.parametrize(
    "name",
    [
        "on a sphere of 64",
        "loose clusters",
        "tight clusters",
        "part of an orthoplex",
        "two on a line",
    ],
)
def test_screened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_room, "SCREENED_FROM", 1)
    monkeypatch.setattr(cloud_room, "screens", lambda device: True)
    holds(CASES[name], most=6)


# Rows that are nearly the same, from plainly apart to hardly told apart.
@pytest.mark.parametrize("near", [1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize(("classes", "dim"), [(60, 80), (100, 20), (120, 55)])
def test_nearly_the_same(classes: int, dim: int, near: float) -> None:
    holds(language(1, classes, dim, near), most=6)


# Off the sphere, some points may lie within the hull of the others.
@pytest.mark.parametrize(("classes", "dim"), [(2, 1), (3, 1), (9, 1), (30, 2), (40, 3), (50, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_raw(classes: int, dim: int, seed: int) -> None:
    result = holds(normal(seed, classes, dim))
    inside = result.value == 0
    assert (result.lower[inside] == 0).all()
    assert inside.any() or dim == 6 or classes == 2


# The asked gap is kept, and bounds of different gaps have the truth in common.
@pytest.mark.parametrize("rows", [cloud(3, 80, 12), cloud(4, 90, 60), noisy_simplex(30, 0.2)])
def test_gaps(rows: Array) -> None:
    result = [holds(rows, gap, most=4) for gap in (0.5, 1e-3, 1e-6, 1e-9, 1e-12)]
    lower, upper = (
        np.array([getattr(row, side).numpy() for row in result]) for side in ("lower", "upper")
    )
    assert (lower.max(0) <= upper.min(0)).all()
