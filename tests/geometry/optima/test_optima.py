"""References for K points in D dimensions: closed forms, order, honesty about their source."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise

import pytest

from nctool.geometry import optima
from nctool.geometry.optima import families
from nctool.geometry.optima.codes import Code
from nctool.geometry.optima.proven import PROVEN
from nctool.geometry.optima.searched import TABLE, searched_codes
from nctool.report import Reference
from tests.geometry.optima.cosine_limits import fejes_toth, levenshtein, max_cosine_limit

COUNTS = (
    *range(2, 34), 40, 50, 56, 64, 99, 100, 101, 120, 128, 199, 200, 240, 256, 275, 300, 500, 512,
    552, 891, 1000, 1116, 2048, 4224, 4600, 10_000, 30_522, 50_257, 128_256,
)  # fmt: skip
DIMS = (*range(1, 68), 80, 128, 254, 255, 256, 301, 384, 512, 768, 1024, 2048, 4096, 12_288)
ROUNDING = 1e-9
"""The table rounds at ten digits, and proofs that are met are met up to rounding."""
WORDS = ("exact: ", "proven: ", "best-found: ", "bound: ")


def value(reference: Reference | None) -> float:
    assert reference is not None
    return reference.value


def source(reference: Reference | None) -> str:
    assert reference is not None
    return reference.source


# Up to K = d + 1 the simplex is best in every respect, and the limits are met.
@pytest.mark.parametrize(("count", "dim"), [(2, 1), (2, 5), (3, 2), (10, 9), (10, 512), (4, 3)])
def test_simplex(count: int, dim: int) -> None:
    assert value(optima.max_cosine(count, dim)) == -1 / (count - 1)
    assert value(optima.separation(count, dim)) == pytest.approx(
        math.sqrt(2 * count / (count - 1)), rel=1e-15
    )
    assert value(optima.margin(count, dim)) == pytest.approx(count / (count - 1), rel=1e-15)


# In the plane the regular polygon is best.
@pytest.mark.parametrize("count", [4, 5, 7, 100])
def test_polygon(count: int) -> None:
    step = 2 * math.pi / count
    assert value(optima.max_cosine(count, 2)) == math.cos(step)
    assert value(optima.separation(count, 2)) == pytest.approx(2 * math.sin(step / 2))
    assert value(optima.margin(count, 2)) == 1 - math.cos(step)


# From d + 2 to 2d points nothing beats right angles.
@pytest.mark.parametrize(("count", "dim"), [(5, 3), (6, 3), (32, 16), (18, 16), (1000, 512)])
def test_orthoplex(count: int, dim: int) -> None:
    assert value(optima.max_cosine(count, dim)) == 0
    assert value(optima.separation(count, dim)) == math.sqrt(2)
    assert value(optima.margin(count, dim)) == 1


# On a line three points cannot all be apart.
def test_line() -> None:
    assert value(optima.max_cosine(3, 1)) == 1
    assert value(optima.separation(3, 1)) == value(optima.margin(3, 1)) == 0


# In all closed forms the reference is the limit.
@pytest.mark.parametrize(("count", "dim"), [(3, 1), (4, 3), (9, 2), (5, 3), (12, 6)])
def test_closed_forms_are_limits(count: int, dim: int) -> None:
    assert optima.margin(count, dim) == optima.margin_limit(count, dim)
    assert source(optima.margin(count, dim)).startswith("exact: ")


# Without two points, or without a dimension, there is nothing to say.
@pytest.mark.parametrize(("count", "dim"), [(0, 3), (1, 3), (3, 0)])
def test_nothing_to_say(count: int, dim: int) -> None:
    for ask in (optima.max_cosine, optima.separation, optima.margin, optima.margin_limit):
        assert ask(count, dim) is None


# Where no code of that many points is known, a limit still is.
def test_unknown() -> None:
    assert optima.max_cosine(5000, 3) is optima.margin(5000, 3) is None
    assert 0.99 < max_cosine_limit(5000, 3) < 1
    assert 0 < value(optima.margin_limit(5000, 3)) < 0.1


# No reference is better than its limit, and the margin never exceeds one beyond K = d + 1.
def test_within_limits() -> None:
    compared = 0
    for count in COUNTS:
        for dim in DIMS:
            cosine, apart = optima.max_cosine(count, dim), optima.margin(count, dim)
            if cosine is None or apart is None:
                assert cosine is apart is None
                continue
            compared += 1
            assert cosine.value >= max_cosine_limit(count, dim) - ROUNDING
            assert apart.value <= value(optima.margin_limit(count, dim)) + ROUNDING
            assert apart.value >= 1 - cosine.value - ROUNDING
            assert count <= dim + 1 or value(optima.margin_limit(count, dim)) <= 1
            assert cosine.source.startswith(WORDS) and apart.source.startswith(WORDS)
    assert compared > 3000


# More points are never easier; references and limits alike.
@pytest.mark.parametrize("dim", [3, 4, 8, 10, 16, 21, 22, 24, 30, 62, 64, 256, 768])
def test_monotone_in_classes(dim: int) -> None:
    for ask, sign in SIGNS:
        known = [optimum for count in COUNTS if (optimum := ask(count, dim)) is not None]
        assert all(sign * (b.value - a.value) >= -ROUNDING for a, b in pairwise(known))


# More dimensions are never harder.
@pytest.mark.parametrize("count", [10, 20, 32, 100, 128, 200, 275, 1000, 1116, 10_000, 50_257])
def test_monotone_in_dimensions(count: int) -> None:
    for ask, sign in SIGNS:
        known = [optimum for dim in DIMS if (optimum := ask(count, dim)) is not None]
        assert all(sign * (a.value - b.value) >= -ROUNDING for a, b in pairwise(known))


SIGNS = (
    (optima.max_cosine, 1),
    (optima.separation, -1),
    (optima.margin, -1),
    (optima.margin_limit, -1),
)


# A code answers exactly its own problem, smaller ones, and larger ones by orthogonal copies.
@pytest.mark.parametrize(
    ("count", "dim", "words"),
    [
        (24, 4, "proven: 24-cell, de Laat, Leijenhorst and de Muinck Keizer 2024"),
        (280, 16, "best-found: Kerdock code at d=16, K=288; valid for fewer classes"),
        (288, 16, "proven: Kerdock code, Cohn, de Laat and Leijenhorst 2024"),
        (275, 23, "best-found: McLaughlin graph at d=22, K=275; valid for more dimensions"),
        (550, 44, "best-found: 2 orthogonal copies of McLaughlin graph at d=22, K=275"),
    ],
)
def test_sources(count: int, dim: int, words: str) -> None:
    assert source(optima.max_cosine(count, dim)) == words


# A proof binds its own problem, and larger ones or narrower ones where it says more than a bound.
def test_proofs_are_limits() -> None:
    for code in PROVEN:
        limit = max_cosine_limit(code.classes, code.dim)
        assert limit == pytest.approx(code.cosine, abs=1e-12)
    assert source(optima.max_cosine(24, 3)) == "proven: snub cube, Robinson 1961"
    assert max_cosine_limit(25, 3) == value(optima.max_cosine(24, 3))
    assert max_cosine_limit(100, 10) == levenshtein(100, 10)
    assert max_cosine_limit(1000, 3) == fejes_toth(1000)
    assert source(optima.margin_limit(24, 3)) == "bound: spherical cap with d+1 points"


# Being best for the largest cosine is no proof for the one-vs-rest margin.
def test_margin_is_not_called_proven() -> None:
    for code in PROVEN:
        assert source(optima.margin(code.classes, code.dim)).startswith("best-found: ")


# Copies keep a positive largest cosine, make a negative one zero, and void a certified margin.
def test_copies() -> None:
    code = Code(12, 3, 0.45, "x", margin=0.6)
    assert code.serves(12, 3) and code.serves(24, 6) and code.serves(13, 6)
    assert not code.serves(13, 5) and not code.serves(25, 6) and not code.serves(12, 2)
    assert (code.cosine_at(12), code.cosine_at(13)) == (0.45, 0.45)
    assert (code.margin_at(12), code.margin_at(13)) == (0.6, 1 - 0.45)
    assert Code(3, 2, -0.5, "x").cosine_at(4) == 0


# Language models and the largest settings in the literature have a reference, too.
@pytest.mark.parametrize(
    ("count", "dim", "most"),
    [
        (50_257, 768, 1 / math.sqrt(383)),
        (30_522, 384, 1 / 17),
        (128_256, 4096, 1 / 66),
        (10_000, 512, 1 / 18),
        (10_000, 2048, 1 / 169),
        (32_000, 4096, 1 / 256),
    ],
)
def test_large(count: int, dim: int, most: float) -> None:
    assert value(optima.max_cosine(count, dim)) <= most


# A better margin is known than every line that was published as optimal.
def test_published() -> None:
    assert len(optima.LINES) == 8
    for (count, dim), line in optima.LINES.items():
        assert line < value(optima.margin(count, dim)) - 0.02
    assert "not optimal" in optima.WHY_NOT_USED


# The table is small, holds possible values only, and certifies margins only above the free ones.
def test_table() -> None:
    assert TABLE.stat().st_size < 60_000
    codes = searched_codes()
    assert len({(code.classes, code.dim) for code in codes}) == len(codes) > 500
    for code in codes:
        assert code.classes > 2 * code.dim and code.dim > 2
        assert max_cosine_limit(code.classes, code.dim) - ROUNDING <= code.cosine < 1
        assert code.margin is None or code.margin > 1 - code.cosine
        assert 1 - code.cosine <= value(optima.margin_limit(code.classes, code.dim)) + ROUNDING


# No entry is beaten by another with as many points in no more dimensions.
def test_table_holds_no_ballast() -> None:
    for code in searched_codes():
        rivals = [
            other
            for other in searched_codes()
            if other.classes >= code.classes
            and other.dim <= code.dim
            and other.cosine <= code.cosine
        ]
        assert rivals == [code]


# Every usual number of classes has a reference in every dimension of the search, and it leaves no
# more than a fifth of what the limit would allow.
@pytest.mark.parametrize("count", [10, 12, 16, 20, 24, 32, 50, 64, 100, 128, 200, 256, 500, 1000])
def test_table_covers_the_grid(count: int) -> None:
    for dim in range(3, 65):
        best, limit = optima.max_cosine(count, dim), max_cosine_limit(count, dim)
        assert 1 - value(best) > 0.8 * (1 - limit)


# The families stay within the dimensions that are asked for.
@pytest.mark.parametrize("dim", [3, 16, 63, 64, 100, 768, 4096])
def test_members(dim: int) -> None:
    offered = list(families.members(dim))
    assert all(
        0 < code.dim <= dim and code.classes > 0 and -1 <= code.cosine < 1 for code in offered
    )


# A question costs neither torch nor scipy when there is a closed form.
def test_light() -> None:
    code = (
        "import sys\nfrom nctool.geometry import optima\noptima.max_cosine(10, 20)\n"
        "optima.max_cosine(100, 10)\n"
        "print({'torch', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
