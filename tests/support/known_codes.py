"""Codes with a known largest cosine, each built from scratch: rows of length one."""

from __future__ import annotations

from functools import cache
from itertools import combinations, permutations, product

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
GOLDEN = (1 + 5**0.5) / 2


def unit(points: object) -> Rows:
    rows = np.array(points, dtype=np.float64)
    scaled: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def in_its_span(points: Rows) -> Rows:
    """The same points with no more coordinates than they need."""
    _, sizes, axes = np.linalg.svd(points, full_matrices=False)
    return unit(points @ axes[sizes > 1e-9 * sizes[0]].T)


def max_cosine(points: Rows) -> float:
    cosines = points @ points.T
    np.fill_diagonal(cosines, -1.0)
    return float(cosines.max())


def simplex(count: int) -> Rows:
    return in_its_span(np.eye(count) - 1 / count)


def orthoplex(dim: int) -> Rows:
    return np.concatenate([np.eye(dim), -np.eye(dim)])


def polygon(count: int) -> Rows:
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def icosahedron() -> Rows:
    corners = [(0, a, b * GOLDEN) for a, b in product((1, -1), repeat=2)]
    return unit([np.roll(corner, shift) for corner in corners for shift in range(3)])


def square_antiprism() -> Rows:
    """Eight points in three dimensions; the height makes all edges equally long."""
    height = np.sqrt(np.sqrt(2) / 4)
    turns = np.pi / 4 * np.arange(8)
    heights = height * (-1) ** np.arange(8)
    return unit(np.stack([np.cos(turns), np.sin(turns), heights], axis=1))


def snub_cube() -> Rows:
    """Even permutations with an even, odd ones with an odd number of minus signs."""
    tribonacci = max(np.roots([1, -1, -1, -1]).real)
    corner = np.array([1, 1 / tribonacci, tribonacci])
    signs = np.array(list(product((1, -1), repeat=3)))
    corners = []
    for order in permutations(range(3)):
        parity = round(np.linalg.det(np.eye(3)[list(order)]))
        corners.append(corner[list(order)] * signs[signs.prod(axis=1) == parity])
    return unit(np.concatenate(corners))


def roots_d4() -> Rows:
    """The 24-cell."""
    return _signed_pairs(4)


def roots_e8() -> Rows:
    halves = [signs for signs in product((1, -1), repeat=8) if np.prod(signs) > 0]
    return unit(np.concatenate([2 * np.sqrt(2) * _signed_pairs(8), np.array(halves)]))


def cell_600() -> Rows:
    signs = np.array(list(product((1, -1), repeat=4)))
    even = [order for order in permutations(range(4)) if np.linalg.det(np.eye(4)[list(order)]) > 0]
    mixed = signs * [GOLDEN, 1, 1 / GOLDEN, 0]
    mixed = np.unique(np.concatenate([mixed[:, order] for order in even]).round(12) + 0.0, axis=0)
    return unit(np.concatenate([2 * orthoplex(4), signs, mixed]))


def petersen() -> Rows:
    """Midpoints of the edges of the simplex in four dimensions."""
    corners = simplex(5)
    return unit([corners[a] + corners[b] for a, b in combinations(range(5), 2)])


def half_cube() -> Rows:
    """(5, 16)."""
    return unit([signs for signs in product((1, -1), repeat=5) if np.prod(signs) > 0])


def seen_from(points: Rows, cosine: float, first: int = 0) -> Rows:
    """Those at this cosine from one point, seen in the directions across it."""
    here = points[first]
    near = points[np.abs(points @ here - cosine) < 1e-9]
    return in_its_span(near - np.outer(near @ here, here))


def from_e8_56() -> Rows:
    """(7, 56)."""
    return seen_from(roots_e8(), 1 / 2)


def from_e8_27() -> Rows:
    """(6, 27)."""
    return seen_from(from_e8_56(), 1 / 3)


def _signed_pairs(dim: int) -> Rows:
    axes = np.eye(dim)
    signs = list(product((1, -1), repeat=2))
    pairs = combinations(range(dim), 2)
    return unit([s * axes[a] + t * axes[b] for a, b in pairs for s, t in signs])


def strongly_regular(adjacent: NDArray[np.bool_], eigenvalue: float) -> Rows:
    """Vertices of a graph, projected on one eigenspace of its adjacency matrix."""
    values, vectors = np.linalg.eigh(adjacent.astype(float))
    chosen = np.abs(values - eigenvalue) < 1e-6
    return unit(vectors[:, chosen])


