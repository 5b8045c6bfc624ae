"""Many small quadratic programmes at once: the nearest point of a hull, by its convex weights.

For rows D (m, d) the least |D'l| over convex weights l is that of y >= 0 in

    1/2 y'Qy + s/2 (1'y - 1)^2,   Q = D D',  l = y / sum y,

exactly, for every s > 0. So there is no simplex to project onto, and a support F solves
(Q/s + 11') y = 1 on F. With y = Ez, E the inverse root of the diagonal, the matrix has ones on its
diagonal; y stays bounded where the hull holds the origin. Here s is the least squared length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RIDGE = 1e-14
"""Added to the unit diagonal: dependent rows then have one solution, not many."""
COARSE_RIDGE = 1e-6
SMALL, COARSE_SMALL = 1e-13, 1e-5
"""A row whose gradient is no further below zero does not want weight."""
PATIENCE = 3
MOST_PIVOTS, COARSE_PIVOTS = 40, 8
HALVED_FROM = 96
"""From so many rows on a Gram matrix is put together from strips of its upper half."""
SLOW_FACTORS = (range(105, 129), range(249, 257))
"""Sizes at which the factorisation of MKL takes up to three times as long as one step beyond."""


@dataclass(slots=True)
class System:
    """(B, m, m) matrices with unit diagonal, their right-hand sides, and which rows exist."""

    matrix: Tensor
    right: Tensor  # (B, m)
    valid: Tensor  # (B, m)
    least: Tensor  # (B,) s

    @classmethod
    def of(cls, rows: Tensor, valid: Tensor) -> System:
        """From the rows D, (B, m, d)."""
        matrix = products(rows)
        square = matrix.diagonal(dim1=-2, dim2=-1).clone()
        tiny = torch.finfo(rows.dtype).tiny ** 0.5
        # s is the squared distance of the nearest neighbour. With the mean square instead, rows
        # that nearly coincide with the point vanish beside s and lose all their digits.
        least = square.masked_fill(~valid, torch.inf).amin(1).clamp(min=tiny)
        # Missing rows: no length, no weight, no influence.
        scale = torch.where(valid, (square + least[:, None]).rsqrt(), 0.0)
        matrix.add_(least[:, None, None]).mul_(scale[:, :, None]).mul_(scale[:, None, :])
        ridge = RIDGE if rows.dtype == torch.float64 else COARSE_RIDGE
        matrix.diagonal(dim1=-2, dim2=-1).fill_(1 + ridge)
        return cls(matrix, scale * least.sqrt()[:, None], valid, least)

    def part(self, which: slice | Tensor) -> System:
        return System(self.matrix[which], self.right[which], self.valid[which], self.least[which])

    @classmethod
    def cat(cls, parts: list[System]) -> System:
        if len(parts) == 1:
            return parts[0]
        fields = ("matrix", "right", "valid", "least")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in fields))

    def gradient(self, z: Tensor) -> Tensor:
        """Mz - r: negative where more weight would help."""
        # A row vector times the matrices: the same product as with a column, 5 to 10 times faster
        # on a CPU, and equal because the matrices are symmetric.
        return torch.bmm(z[:, None, :], self.matrix)[:, 0] - self.right

    def weights(self, z: Tensor) -> Tensor:
        """Convex weights in float64; the nearest row alone where there is no solution."""
        y = (z * self.right).double().clamp(min=0)
        total = y.sum(1, keepdim=True)
        alone = torch.zeros_like(y).scatter_(1, self.right.argmax(1, keepdim=True), 1.0)
        return torch.where((total > 0) & total.isfinite(), y / total, alone)


def products(rows: Tensor) -> Tensor:
    """(B, m, m) of every row with every row of (B, m, d), by symmetry where that is cheaper."""
    size = rows.shape[1]
    if size < HALVED_FROM or rows.device.type != "cpu":
        return rows @ rows.mT
    matrix = rows.new_empty(len(rows), size, size)
    step = -(-size // 3)
    for start in range(0, size, step):
        end = start + step
        strip = rows[:, start:end] @ rows[:, start:].mT
        matrix[:, start:end, start:] = strip
        matrix[:, start:, start:end] = strip.mT
    return matrix


def pivot(system: System, start: Tensor) -> tuple[Tensor, Tensor]:
    """Optimal weights as far as float32 tells them, and which are: roughly, then by factors."""
    z = rough_pivot(system, start)
    slope = system.gradient(z)
    off = torch.where(z > 0, slope.abs(), -slope) > COARSE_SMALL
    open_ = torch.nonzero((off & system.valid).any(1)).flatten()
    solved = torch.ones_like(start[:, 0])
    if len(open_):
        # What a few exchanges do not settle float32 does not tell: the rough weights stay.
        better, solved[open_] = block_pivot(system.part(open_), z[open_] > 0, COARSE_PIVOTS)
        z[open_] = torch.where(solved[open_, None], better, z[open_])
    return z, solved


def rough_pivot(system: System, start: Tensor, turns: int = 5, steps: int = 5) -> Tensor:
    """Nearly optimal weights, cheaply: pivoting with a few conjugate gradients on each support."""
    support = start & system.valid
    z = torch.zeros_like(system.right)
    for _ in range(turns):
        z = conjugate_gradients(system, support, z, steps)
        wrong = torch.where(support, z < 0, system.gradient(z) < -1e-5) & system.valid
        if not bool(wrong.any()):
            break
        support = support ^ wrong
        z = z.clamp(min=0) * support
    return z.clamp(min=0)


def conjugate_gradients(system: System, support: Tensor, z: Tensor, steps: int) -> Tensor:
    """Conjugate gradients (Hestenes and Stiefel) for M z = r on a support."""
    mask = support.to(z.dtype)
    z = z * mask
    residual = -system.gradient(z) * mask
    direction = residual
    square = torch.linalg.vecdot(residual, residual)
    tiny = torch.finfo(z.dtype).tiny
    for _ in range(steps):
        image = torch.bmm(direction[:, None, :], system.matrix)[:, 0] * mask
        length = square / torch.linalg.vecdot(direction, image).clamp(min=tiny)
        z = torch.addcmul(z, length[:, None], direction)
        residual = torch.addcmul(residual, length[:, None], image, value=-1)
        next_square = torch.linalg.vecdot(residual, residual)
        turn = next_square / square.clamp(min=tiny)
        direction = torch.addcmul(residual, turn[:, None], direction)
        square = next_square
    return z


def block_pivot(system: System, start: Tensor, most: int = MOST_PIVOTS) -> tuple[Tensor, Tensor]:
    """Block principal pivoting from the supports ``start`` (B, m): weights, and which are solved.

    Everything that has the wrong sign changes sides at once; when that stops helping, one at a
    time, the last of them, which cannot cycle (Murty; as Portugal, Judice and Vicente 1994).
    """
    batch, size = start.shape
    solution = torch.zeros_like(system.right)
    solved = torch.zeros_like(start[:, 0])
    live = torch.arange(batch, device=start.device)
    support = start & system.valid
    fewest = torch.full_like(live, size + 1)
    patience = torch.full_like(live, PATIENCE)
    small = SMALL if system.right.dtype == torch.float64 else COARSE_SMALL
    for _ in range(most):
        z, sound = solve_on_support(system, support)
        wrong = torch.where(support, z < 0, system.gradient(z) < -small) & system.valid
        count = wrong.sum(1)
        ready = sound & (count == 0)
        solution[live[ready]] = z[ready]
        solved[live[ready]] = True
        keep = sound & ~ready
        if not bool(keep.any()):
            break
        better = count < fewest
        fewest = torch.where(better, count, fewest)
        patience = torch.where(better, PATIENCE, patience - 1)
        last = size - 1 - wrong.flip(1).to(torch.uint8).argmax(1)
        alone = torch.zeros_like(wrong).scatter_(1, last[:, None], True)
        support ^= torch.where((patience < 0)[:, None], alone & wrong, wrong)
        if not bool(keep.all()):
            live, support, system = live[keep], support[keep], system.part(keep)
            fewest, patience = fewest[keep], patience[keep]
    return solution, solved


def solve_on_support(system: System, support: Tensor) -> tuple[Tensor, Tensor]:
    """Solve on each support, zero elsewhere; False where the factorisation failed."""
    place, mask, factor, sound = factor_on_support(system, support)
    right = system.right.gather(1, place) * mask
    solution = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0] * mask
    sound &= torch.isfinite(solution).all(1)
    return torch.zeros_like(system.right).scatter_(1, place, solution), sound


def factor_on_support(system: System, support: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Places (B, n) of each support, first among them; which of these hold; factors; which exist.

    What is no part of the support is the identity there.
    """
    batch, size = support.shape
    most = _quick_size(int(support.sum(1).max()), size)
    held, place = support.to(torch.uint8).topk(most, dim=1)
    # Whole rows first: copying them is several times as fast as gathering one number at a time.
    first = torch.arange(batch, device=place.device)[:, None] * size
    part = system.matrix.view(batch * size, size).index_select(0, (place + first).flatten())
    part = part.view(batch, most, size).gather(2, place[:, None, :].expand(-1, most, -1))
    mask = held.to(part.dtype)
    part.mul_(mask[:, :, None]).mul_(mask[:, None, :])
    part.diagonal(dim1=-2, dim2=-1).add_(1 - mask)
    # Cholesky, not a general solve: batched LU on several threads has returned silently wrong
    # answers beyond about 150 rows (pytorch issue 142815), and this one reports what is singular.
    factor, info = torch.linalg.cholesky_ex(part)
    return place, mask, factor, info == 0


