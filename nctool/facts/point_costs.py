"""What the geometry of K points costs, fact by fact: as ``costs``, of what reads no samples."""

from __future__ import annotations

from nctool.engine.cost import Cost, Shape, product

SVD = 24
"""Operations of a singular value decomposition of an (n, n) matrix over n^3, at the rate of
products: it runs slower than these."""
QR = 6
"""The same of the QR decomposition of an (m, n) matrix, over m n^2."""
LOOKS = 6
"""Products of all points with all, by which margins are typically certified."""
LEAST_LOOKS = 2.5
PROGRAMMES, FEW = 4e5, 512
"""Elements that the programmes of one point are worth; with few points these have few rows."""
DOUBLE_COUNT = 4096
"""Up to so many points pairs are multiplied in float64."""
PANEL = 512
"""Rows of a kernel matrix that are factored at a time."""
WHOLE = 512
"""Up to so many points a Gram matrix is made as it is, beyond from one of the coordinates."""


def whitening(shape: Shape) -> Cost:
    """QR of the class means, and singular values of the triangle."""
    small, large = sorted((shape.classes, shape.dim))
    flops = QR * large * small**2 + SVD * small**3
    return Cost(
        double=flops, held=8 * 2 * small * large, calls=200,
        kept=shape.dim * small * shape.itemsize,
    )  # fmt: skip


def corrected(shape: Shape) -> Cost:
    """Rounded class means in the basis."""
    rank = min(shape.classes, shape.dim)
    return Cost(double=2 * shape.classes * shape.dim * rank, held=8 * shape.dim**2)


def table(shape: Shape) -> Cost:
    """Something of each of (K, D) numbers in float64."""
    size = 8 * shape.points * shape.dim
    return Cost(bytes=4 * size, kept=size)


def survey(shape: Shape) -> Cost:
    """Cosines and distances of all pairs, half by symmetry, and energies where they are wanted."""
    points, square = shape.points, shape.points**2 / 2
    double = shape.itemsize == 8 or points <= DOUBLE_COUNT
    size = 8 if double else 4
    flops = 2 * square * shape.dim
    energies = f"energies[{'means' if shape.of_means else 'weights'}]" in shape.facts
    side = min(points, 512)
    return Cost(
        double=flops if double else 0.0,
        single=0.0 if double else flops,
        bytes=size * (20 + 10 * energies) * square,
        elements=14 * square * energies,
        calls=(40 + 30 * energies) * tiles(shape, 512),
        held=size * (4 * side**2 + points * shape.dim),
        kept=8 * (4 + 6 * energies) * points,
    )


def tiles(shape: Shape, side: int) -> float:
    """Blocks of the upper triangle."""
    across = -(-shape.points // side)
    return across * (across + 1) / 2


def gram(shape: Shape) -> Cost:
    """A Gram matrix against a simplex."""
    points, dim = shape.points, shape.dim
    if points <= WHOLE or points <= dim:
        return Cost(double=2 * 2 * points**2 * dim, bytes=8 * 4 * points**2, calls=60)
    return Cost(double=2 * points * dim**2, bytes=8 * 6 * points * dim, calls=60)


def cross_gram(shape: Shape) -> Cost:
    """The same of rows and means: two Gram matrices of coordinates."""
    two = shape.points > max(WHOLE, shape.dim)
    return gram(shape) + (gram(shape) if two else Cost())


def kernel_bytes(points: int) -> int:
    """The upper half of a kernel matrix, which becomes its factor, and the panel at work."""
    return 8 * points * ((points + PANEL) // 2 + PANEL)


def log_determinant(shape: Shape) -> Cost:
    """Half of a kernel matrix and its Cholesky factor."""
    points = shape.points
    return Cost(
        double=points**2 * shape.dim + points**3 / 3,
        elements=points**2 / 2,
        bytes=8 * 2 * points**3 / PANEL / 2,
        calls=100 + 2 * (points / PANEL) ** 2,
        held=kernel_bytes(points),
        needed=kernel_bytes(points),
    )


def margins(shape: Shape) -> Cost:
    """Looks at all points from each, and the small quadratic programmes between them."""
    looks = LEAST_LOOKS if shape.least_only else LOOKS
    points, dim = shape.points, shape.dim
    programmes = 0 if shape.least_only else PROGRAMMES * points * min(1.0, points / FEW)
    return Cost(
        single=looks * 2 * points**2 * dim,
        bytes=4 * 3 * looks * points**2,
        elements=programmes,
        calls=300,
        held=min(2**29, 12 * points * max(16, points)) + 3 * 8 * points * dim,
        kept=8 * 4 * points,
        rough=True,
    )


def seli_bytes(sizes: int) -> int:
    """Both targets, and a singular value decomposition at work: eight (G, G) matrices."""
    return 8 * 8 * sizes**2


def seli(shape: Shape) -> Cost:
    """A decomposition of as many different class sizes as there are."""
    sizes = shape.unequal
    return Cost(double=SVD * sizes**3, calls=80, held=seli_bytes(sizes), needed=seli_bytes(sizes))


def alignment(shape: Shape) -> Cost:
    """Class means against the rows of the head."""
    return product(shape, shape.classes, shape.dim, 8) + Cost(bytes=8 * 4 * shape.classes**2)
