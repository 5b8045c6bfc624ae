"""Codes written down by a rule, for more points and dimensions than a search can reach.

Each rule gives, for a problem, the member of its family that might serve best. Largest cosines
here are consequences of the construction, not of a computation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

from nctool.geometry.optima.codes import Code

LEVENSHTEIN = "Levenshtein's bound"
SPECTRAL = "Cohn, de Laat and Leijenhorst 2024"
KERDOCK_PROVED = range(2, 6)
LARGEST_WORD = 13
"""Words of up to 2^13 letters are considered."""

LAMINATED = {
    16: 4320, 17: 5346, 18: 7398, 19: 10_668, 20: 17_400, 21: 27_720, 22: 49_896, 23: 93_150,
}  # fmt: skip
"""How many shortest vectors of the Leech lattice fit in so many dimensions; their angle is 60°."""


def members(dim: int) -> Iterator[Code]:
    """What the families have to offer within this many dimensions."""
    for size, count in LAMINATED.items():
        if size <= dim:
            yield Code(count, size, 1 / 2, "part of the Leech lattice")
    for half in range(2, dim.bit_length()):
        if 4**half <= dim:
            yield kerdock(half)
        yield from (code for code in _within_kerdock(half) if code.dim <= dim)
    for lines in _quadrangles(dim):
        yield from (code for code in quadrangle(*lines) if code.dim <= dim)
    yield from _complex_bases(dim)
    yield from _words(dim)


def kerdock(half: int) -> Code:
    """Real mutually unbiased bases: 4^k/2 + 1 of them in 4^k dimensions, with both signs."""
    size, proof = 4**half, SPECTRAL if half in KERDOCK_PROVED else ""
    return Code(size * (size + 2), size, 1 / 2**half, "Kerdock code", proof)


def _within_kerdock(half: int) -> tuple[Code, Code]:
    """What a Kerdock code leaves behind when seen from one point, and then from another.

    All at the largest cosine c from a point, projected across it, have largest cosine
    (c - c^2)/(1 - c^2) = c/(1 + c). Each of the 4^k/2 bases without the point holds 4^k such
    vectors, and (4^k + 2^k)/2 of these are that near to a second point as well.
    """
    size, root = 4**half, 2**half
    name = f"part of the Kerdock code in {size} dimensions"
    once = Code(size * size // 2, size - 1, 1 / (root + 1), name)
    count = (size // 2 - 1) * (size + root) // 2
    return once, Code(count, size - 2, 1 / (root + 2), name)


def quadrangle(s: int, t: int) -> tuple[Code, Code, Code]:
    """The points of a generalised quadrangle of order (s, t), whole and as seen from one or two.

    Projected on the eigenspace of their smallest eigenvalue -t - 1, points on a line have cosine
    -1/s and all others 1/s^2. Of those not on a line with one point, and then with another, the
    cosines become 1/(s^2 + 1) and 1/(s^2 + 2).
    """
    dim = s * s * (s * t + 1) // (s + t)
    name = f"generalised quadrangle of order ({s}, {t})"
    # Order (q, q^2) meets Levenshtein's bound: Cameron, Goethals and Seidel 1978.
    proof = LEVENSHTEIN if t == s * s else ""
    whole = Code((s + 1) * (s * t + 1), dim, 1 / s**2, name, proof)
    part = f"part of the {name}"
    once = Code(s * s * t, dim - 1, 1 / (s**2 + 1), part)
    return whole, once, Code(t * (s * s - s + 1) - s, dim - 2, 1 / (s**2 + 2), part)


def _quadrangles(dim: int) -> Iterator[tuple[int, int]]:
    """Orders that exist and hold more points than twice their dimension."""
    for q in range(2, math.isqrt(2 * dim) + 4):
        if _is_prime_power(q):
            yield from ((q, q), (q, q * q), (q * q, q**3))
            if q > 2:
                yield q - 1, q + 1


def _complex_bases(dim: int) -> Iterator[Code]:
    """The q + 1 unbiased bases of q complex dimensions, each vector times 1, i, -1 and -i."""
    order = dim // 2
    while order > 1 and not _is_prime_power(order):
        order -= 1
    if order > 1:
        count = 4 * order * (order + 1)
        yield Code(count, 2 * order, 1 / math.sqrt(order), "complex unbiased bases")


@cache
def _words(dim: int) -> tuple[Code, ...]:
    """Signs from binary words that differ in many places (extended BCH codes)."""
    codes = []
    for exponent in range(4, LARGEST_WORD + 1):
        length = 2**exponent
        if length > dim:
            break
        for bits, distance in _bch(exponent):
            cosine = 1 - 2 * distance / length
            codes.append(Code(2**bits, length, cosine, f"BCH code of {bits} bits"))
    return tuple(codes)


@cache
def _bch(exponent: int) -> tuple[tuple[int, int], ...]:
    """(bits, least distance) of the extended narrow-sense codes with distance > length/8.

    A cyclic code whose check polynomial has the roots 1, ..., t - 1 (as powers of a primitive
    element) has distance at least t; a parity bit makes an odd distance even.
    """
    period = 2**exponent - 1
    bits, roots = period, set[int]()
    distances: dict[int, int] = {}
    # The cyclotomic cosets of the powers that are roots; each costs as many bits as it has members.
    for power in range(1, period // 2 + 1):
        orbit = {power * 2**step % period for step in range(exponent)}
        if not orbit <= roots:
            distances[bits] = power + power % 2
            bits -= len(orbit - roots)
            roots |= orbit
    return tuple((bits, far) for bits, far in distances.items() if 8 * far > period and bits <= 62)


def _is_prime_power(number: int) -> bool:
    for prime in range(2, math.isqrt(number) + 1):
        if number % prime == 0:
            while number % prime == 0:
                number //= prime
            return number == 1
    return number > 1
