"""Codes that references speak of, built: as many points, in as few dimensions, as far apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nctool.geometry.optima import families
from nctool.geometry.optima.codes import Code
from nctool.geometry.optima.proven import PROVEN
from tests.support import known_codes as known
from tests.support.known_codes import Rows, max_cosine, seen_from

ROUNDING = 1e-11
"""Projections and eigenvectors of a few hundred coordinates keep so many digits."""

BUILT: dict[tuple[int, int], Callable[[], Rows]] = {
    (8, 3): known.square_antiprism,
    (11, 3): lambda: known.icosahedron()[1:],
    (12, 3): known.icosahedron,
    (24, 3): known.snub_cube,
    (10, 4): known.petersen,
    (24, 4): known.roots_d4,
    (120, 4): known.cell_600,
    (16, 5): known.half_cube,
    (27, 6): known.from_e8_27,
    (56, 7): known.from_e8_56,
    (240, 8): known.roots_e8,
    (56, 20): known.gewirtz,
    (50, 21): known.hoffman_singleton,
    (77, 21): known.m22_graph,
    (112, 21): known.from_mclaughlin_112,
    (162, 21): known.from_mclaughlin_162,
    (100, 22): known.higman_sims,
    (275, 22): known.mclaughlin,
    (891, 22): known.from_leech_891,
    (552, 23): known.from_leech_552,
    (4600, 23): known.from_leech_4600,
    (288, 16): lambda: known.kerdock(2),
    (4224, 64): lambda: known.kerdock(3),
}
ELSEWHERE = {
    # Stored: test_optima_search reads them. The Leech lattice has a test of its own below.
    (7, 3), (9, 3), (10, 3), (13, 3), (14, 3), (196_560, 24),
    # Members of the Kerdock family that are too large to build.
    (66_048, 256), (1_050_624, 1024),
}  # fmt: skip


def agrees(points: Rows, code: Code) -> None:
    assert points.shape == (code.classes, code.dim)
    assert np.linalg.matrix_rank(points) == code.dim
    assert max_cosine(points) == pytest.approx(code.cosine, abs=ROUNDING)


# Every proved code is built here or named as built elsewhere.
def test_all_proved_codes() -> None:
    sizes = {(code.classes, code.dim) for code in PROVEN}
    assert sizes == set(BUILT) | ELSEWHERE and not set(BUILT) & ELSEWHERE


# Each proved code has the largest cosine that is claimed.
@pytest.mark.parametrize("size", BUILT, ids=lambda size: f"{size[1]}-{size[0]}")
def test_proved(size: tuple[int, int]) -> None:
    (code,) = (code for code in PROVEN if (code.classes, code.dim) == size)
    agrees(BUILT[size](), code)


# Cosines of proved codes in space that have no closed form are roots of known polynomials.
@pytest.mark.parametrize(
    ("count", "polynomial"),
    [(7, [3, -9, -3, 1]), (8, [7, 2, -1]), (9, [3, -1]), (10, [7, -4, -2, 1])],
)
def test_roots(count: int, polynomial: list[int]) -> None:
    (code,) = (code for code in PROVEN if (code.classes, code.dim) == (count, 3))
    assert np.polyval(polynomial, code.cosine) == pytest.approx(0, abs=1e-14)


# The Leech lattice: from any shortest vector the nearest other is at 60 degrees.
def test_leech() -> None:
    points = known.leech()
    assert len(np.unique(points.astype(np.int8), axis=0)) == len(points) == 196_560
    assert set((points**2).sum(axis=1)) == {32}
    for point in points[:: len(points) // 7]:
        cosines = np.sort(points @ point) / 32
        assert cosines[-1] == 1 and cosines[-2] == 1 / 2


# Its sections hold as many vectors as is claimed, in so many dimensions.
@pytest.mark.parametrize("dim", families.LAMINATED)
def test_laminated(dim: int) -> None:
    points = known.laminated(dim)
    assert points.shape == (families.LAMINATED[dim], dim)
    cosines = points[:50] @ points.T
    assert np.sort(cosines, axis=1)[:, -2].max() == pytest.approx(1 / 2, abs=ROUNDING)


# Kerdock codes, and what is seen of them from one point and from a second.
@pytest.mark.parametrize("half", [2, 3])
def test_kerdock(half: int) -> None:
    whole = known.kerdock(half)
    agrees(whole, families.kerdock(half))
    once, twice = families._within_kerdock(half)
    seen = seen_from(whole, 1 / 2**half)
    agrees(seen, once)
    agrees(seen_from(seen, once.cosine), twice)


# Generalised quadrangles of all four kinds, whole and in part.
@pytest.mark.parametrize(
    ("build", "order"),
    [
        (lambda: known.symplectic_quadrangle(3), (3, 3)),
        (lambda: known.symplectic_quadrangle(4), (4, 4)),
        (lambda: known.symplectic_quadrangle(5), (5, 5)),
        (lambda: known.elliptic_quadrangle(2), (2, 4)),
        (lambda: known.elliptic_quadrangle(3), (3, 9)),
        (lambda: known.elliptic_quadrangle(4), (4, 16)),
        (known.hermitian_quadrangle, (4, 8)),
        (known.hyperoval_quadrangle, (3, 5)),
        (lambda: known.ahrens_szekeres_quadrangle(3), (2, 4)),
        (lambda: known.ahrens_szekeres_quadrangle(5), (4, 6)),
    ],
)
def test_quadrangles(build: Callable[[], Rows], order: tuple[int, int]) -> None:
    whole, once, twice = families.quadrangle(*order)
    points = build()
    agrees(points, whole)
    seen = seen_from(points, whole.cosine)
    agrees(seen, once)
    agrees(seen_from(seen, once.cosine), twice)


# Orders that are offered are those four kinds, over prime powers only.
def test_orders() -> None:
    orders = set(families._quadrangles(64))
    assert {(2, 4), (3, 3), (3, 9), (3, 5), (4, 6), (4, 8), (4, 4), (9, 27), (7, 9)} <= orders
    assert not orders & {(6, 6), (6, 36), (1, 3), (5, 7), (9, 11)}


# Complex unbiased bases: no two of the turned vectors are closer than 1/sqrt(q).
@pytest.mark.parametrize("prime", [3, 5, 7, 11])
def test_complex_bases(prime: int) -> None:
    (code,) = families._complex_bases(2 * prime)
    agrees(known.complex_bases(prime), code)


# Words of the BCH codes differ in as many places as is claimed.
@pytest.mark.parametrize("exponent", [4, 5, 6])
def test_words(exponent: int) -> None:
    claims = [claim for claim in families._bch(exponent) if claim[0] <= 11]
    assert len(claims) >= 2
    for bits, distance in claims:
        points = known.bch_words(exponent, distance)
        agrees(points, Code(2**bits, 2**exponent, 1 - 2 * distance / 2**exponent, ""))


# Orthogonal copies of a code are one with the same largest cosine.
def test_orthogonal_copies() -> None:
    half = known.half_cube()
    whole = np.block([[half, np.zeros_like(half)], [np.zeros_like(half), half]])
    code = Code(16, 5, 1 / 5, "")
    assert code.serves(32, 10)
    agrees(whole, Code(32, 10, code.cosine_at(32), ""))


# What needs no proof: a simplex, a cross-polytope and a polygon are what the closed forms say.
def test_closed_forms() -> None:
    agrees(known.simplex(7), Code(7, 6, -1 / 6, ""))
    agrees(known.orthoplex(5), Code(10, 5, 0.0, ""))
    agrees(known.polygon(9), Code(9, 2, float(np.cos(2 * np.pi / 9)), ""))