def _quick_size(wanted: int, most: int) -> int:
    for slow in SLOW_FACTORS:
        if wanted in slow and slow.stop <= most:
            return slow.stop
    return max(wanted, 1)


def lawson_hanson(system: System, limit: int) -> Tensor:
    """Non-negative least squares by active sets (Lawson and Hanson), all systems side by side.

    One row joins per step; others leave when their weight would turn negative. Slower than
    pivoting, but steady where many rows depend on each other.
    """
    solution = torch.zeros_like(system.right)
    live = torch.arange(len(solution), device=solution.device)
    z, support = torch.zeros_like(solution), torch.zeros_like(system.valid)
    barred = ~system.valid
    settled = torch.ones_like(support[:, 0])
    added = torch.zeros_like(live)
    for _ in range(limit):
        slope = torch.where(support | barred, torch.inf, system.gradient(z))
        least, index = slope.min(1)
        solution[live] = z
        keep = ~settled | (least < -1e-13)
        if not bool(keep.all()):
            if not bool(keep.any()):
                break
            live, z, support, settled = live[keep], z[keep], support[keep], settled[keep]
            barred, added, index, system = barred[keep], added[keep], index[keep], system.part(keep)
        added = torch.where(settled, index, added)
        newest = torch.zeros_like(support).scatter_(1, added[:, None], True)
        support |= newest & settled[:, None]
        solved, sound = solve_on_support(system, support)
        bad = support & (solved <= 0)
        clean = sound & ~bad.any(1)
        # A row that would leave at once adds nothing but rounding: bar it until another joins.
        futile = (settled & ((bad & newest).any(1) | ~sound))[:, None]
        # As far towards the unconstrained solution as all weights stay non-negative.
        step = torch.where(bad, z / (z - solved), torch.inf).amin(1).clamp(max=1.0)
        moved = torch.addcmul(z, step[:, None], solved - z)
        moved = torch.where(bad & (moved <= 1e-15), 0.0, moved)
        after = torch.where(clean[:, None], solved, moved)
        z = torch.where(support, torch.where(futile, z, after), 0.0).clamp(min=0)
        support &= clean[:, None] | futile | (z > 0)
        barred = torch.where(clean[:, None] & ~futile, ~system.valid, barred)
        support &= ~(newest & futile)
        barred |= newest & futile
        lost = ~sound & ~settled
        barred |= lost[:, None]
        settled = clean | futile[:, 0] | lost
    return solution
