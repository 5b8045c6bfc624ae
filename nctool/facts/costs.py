"""What the passes over samples cost, fact by fact: who changes an algorithm changes its count here.

Counts of products are exact; how often other work goes over its numbers is a factor that was fitted
once, on blocks in cache (tests/bench/estimate.py compares with what happens).
"""

from __future__ import annotations

from dataclasses import replace

from nctool.engine.cost import STACK, Cost, Shape, product
from nctool.facts import point_costs

BUFFERS = 3
"""Of the size of a block, or of its scores, that what is computed from it takes."""
PER_BLOCK = 60
"""Calls that reading a block takes, and what all accumulators of a pass have in common."""
PER_SWEEP = 12
"""Calls of one accumulator for a block."""
SORTED = 12
"""Numbers touched to keep the percentiles of one number per sample."""
SCREENED = 257
"""From so many classes on, nearest means are looked for in bfloat16 first, where that is fast."""
LISTED = 2048, 8192
"""Rows of a head and samples from which on that is so of the best other row, too."""
OPEN = 0.15
"""Of the samples, those that such a look typically leaves open."""
TRIANGLE = 0.5625
"""Of a product with a triangular factor, what is computed in eight blocks of columns."""
OWN_ORIGIN = 256
"""Up to so many classes, scores are taken from the class means."""


def rows(shape: Shape) -> float:
    """Bytes of all samples in the working precision."""
    return float(shape.samples * shape.dim * shape.itemsize)


def rank(shape: Shape) -> int:
    return min(max(shape.classes - 1, 0), shape.dim)


def triangular(shape: Shape) -> bool:
    """Whether whitening is a product with a triangle."""
    return shape.classes > shape.dim


def first_reading(shape: Shape) -> Cost:
    """Features once through memory, and into the working precision."""
    stored = shape.samples * shape.dim * shape.stored
    blocks = shape.samples / shape.feature_rows
    held = BUFFERS * min(rows(shape), shape.feature_rows * shape.dim * shape.itemsize)
    return Cost(bytes=stored + rows(shape), calls=PER_BLOCK * blocks, held=held)


def second_reading(shape: Shape) -> Cost:
    """The same in blocks beside which the scores of all classes fit into cache."""
    again = Cost(calls=PER_BLOCK * shape.samples / shape.score_rows)
    width = max(shape.classes, shape.rows if "head_rule" in shape.facts else 0)
    beside = BUFFERS * min(shape.samples, shape.score_rows) * width * shape.itemsize
    return replace(first_reading(shape) + again, held=first_reading(shape).held + beside)


def state_bytes(known: int, dim: int, itemsize: int) -> int:
    """What a sweep of so many classes holds, raw and on the sphere, while it takes stock.

    Means and short sums in float64, twice each; three more tables while sums become moments; a
    pilot and two buffers in the working precision.
    """
    return known * dim * (7 * 8 + 3 * itemsize)


def sums(shape: Shape) -> Cost:
    """Means and scatter by class; also of features of length one where they are asked for."""
    both = "on_sphere" in shape.facts
    table = shape.known * shape.dim
    passed = (22 if both else 14) * rows(shape)
    outer = 0.0
    if "with_products" in shape.facts:
        outer = 2 * shape.samples * shape.dim**2 * (2 if both else 1)
    return Cost(
        bytes=passed + 8 * 8 * table,
        elements=2 * shape.samples,
        double=outer,
        calls=3 * PER_SWEEP * shape.samples / shape.feature_rows,
        held=state_bytes(shape.known, shape.dim, shape.itemsize),
        kept=table * 8 * (2 if both else 1),
    )


def sketch(shape: Shape) -> Cost:
    """Signatures of some entries of every row, sorted."""
    blocks = shape.samples / shape.feature_rows
    return Cost(
        bytes=64 * 8 * shape.samples, elements=2 * shape.samples, calls=PER_SWEEP * blocks,
        held=16 * shape.samples,
    )  # fmt: skip


def signatures(shape: Shape) -> Cost:
    return Cost(bytes=4 * rows(shape), elements=2 * shape.samples)


def moments(shape: Shape) -> Cost:
    """Of the classes that are there, and which of them coincide."""
    table = 8 * shape.classes * shape.dim
    return Cost(bytes=8 * table, kept=2 * table)


def residual(shape: Shape) -> Cost:
    """Samples less their class means, and their lengths."""
    return Cost(bytes=10 * rows(shape), kept=shape.classes * shape.dim * shape.itemsize)


def span(shape: Shape) -> Cost:
    """A product with a basis of the class means; a triangle is multiplied where it is used."""
    if triangular(shape):
        return Cost()
    return product(shape, shape.samples, shape.dim, rank(shape))


def whitened(shape: Shape) -> Cost:
    """Squared lengths of whitened residuals."""
    seen = shape.samples * rank(shape) * shape.itemsize
    passes = Cost(bytes=3 * seen, calls=PER_SWEEP * shape.samples / shape.score_rows)
    if triangular(shape):
        return passes + product(shape, TRIANGLE * shape.samples, shape.dim, shape.dim)
    return passes


def unit_whitened(shape: Shape) -> Cost:
    """The same of features of length one, which lie in a basis of their own."""
    seen = shape.samples * rank(shape) * shape.itemsize
    return whitened(shape) + span(shape) + Cost(bytes=7 * seen)


def head_rule(shape: Shape) -> Cost:
    """Scores of all rows of the head, and the best of them; of a large one in bfloat16 first."""
    if shortlisted(shape):
        kept = (2 * shape.itemsize + 2) * shape.rows * shape.dim
        return shortlist(shape) + Cost(kept=kept)
    scores = shape.samples * shape.rows * shape.itemsize
    return (
        product(shape, shape.samples, shape.rows, shape.dim)
        + Cost(bytes=6 * scores, calls=PER_SWEEP * shape.samples / shape.score_rows)
        + Cost(kept=2 * shape.rows * shape.dim * shape.itemsize)
    )


