"""Bounds against distances known as fractions: nothing is rounded in the comparison."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from nctool.geometry.hull import Margins, active_set, affine, certificate, cloud, programmes
from nctool.geometry.hull.cloud import Precision
from nctool.geometry.hull.quadratic_program import System
from tests.geometry.hull.hull_cases import normal, solved, some, unit
from tests.support.point_sets import orthoplex
from tests.support.populations import Array

Point = list[Fraction]


def exactly(rows: Array) -> list[Point]:
    return [[Fraction(float(number)) for number in row] for row in rows]


def dot(left: Point, right: Point) -> Fraction:
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


def minus(left: Point, right: Point, times: Fraction = Fraction(1)) -> Point:
    return [a - times * b for a, b in zip(left, right, strict=True)]


def to_segment(point: Point, start: Point, end: Point) -> Fraction:
    """Squared distance."""
    way, off = minus(end, start), minus(point, start)
    square = dot(way, way)
    share = min(max(dot(off, way) / square, Fraction(0)), Fraction(1)) if square else Fraction(0)
    rest = minus(off, way, share)
    return dot(rest, rest)


def between(result: Margins, row: int, square: Fraction) -> None:
    """lower <= the root of ``square`` <= upper, exactly."""
    lower, upper = Fraction(float(result.lower[row])), Fraction(float(result.upper[row]))
    assert lower * lower <= square, float(lower) - float(square) ** 0.5
    assert upper * upper >= square, float(upper) - float(square) ** 0.5


def signs(dim: int) -> Array:
    return np.array(list(product((1.0, -1.0), repeat=dim)))


def roots(dim: int) -> Array:
    """All (+-1, +-1, 0, ..) in any two places."""
    rows = np.zeros((2 * dim * (dim - 1), dim))
    places = product(combinations(range(dim), 2), product((1, -1), repeat=2))
    for row, (pair, pm) in zip(rows, places, strict=True):
        row[list(pair)] = pm
    return rows


def e8() -> Array:
    half = signs(8)
    return np.concatenate([2 * roots(8), half[half.prod(1) > 0]])  # twice the usual size


# Whole numbers, and the square of everybody's distance.
WHOLE: dict[str, tuple[Array, Fraction]] = {
    "two points": (np.array([[3.0] * 5, [1.0] * 5]), Fraction(20)),
    "basis of 3": (np.eye(3), Fraction(3, 2)),
    "basis of 30": (np.eye(30), Fraction(30, 29)),
    "basis of 120": (np.eye(120), Fraction(120, 119)),
    "square": (orthoplex(2), Fraction(1)),
    "orthoplex of 9": (orthoplex(9), Fraction(1)),
    "orthoplex of 60": (orthoplex(60), Fraction(1)),
    "cube": (signs(3), Fraction(4, 3)),
    "cube of 7": (signs(7), Fraction(4, 7)),
    "roots of D4": (roots(4), Fraction(1, 2)),
    "roots of E8": (e8(), Fraction(2)),
}
MOVES: dict[str, Callable[[Array], Array]] = {
    "as it is": lambda rows: rows,
    "larger": lambda rows: 1_234_567 * rows,
    "further away": lambda rows: rows - 1_000_000_007,
    "to one side": lambda rows: rows + np.arange(rows.shape[1]) * 317,
}


# After every round, also the first ones in float32.
@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    ("move", "most"), [*product(MOVES, [60]), ("larger", 1), ("to one side", 3)]
)
def test_whole_numbers(name: str, move: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, square = WHOLE[name]
    factor = 1_234_567 if move == "larger" else 1
    if most < 60:
        monkeypatch.setattr(active_set, "MOST_ROUNDS", most)
        monkeypatch.setattr(active_set, "affine_weights", lambda cloud: None)
    result = solved(MOVES[move](rows))
    for row in some(rows, 4):
        between(result, int(row), square * factor * factor)


# Two and three points of any numbers.
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("dim", [1, 3, 60, 150])
def test_few_points(count: int, dim: int) -> None:
    for seed in range(2 if dim > 40 else 8):
        drawn = normal(seed, count, dim)
        near, close = drawn.copy(), 1 + 1e-4 * drawn
        near[1] = near[0] + 1e-7 * near[1]
        sizes = drawn * 10.0 ** normal(seed, count, 1)
        for rows in (drawn, unit(drawn), near, close, sizes):
            points, result = exactly(rows), solved(rows)
            for row in range(count):
                others = [points[other] for other in range(count) if other != row]
                between(result, row, to_segment(points[row], others[0], others[-1]))


# Whatever the support, no point of the hull that it names is further than the upper bound.
@pytest.mark.parametrize(
    ("classes", "dim", "most"),
    [(40, 4, 60), (60, 12, 60), (80, 50, 60), (80, 50, 1), (80, 50, 2), (40, 60, 60)],
)
def test_supports(classes: int, dim: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active_set, "MOST_ROUNDS", most)
    for rows in (unit(normal(1, classes, dim)), 1 + 1e-3 * normal(2, classes, dim)):
        result, points = solved(rows), exactly(rows)
        for row in some(rows, 3):
            held = [(other, Fraction(share)) for other, share in result.support(int(row))]
            way = [Fraction(0)] * dim
            for other, share in held:
                way = minus(way, minus(points[other], points[row]), share)
            total = sum((share for _, share in held), Fraction(0))
            upper = Fraction(float(result.upper[row]))
            assert dot(way, way) <= (upper * total) ** 2


# These comparisons notice when rounding is not counted.
@pytest.mark.parametrize(
    ("term", "most"), [("double_error", 60), ("exact_error", 6), ("residual_error", 6)]
)
def test_sharpness(term: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud.Cloud, "length_rounding", property(lambda self: 0.0))
    if term == "residual_error":
        for room in (affine, certificate):
            monkeypatch.setattr(room, "EXACT_HALF_ULP", 0.0)
    else:
        monkeypatch.setattr(cloud.Cloud, term, property(lambda self: 0.0))
    if most < 60:
        monkeypatch.setattr(active_set, "affine_weights", lambda cloud: None)
    small = [name for name, (rows, _) in WHOLE.items() if len(rows) < 100]
    tests = [
        *(partial(test_whole_numbers, name, "to one side", most, monkeypatch) for name in small),
        *(partial(test_few_points, 2, dim) for dim in (1, 3)),
    ]
    assert sum(fails(test) for test in tests)


def fails(test: Callable[[], None]) -> bool:
    try:
        test()
    except AssertionError:
        return True
    return False


def awkward(classes: int, dim: int) -> dict[str, Array]:
    """Points on which sums in float32 do badly."""
    drawn = normal(0, classes, dim)
    far = drawn.copy()
    far[0] *= 1e6
    return {
        "normal": drawn,
        "one sign": 1 + np.abs(drawn),
        "nearly equal": 1 + 1e-3 * drawn,
        "one far out": far,
        "thirds": np.full((classes, dim), 1 / 3) * np.arange(1, classes + 1)[:, None],
        "falling": drawn * 10.0 ** -np.linspace(0, 6, dim),
    }


def precisely(of: cloud.Cloud) -> npt.NDArray[np.longdouble]:
    """The points about their centre, not rounded."""
    points: npt.NDArray[np.longdouble] = of.exact.numpy().astype(np.longdouble)
    return points - of.centre.numpy().astype(np.longdouble)


# No product of a direction with a point is further off than its bound says.
@pytest.mark.parametrize(("classes", "dim"), [(50, 1), (40, 2), (60, 49), (30, 700), (12, 5000)])
@pytest.mark.parametrize("precision", Precision)
def test_scores(
    classes: int, dim: int, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "SCREENED_FROM", 1)
    monkeypatch.setattr(cloud, "screens", lambda device: True)
    worst = 0.0
    for rows in awkward(classes, dim).values():
        here = cloud.Cloud.of(torch.from_numpy(rows / np.abs(rows).max()))
        for ways in (normal(1, 20, dim), np.ones((1, dim)), rows - rows.mean(0)):
            direction = unit(ways[np.linalg.norm(ways, axis=1) > 0])
            result = here.scores(torch.from_numpy(direction), precision)
            values = result.values.double()
            truth = direction.astype(np.longdouble) @ precisely(here).T
            off = torch.from_numpy((truth - values.numpy()).astype(np.float64)).abs()  # (B, K)
            allowed = result.error[:, None] + result.relative * values.abs()
            assert bool((off <= (allowed / 2 if precision == Precision.DOUBLE else allowed)).all())
            worst = max(worst, float((off / allowed).max()))
    assert worst > 1e-4


# Nor is the residual of a guess, however many rows it is made of.
@pytest.mark.parametrize(("classes", "dim"), [(60, 3), (150, 49), (80, 500)])
@pytest.mark.parametrize(("exact", "steady"), [(False, False), (True, False), (True, True)])
def test_guesses(
    classes: int, dim: int, exact: bool, steady: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def even(system: System, *_: Any) -> Tensor:
        return 1 / system.right.clamp(min=1e-3)

    def at_once(system: System, *_: Any) -> tuple[Tensor, Tensor]:
        return even(system), torch.ones_like(system.valid[:, 0])

    monkeypatch.setattr(programmes, "pivot", at_once)
    monkeypatch.setattr(programmes, "lawson_hanson", even)
    monkeypatch.setattr(
        programmes,
        "refined",
        lambda _, system, support: (system.weights(even(system)), support.any(1)),
    )
    for rows in awkward(classes, dim).values():
        here = cloud.Cloud.of(torch.from_numpy(rows / np.abs(rows).max()))
        solver = active_set.ActiveSetSolver(here, 1e-6, 1 << 30)
        few = torch.arange(6)
        part = solver._neighbours(few, classes - 1)
        guess = programmes.nearest(here, part, exact=exact, steady=steady)
        points = precisely(here)
        share = guess.weights.numpy().astype(np.longdouble)  # (6, m)
        assert (share > 0).sum() > 5 * classes
        hull = (share[:, :, None] * points[part.others.numpy()]).sum(1) / share.sum(1)[:, None]
        truth = np.linalg.norm((points[:6] - hull).astype(np.float64), axis=1)
        length = torch.linalg.vector_norm(guess.residual, dim=1).numpy()
        assert (np.abs(length - truth) <= guess.error).all()
