"""The oracle's numbers on the sphere against closed forms, long arithmetic and themselves."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from scipy.integrate import quad

from tests.support.oracle import Outcome
from tests.support.oracle.energy_bounds import best_energy, energy_bound, random_energy
from tests.support.oracle.formula import FORMULAS, OF_ROWS
from tests.support.oracle.hug import (
    energy,
    energy_newton,
    energy_s0,
    logdet,
    separation,
    uniformity,
)
from tests.support.oracle.sphere import all_chords, log_determinant
from tests.support.oracle.view import Undefined
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

GEOMETRY = {name: compute for name, compute in OF_ROWS.items() if name.startswith("hug.")} | {
    "hug.uniformity": uniformity
}

GRID = 1e-6
"""The linear programmes see a grid of 4000 points, and give up a ten-millionth for it."""


def _value(outcome: Outcome) -> float:
    assert outcome.value is not None, outcome.reason
    return outcome.value


def _values(rows: Array) -> list[float]:
    return [_value(formula(rows)) for formula in (partial(energy, s=2), partial(energy, s=1),
                                                  energy_s0)]  # fmt: skip


# A simplex has one distance, sqrt(2K/(K-1)), and all that follows from it.
@pytest.mark.parametrize(
    ("classes", "two", "one", "zero", "gram"),
    [
        (2, 0.25, 0.5, -math.log(2), math.log1p(-math.exp(-8))),
        (4, 0.375, 0.612372, -0.490415, -0.026707),
        (10, 0.45, 0.670820, -0.399254, -0.351590),
        (100, 0.495, 0.703562, -0.351599, -11.438205),
    ],
)
def test_simplex(classes: int, two: float, one: float, zero: float, gram: float) -> None:
    for dim in (max(classes - 1, 4), classes + 3):
        rows = 5 * etf(classes, dim)
        assert _values(rows) == pytest.approx([two, one, zero], abs=6e-7)
        assert _value(energy(rows, 2)) == pytest.approx((classes - 1) / (2 * classes), rel=1e-14)
        distance = math.sqrt(2 * classes / (classes - 1))
        assert _value(separation(rows)) == pytest.approx(distance, rel=1e-14)
        newton = -(dim - 2) * math.log(distance)
        assert _value(energy_newton(rows)) == pytest.approx(newton, rel=1e-12)
        g = math.exp(-(distance**2))
        exact = (classes - 1) * math.log1p(-g) + math.log1p((classes - 1) * g)
        assert _value(logdet(rows)) == pytest.approx(exact, rel=1e-12)
        assert _value(logdet(rows)) == pytest.approx(gram, abs=6e-7)
        assert _value(uniformity(rows)) == pytest.approx(1, abs=1e-12)


# A cross-polytope has one antipode per point and 2D-2 neighbours at right angles.
@pytest.mark.parametrize("dim", [4, 5, 16])
def test_orthoplex(dim: int) -> None:
    rows, others = orthoplex(dim), 2 * dim - 1

    def mean(s: float) -> float:
        return float(2**-s + (2 * dim - 2) * 2 ** (-s / 2)) / others

    log = -dim * math.log(2) / others
    assert _values(rows) == pytest.approx([mean(2), mean(1), log], rel=1e-13)
    assert _value(energy_newton(rows)) == pytest.approx(math.log(mean(dim - 2)), rel=1e-13)
    assert _value(separation(rows)) == pytest.approx(math.sqrt(2))
    far, near = math.exp(-4), math.exp(-2)
    powers = [(1 - far, dim), (1 + far - 2 * near, dim - 1), (1 + far + (2 * dim - 2) * near, 1)]
    exact = sum(times * math.log(base) for base, times in powers)
    assert _value(logdet(rows)) == pytest.approx(exact, rel=1e-12)
    assert _value(uniformity(rows)) == pytest.approx(1, abs=1e-12)


# Orthogonal simplices have the tabulated energies: a margin as large as the orthoplex's, and more
# energy than the least.
@pytest.mark.parametrize(
    ("sizes", "values"),
    [((3, 3), [0.433333, 0.655204, -0.427667]), ((2, 4), [0.433333, 0.655406, -0.427215])],
)
def test_unions(sizes: tuple[int, int], values: list[float]) -> None:
    assert _values(union(*sizes)) == pytest.approx(values, abs=6e-7)


CODES = [
    (icosahedron(), [0.5909090909, 0.7449280766, -0.3273658368], 0.5909090909),
    (cell24(), [0.6050724638, 0.7548453409, -0.3116103425], 0.60354635),
    (cell600(), [0.7556022409, 0.8118454420, -0.2666647500], 0.75554776),
    (sharp(16), [0.5208333333, 0.7133852748, -0.3505263447], 0.5208333333),
    (sharp(27), [0.5384615385, 0.7245172303, -0.3360300888], 0.5384615385),
    (sharp(56), [0.5568181818, 0.7348498485, -0.3239645468], 0.5568181818),
    (sharp(240), [0.5770571827, 0.7444647260, -0.3143203500], 0.5770571827),
]


# Famous codes have the tabulated energies, and the bound is theirs where it is known to be sharp.
@pytest.mark.parametrize(("rows", "values", "bound"), CODES, ids=lambda rows: str(np.shape(rows)))
def test_codes(rows: Array, values: list[float], bound: float) -> None:
    assert _values(rows) == pytest.approx(values, abs=6e-11)
    assert energy_bound(*rows.shape) == pytest.approx(bound, abs=GRID)
    assert energy_bound(*rows.shape) < values[0]
    if rows.shape[1] > 3:
        assert _value(uniformity(rows)) <= 1 + 1e-12
        assert (_value(uniformity(rows)) > 1 - 2e-5) == (bound > values[0] - GRID)


# The bound is below the best energies that were found, closely, and at a simplex or orthoplex it
# is the closed form.
def test_energy_bound() -> None:
    best_found = {(100, 10): 0.541021, (100, 20): 0.511590, (100, 64): 0.496375}
    for (classes, dim), bound in best_found.items():
        assert best_energy(classes, dim) == pytest.approx(bound, abs=GRID)
    assert best_energy(100, 10) < 0.542034 and best_energy(100, 64) < 0.496769
    for classes, dim in ((5, 4), (10, 12), (100, 99), (8, 4), (32, 16)):
        assert energy_bound(classes, dim) == pytest.approx(best_energy(classes, dim), abs=GRID)
        assert best_energy(classes, dim) == pytest.approx(
            _value(energy(etf(classes, dim) if classes <= dim + 1 else orthoplex(dim), 2))
        )
    for seed, (classes, dim) in enumerate([(7, 4), (9, 6), (40, 12), (50, 4), (14, 13)]):
        assert best_energy(classes, dim) < _value(energy(cloud(seed, classes, dim), 2))


# Independent uniform points have cosines of density (1-t^2)^((D-3)/2), and so these energies.
@pytest.mark.parametrize("dim", [4, 5, 10, 64])
@pytest.mark.parametrize("s", [2.0, 1.0, -1.0, 1e-6])
def test_random_energy(dim: int, s: float) -> None:
    def weighed(power: float, angle: float) -> float:
        return float((2 * math.sin(angle / 2)) ** -power * math.sin(angle) ** (dim - 2))

    parts = [quad(partial(weighed, power), 0, math.pi, epsabs=0, epsrel=1e-12)[0]
             for power in (s, 0.0)]  # fmt: skip
    assert random_energy(dim, s) == pytest.approx(parts[0] / parts[1], rel=1e-9)
    assert random_energy(dim) == pytest.approx((dim - 2) / (2 * (dim - 3)), rel=1e-13)


# The tabulated values, s = 0 as the derivative in s.
def test_random_energy_tabulated() -> None:
    table = {10: (0.571429, 0.740975, -0.317262), 64: (0.508197, 0.711396, -0.342574)}
    for dim, (two, one, zero) in table.items():
        slope = (random_energy(dim, 1e-5) - random_energy(dim, -1e-5)) / 2e-5
        energies = [random_energy(dim, 2), random_energy(dim, 1), slope]
        assert energies == pytest.approx([two, one, zero], abs=6e-7)


# Uniformity is 0 on average over random directions, and falls without limit as two meet.
def test_uniformity_of_chance() -> None:
    for classes, dim in ((8, 10), (30, 10)):
        many = [_value(uniformity(cloud(seed, classes, dim))) for seed in range(400)]
        assert abs(np.mean(many)) < 4 * np.std(many) / 20
    rows = etf(6, 8)
    rows[1] = rows[0] + 1e-3 * rows[2]
    assert _value(uniformity(rows)) < -1e3


# Energies depend on directions alone: not on lengths, order or the frame.
@pytest.mark.parametrize("name", GEOMETRY)
def test_directions_alone(name: str) -> None:
    random, rows = np.random.default_rng(3), cloud(2, 20, 7)
    turn = np.linalg.qr(random.standard_normal((7, 7)))[0]  # (7, 7)
    moved = random.permutation(rows) @ turn * np.geomspace(1e-6, 1e6, 20)[:, None]
    assert GEOMETRY[name](moved).value == pytest.approx(GEOMETRY[name](rows).value, rel=1e-11)


# Two rows of one direction, of whatever lengths, leave the energies without a value, and the
# separation 0; on a line there are two directions in all.
def test_coincident() -> None:
    rows = cloud(4, 6, 5)
    for last in (rows[2], 3 * rows[2], 0.7 * rows[2]):
        twice = np.vstack([rows, last])
        assert _value(separation(twice)) == pytest.approx(0, abs=1e-15)
        for name, compute in GEOMETRY.items():
            if "coincident_means" in FORMULAS[f"{name}.means"].undefined_on:
                with pytest.raises(Undefined, match="1 pairs of directions coincide"):
                    compute(twice)
    with pytest.raises(Undefined, match="direction"):
        separation(np.vstack([rows, 0 * rows[:1]]))
    assert _value(separation(np.array([[1.0], [2.0], [-1.0]]))) == 0.0


# Three dimensions are too few for uniformity, two for the Newtonian kernel.
def test_low_dimensions() -> None:
    for rows in (polygon(5), icosahedron()):
        with pytest.raises(Undefined, match="infinite"):
            uniformity(rows)
    assert _value(energy_newton(icosahedron())) == pytest.approx(math.log(0.7449280766))
    with pytest.raises(Undefined, match="three dimensions"):
        energy_newton(polygon(5))


# The determinant agrees with LAPACK's, and is given up when rounding has eaten a pivot.
def test_log_determinant() -> None:
    for classes in (1, 2, 40, 300):
        rows = cloud(5, classes, 10)
        gram = rows @ rows.T + np.eye(classes)  # (K, K)
        assert log_determinant(gram) == pytest.approx(np.linalg.slogdet(gram)[1], rel=1e-11)
    with pytest.raises(Undefined, match="rounding"):
        logdet(polygon(60))
    with pytest.raises(Undefined, match="rounding"):
        logdet(np.vstack([orthoplex(3), [1.0, 1e-9, 0.0]]))


# Chords of vectors of very different lengths are those of the directions.
def test_unequal_lengths() -> None:
    rows = cloud(7, 9, 5)
    long = rows * np.geomspace(1e-12, 1e12, 9)[:, None]
    assert all_chords(long) == pytest.approx(all_chords(rows), abs=1e-15)
    assert all_chords(rows) == pytest.approx(
        np.linalg.norm(rows[:, None] - rows, axis=2), abs=1e-15
    )