def shortlisted(shape: Shape) -> bool:
    """Whether the best other rows of a head are chosen from scores in bfloat16."""
    return shape.coarse and shape.rows >= LISTED[0] and shape.samples >= LISTED[1]


def shortlist(shape: Shape) -> Cost:
    scores = shape.samples * shape.rows
    first = Cost(half=2 * scores * shape.dim, bytes=2 * 4 * scores, rough=True)
    calls = 4 * PER_SWEEP * shape.samples / shape.score_rows
    return first + Cost(bytes=4 * rows(shape), calls=calls)


def mean_rule(shape: Shape) -> Cost:
    """Scores of all class means, at first in bfloat16 where that pays; typical data leave some."""
    every, scores = shape.samples, shape.samples * shape.classes
    common = Cost(
        calls=2 * PER_SWEEP * shape.samples / shape.score_rows, rough=True,
        kept=2 * shape.classes * shape.dim * shape.itemsize,
    )  # fmt: skip
    if "mean_lines" in shape.facts:
        return common + Cost(bytes=scores * shape.itemsize)
    if shape.coarse and shape.classes >= SCREENED:
        first = Cost(half=2 * scores * shape.dim, bytes=2 * 4 * scores)
        rest = OPEN * every
        again = product(shape, rest, shape.classes, shape.dim)
        return common + first + again + Cost(bytes=5 * OPEN * scores * shape.itemsize)
    low = "span" in shape.facts and shape.classes <= OWN_ORIGIN and not triangular(shape)
    width = rank(shape) if low else shape.dim
    return (
        common
        + product(shape, every, shape.classes, width)
        + Cost(bytes=5 * scores * shape.itemsize)
    )


def counted(shape: Shape) -> Cost:
    """One decision of each sample, added up by class."""
    return Cost(elements=2 * shape.samples, calls=PER_SWEEP * shape.samples / shape.score_rows)


def spread(shape: Shape) -> Cost:
    """One number of each sample, by class and sorted."""
    return counted(shape) + Cost(elements=SORTED * shape.samples, held=16 * shape.samples)


def cosines(shape: Shape) -> Cost:
    """The scores of the head once more, as cosines."""
    if shortlisted(shape):
        return spread(shape) + shortlist(shape) + Cost(kept=2 * shape.rows * shape.dim)
    return spread(shape) + Cost(bytes=5 * shape.samples * shape.rows * shape.itemsize)


def line_bytes(classes: int, itemsize: int) -> int:
    """Distances of all pairs of class means."""
    return itemsize * classes**2


def lines(shape: Shape) -> Cost:
    """Places of samples on the lines from their class mean to all others."""
    scores = shape.samples * shape.classes * shape.itemsize
    table = line_bytes(shape.classes, shape.itemsize)
    return (
        product(shape, shape.samples, shape.classes, shape.dim)
        + Cost(bytes=8 * scores, calls=PER_SWEEP * shape.samples / shape.score_rows)
        + point_costs.survey(replace(shape, facts=frozenset()).of("means"))
        + Cost(bytes=3 * table, kept=table, needed=table)
    )


def near(shape: Shape) -> Cost:
    """Distances to one direction for each class."""
    both = 2 if shape.of_means or "row_directions" in shape.facts else 1
    return Cost(
        bytes=6 * both * rows(shape),
        elements=30 * shape.samples,
        calls=4 * PER_SWEEP * shape.samples / shape.score_rows,
        kept=2 * 8 * shape.classes * shape.dim,
    )


KEPT_SHARE = 4
"""One part in so many of the memory is for kept samples."""


def fewest_bytes(rows: int, dim: int, itemsize: int) -> int:
    """What has to be allowed, so that the share of kept samples holds so many rows."""
    return KEPT_SHARE * rows * dim * itemsize


def choice(shape: Shape) -> Cost:
    """Positions of the kept rows."""
    return Cost(
        elements=6 * shape.samples, held=24 * shape.samples, kept=8 * shape.kept_rows,
        needed=fewest_bytes(shape.fewest_rows, shape.dim, shape.itemsize),
    )  # fmt: skip


def kept(shape: Shape) -> Cost:
    """The rows themselves."""
    table = shape.kept_rows * shape.dim * shape.itemsize
    return Cost(bytes=4 * table, held=table, kept=table)


def stacks(shape: Shape) -> Cost:
    """Products of the kept rows of each class with each other."""
    pairs = shape.kept_rows * shape.kept
    return Cost(
        double=2 * pairs * shape.dim,
        bytes=8 * (6 * shape.kept_rows * shape.dim + 4 * pairs),
        calls=PER_BLOCK * shape.stacks,
        held=8 * 6 * min(shape.kept_rows * shape.dim, STACK),
    )


def pair_distances(shape: Shape) -> Cost:
    pairs = shape.kept_rows * shape.kept
    return Cost(bytes=8 * 16 * pairs, calls=2 * PER_BLOCK * shape.stacks)


def kernels(shape: Shape) -> Cost:
    """A kernel matrix of each class, and its Cholesky factor."""
    pairs = shape.kept_rows * shape.kept
    factor = CHOLESKY * pairs * shape.kept / 3
    return Cost(double=factor, elements=pairs, bytes=8 * 10 * pairs, calls=PER_BLOCK * shape.stacks)


CHOLESKY = 4
"""Small factors run so much slower than products."""


def unlabelled(shape: Shape) -> Cost:
    return Cost(bytes=shape.unlabelled * shape.dim * (shape.stored + 3 * 8))