@cache
def golay() -> NDArray[np.int64]:
    """The 4096 words of the extended binary Golay code: (4096, 24) of zeros and ones."""
    squares = {number * number % 23 for number in range(1, 23)}
    row = np.array([number in squares for number in range(23)], dtype=np.int64)
    rows = np.array([[*np.roll(row, shift), row.sum() % 2] for shift in range(23)])
    words = {tuple([0] * 24)}
    for row in rows:
        words |= {tuple((np.array(word) ^ row).tolist()) for word in words}
    return np.array(sorted(words))


@cache
def leech() -> Rows:
    """The 196,560 shortest vectors of the Leech lattice, not scaled: squared length 32."""
    words = golay()
    octads = words[words.sum(1) == 8].astype(bool)
    signs = np.array([sign for sign in product((2, -2), repeat=8) if np.prod(sign) > 0])
    eights = np.zeros((len(octads), 128, 24))
    for block, octad in zip(eights, octads, strict=True):
        block[:, octad] = signs
    flips = 1.0 - 2 * words
    threes = np.concatenate([flips * (1 - 4 * np.eye(24)[place]) for place in range(24)])
    fours = 4 * np.sqrt(2) * _signed_pairs(24)
    return np.concatenate([eights.reshape(-1, 24), threes, fours])


def _across(points: Rows, axis: Rows) -> Rows:
    return in_its_span(points - np.outer(points @ axis, axis) / (axis @ axis))


def from_leech_4600() -> Rows:
    """(23, 4600)."""
    points = leech()
    return _across(points[points @ points[0] == 16], points[0])


def from_leech_891() -> Rows:
    """(22, 891)."""
    return seen_from(from_leech_4600(), 1 / 3)


def from_leech_552() -> Rows:
    """(23, 552): halves of the ways to write a vector of squared length 48 as a sum of two."""
    points = leech()
    other = points[np.flatnonzero(points @ points[0] == -8)[0]]
    longer = points[0] - other * 1.0
    if longer @ longer != 48:
        longer = points[0] + other
    return _across(points[points @ longer == 24], longer)


def mclaughlin() -> Rows:
    """(22, 275)."""
    return seen_from(from_leech_552(), 1 / 5)


def from_mclaughlin_162() -> Rows:
    """(21, 162)."""
    return seen_from(mclaughlin(), 1 / 6)


def from_mclaughlin_112() -> Rows:
    """(21, 112)."""
    return seen_from(mclaughlin(), -1 / 4)


def hexads() -> NDArray[np.bool_]:
    """The 77 blocks of six among 22 points in which every three points share one block."""
    words = golay()
    with_both = words[(words.sum(1) == 8) & (words[:, 22] == 1) & (words[:, 23] == 1)]
    return np.asarray(with_both[:, :22], dtype=bool)


def disjoint(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    shared = blocks.astype(int) @ blocks.T.astype(int)
    return np.asarray(shared == 0)


def m22_graph() -> Rows:
    """(21, 77)."""
    return strongly_regular(disjoint(hexads()), -6)


def gewirtz() -> Rows:
    """(20, 56)."""
    blocks = hexads()
    return strongly_regular(disjoint(blocks[~blocks[:, 0]]), -4)


def higman_sims() -> Rows:
    """(22, 100): one vertex, the 22 points, the 77 blocks."""
    blocks = hexads()
    adjacent = np.zeros((100, 100), dtype=bool)
    adjacent[0, 1:23] = True
    adjacent[23:, 1:23] = blocks
    adjacent |= adjacent.T
    adjacent[23:, 23:] = disjoint(blocks)
    return strongly_regular(adjacent, -8)


def hoffman_singleton() -> Rows:
    """(21, 50): five pentagons and five pentagrams."""
    adjacent = np.zeros((50, 50), dtype=bool)
    for which, place in product(range(5), repeat=2):
        adjacent[5 * which + place, 5 * which + (place + 1) % 5] = True
        adjacent[25 + 5 * which + place, 25 + 5 * which + (place + 2) % 5] = True
        for other in range(5):
            adjacent[5 * which + place, 25 + 5 * other + (which * other + place) % 5] = True
    return strongly_regular(adjacent | adjacent.T, -3)


def kerdock(half: int) -> Rows:
    """4^k/2 + 1 mutually unbiased bases of 4^k dimensions, with both signs.

    One basis of signs for every element s of a field with 4^k/2 elements: quadratic forms whose
    differences all have full rank. Their bilinear forms on (x, a), (y, b), a and b bits, are
    Tr(s^2 xy) + Tr(sx) Tr(sy) + a Tr(sy) + b Tr(sx).
    """
    bits = 2 * half - 1
    size = 2**bits
    vectors = (np.arange(2 * size)[:, None] >> np.arange(2 * half)) & 1
    linear = 1.0 - 2 * ((vectors @ vectors.T) % 2)
    bases = [np.eye(2 * size)]
    for scale in range(size):
        form = np.zeros((2 * half, 2 * half), dtype=np.int64)
        for i, j in product(range(bits), repeat=2):
            x, y = times(scale, 1 << i, bits), times(scale, 1 << j, bits)
            form[i, j] = trace(times(x, y, bits), bits) ^ (trace(x, bits) & trace(y, bits))
        for i in range(bits):
            form[i, bits] = form[bits, i] = trace(times(scale, 1 << i, bits), bits)
        quadratic = np.einsum("va,ab,vb->v", vectors, np.triu(form, 1), vectors) % 2
        bases.append((1.0 - 2 * quadratic) * linear / 2**half)
    whole = np.concatenate(bases)
    return np.concatenate([whole, -whole])


PRIMITIVE = {
    1: 0b11, 2: 0b111, 3: 0b1011, 4: 0b10011, 5: 0b100101, 6: 0b1000011, 7: 0b10000011,
}  # fmt: skip


def times(a: int, b: int, bits: int) -> int:
    """The product in the field of 2^bits elements."""
    product_ = 0
    while b:
        if b & 1:
            product_ ^= a
        a <<= 1
        if a >> bits:
            a ^= PRIMITIVE[bits]
        b >>= 1
    return product_


def trace(a: int, bits: int) -> int:
    """a + a^2 + a^4 + ...: zero or one."""
    total, power = 0, a
    for _ in range(bits):
        total ^= power
        power = times(power, power, bits)
    return total


class Field:
    """Addition and multiplication tables of a field: integers modulo a prime, or of four."""

    def __init__(self, size: int) -> None:
        whole = np.arange(size)
        self.size = size
        self.plus = whole[:, None] ^ whole if size == 4 else (whole[:, None] + whole) % size
        self.by = np.array([[times(a, b, 2) for b in range(size)] for a in range(size)])
        if size != 4:
            self.by = whole[:, None] * whole % size

    def total(self, *terms: NDArray[np.int64]) -> NDArray[np.int64]:
        result = terms[0]
        for term in terms[1:]:
            result = self.plus[result, term]
        return result

    def points(self, coordinates: int) -> NDArray[np.int64]:
        """One vector for every line through the origin: its first entry that is not 0 is 1."""
        every = np.array(list(product(range(self.size), repeat=coordinates)))[1:]
        first = every[np.arange(len(every)), (every != 0).argmax(axis=1)]
        chosen: NDArray[np.int64] = every[first == 1]
        return chosen


def on_eigenspace(adjacent: NDArray[np.bool_]) -> Rows:
    """The points of a generalised quadrangle, from which of them share a line."""
    np.fill_diagonal(adjacent, False)
    return strongly_regular(adjacent, float(np.linalg.eigvalsh(adjacent.astype(float))[0].round()))


def symplectic_quadrangle(size: int) -> Rows:
    """Order (q, q), q prime or four."""
    field = Field(size)
    x = field.points(4)
    rows, columns = x[:, None], x[None, :]
    minus = 1 if size == 4 else size - 1
    pairs = [
        field.by[rows[..., a], field.by[sign, columns[..., b]]]
        for a, b, sign in ((0, 1, 1), (1, 0, minus), (2, 3, 1), (3, 2, minus))
    ]
    return on_eigenspace(field.total(*pairs) == 0)


def elliptic_quadrangle(size: int) -> Rows:
    """Order (q, q^2), q prime or four: zeros of x0 x1 + x2 x3 + an irreducible form in x4, x5."""
    field = Field(size)
    a, b = next(
        (a, b)
        for a, b in product(range(size), repeat=2)
        if all(field.total(field.by[t, t], field.by[a, t], np.array(b)) for t in range(size))
    )

    def form(v: NDArray[np.int64]) -> NDArray[np.int64]:
        x = [v[..., place] for place in range(6)]
        by = field.by
        end = by[x[4], x[4]], by[a, by[x[4], x[5]]], by[b, by[x[5], x[5]]]
        return field.total(by[x[0], x[1]], by[x[2], x[3]], *end)

    x = field.points(6)
    x = x[form(x) == 0]
    # Two zeros share a line when their sum is another.
    return on_eigenspace(form(field.plus[x[:, None], x[None, :]]) == 0)


def hermitian_quadrangle() -> Rows:
    """Order (4, 8): zeros of the sum of x^3 over the field of four elements."""
    field = Field(4)
    square = field.by[np.arange(4), np.arange(4)]
    x = field.points(5)

    def inner(u: NDArray[np.int64], v: NDArray[np.int64]) -> NDArray[np.int64]:
        return field.total(*(field.by[u[..., place], square[v[..., place]]] for place in range(5)))

    x = x[inner(x, x) == 0]
    return on_eigenspace(inner(x[:, None], x[None, :]) == 0)


def hyperoval_quadrangle() -> Rows:
    """Order (3, 5): affine space over four elements, lines in the directions of a hyperoval."""
    field = Field(4)
    ends = [(1, t, int(field.by[t, t])) for t in range(4)] + [(0, 1, 0), (0, 0, 1)]
    lines = {tuple(int(field.by[s, part]) for part in end) for end in ends for s in (1, 2, 3)}
    x = np.array(list(product(range(4), repeat=3)))
    return on_eigenspace(np.array([[tuple((u ^ v).tolist()) in lines for u in x] for v in x]))


def ahrens_szekeres_quadrangle(prime: int) -> Rows:
    """Order (q - 1, q + 1), q an odd prime: affine space and three families of lines."""
    every = range(prime)
    index = {point: place for place, point in enumerate(product(every, repeat=3))}
    adjacent = np.zeros((len(index), len(index)), dtype=bool)
    lines = [[(s, a, b) for s in every] for a, b in product(every, repeat=2)]
    lines += [[(a, s, b) for s in every] for a, b in product(every, repeat=2)]
    lines += [
        [((c * s * s - b * s + a) % prime, (b - 2 * c * s) % prime, s) for s in every]
        for a, b, c in product(every, repeat=3)
    ]
    for line in lines:
        places = [index[point] for point in line]
        adjacent[np.ix_(places, places)] = True
    return on_eigenspace(adjacent)


def complex_bases(prime: int) -> Rows:
    """The p + 1 unbiased bases of p complex dimensions, times 1, i, -1 and -i; p odd."""
    x = np.arange(prime)
    phase = np.exp(2j * np.pi * (x**2 * x[:, None, None] + x * x[None, :, None]) / prime)
    lines = np.concatenate([np.eye(prime), phase.reshape(-1, prime) / np.sqrt(prime)])
    turned = np.concatenate([lines * 1j**quarter for quarter in range(4)])
    return np.concatenate([turned.real, turned.imag], axis=1)


def bch_words(exponent: int, distance: int) -> Rows:
    """Signs from the extended BCH code of 2^m letters whose words differ in so many, or more."""
    length = 2**exponent
    roots = [1]
    for _ in range(length - 2):
        roots.append(times(roots[-1], 2, exponent))
    powers = np.array(
        [[roots[i * j % (length - 1)] for i in range(length - 1)] for j in range(1, distance - 1)]
    )
    checks = (powers[:, None, :] >> np.arange(exponent)[:, None]) & 1
    basis = null_space(checks.reshape(-1, length - 1))
    basis = np.concatenate([basis, basis.sum(axis=1, keepdims=True) % 2], axis=1)
    choices = (np.arange(2 ** len(basis))[:, None] >> np.arange(len(basis))) & 1
    return unit(1 - 2 * (choices @ basis % 2))


def null_space(checks: NDArray[np.int64]) -> NDArray[np.int64]:
    """A basis of the words that satisfy every check, over the field of two elements."""
    rows = checks.copy()
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        below = np.flatnonzero(rows[len(pivots) :, column]) + len(pivots)
        if len(below) == 0:
            continue
        rows[[len(pivots), int(below[0])]] = rows[[int(below[0]), len(pivots)]]
        others = np.flatnonzero(rows[:, column])
        others = others[others != len(pivots)]
        rows[others] ^= rows[len(pivots)]
        pivots.append(column)
        if len(pivots) == len(rows):
            break
    free = [column for column in range(rows.shape[1]) if column not in pivots]
    basis = np.zeros((len(free), rows.shape[1]), dtype=np.int64)
    for word, column in zip(basis, free, strict=True):
        word[column] = 1
        word[pivots] = rows[: len(pivots), column]
    return basis


def laminated(dim: int) -> Rows:
    """The shortest vectors of the Leech lattice within 16 to 23 dimensions, as many as possible."""
    points, words = leech(), golay()
    octad = np.flatnonzero(words[words.sum(1) == 8][0])
    part = points[:, octad]
    if dim in (16, 19, 20):
        inside = np.all(part[:, : 24 - dim] == 0, axis=1)
    elif dim == 18:
        inside = np.all(part[:, :5] == 0, axis=1) & (part[:, 5:].sum(axis=1) == 0)
    else:
        inside = np.all(part[:, : 25 - dim] == part[:, :1], axis=1)
    return in_its_span(points[inside])
