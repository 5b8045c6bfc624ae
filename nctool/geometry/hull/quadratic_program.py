"""Many small quadratic programmes at once: the nearest point of a hull, by its weights.

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
"""Added to the unit diagonal: dependent rows then have one answer, not many."""
COARSE_RIDGE = 1e-6
PATIENCE = 3
MOST_PIVOTS = 40


@dataclass(slots=True)
class System:
    """(B, m, m) matrices with unit diagonal, their right-hand sides, and which rows exist."""

    matrix: Tensor
    right: Tensor  # (B, m)
    valid: Tensor  # (B, m)

    @classmethod
    def of(cls, steps: Tensor, valid: Tensor) -> System:
        """From the rows D, (B, m, d)."""
        matrix = steps @ steps.mT
        square = matrix.diagonal(dim1=-2, dim2=-1).clone()
        tiny = torch.finfo(steps.dtype).tiny ** 0.5
        least = square.masked_fill(~valid, torch.inf).amin(1).clamp(min=tiny)
        # Missing rows: no length, no weight, no influence.
        scale = torch.where(valid, (square + least[:, None]).rsqrt(), 0.0)
        matrix.add_(least[:, None, None]).mul_(scale[:, :, None]).mul_(scale[:, None, :])
        ridge = RIDGE if steps.dtype == torch.float64 else COARSE_RIDGE
        matrix.diagonal(dim1=-2, dim2=-1).fill_(1 + ridge)
        return cls(matrix, scale * least.sqrt()[:, None], valid)

    def part(self, which: Tensor) -> System:
        return System(self.matrix[which], self.right[which], self.valid[which])

    def slope(self, z: Tensor) -> Tensor:
        """Mz - r: negative where more weight would help."""
        return torch.bmm(z[:, None, :], self.matrix)[:, 0] - self.right

    def share(self, z: Tensor) -> Tensor:
        """Convex weights in float64; the nearest row alone where nothing was found."""
        y = (z * self.right).double().clamp(min=0)
        total = y.sum(1, keepdim=True)
        alone = torch.zeros_like(y).scatter_(1, self.right.argmax(1, keepdim=True), 1.0)
        return torch.where((total > 0) & total.isfinite(), y / total, alone)


def sketch(system: System, start: Tensor, turns: int = 6, steps: int = 8) -> Tensor:
    """Nearly optimal weights, cheaply: pivoting with a few conjugate gradients on each support."""
    inside = start & system.valid
    z = torch.zeros_like(system.right)
    for _ in range(turns):
        z = conjugate(system, inside, z, steps)
        wrong = torch.where(inside, z < 0, system.slope(z) < -1e-5) & system.valid
        if not bool(wrong.any()):
            break
        inside = inside ^ wrong
        z = z.clamp(min=0) * inside
    return z.clamp(min=0)


def conjugate(system: System, inside: Tensor, z: Tensor, steps: int) -> Tensor:
    """Conjugate gradients for M z = r on a support."""
    mask = inside.to(z.dtype)
    z = z * mask
    rest = -system.slope(z) * mask
    way = rest
    size = torch.linalg.vecdot(rest, rest)
    tiny = torch.finfo(z.dtype).tiny
    for _ in range(steps):
        image = torch.bmm(way[:, None, :], system.matrix)[:, 0] * mask
        length = size / torch.linalg.vecdot(way, image).clamp(min=tiny)
        z = torch.addcmul(z, length[:, None], way)
        rest = torch.addcmul(rest, length[:, None], image, value=-1)
        now = torch.linalg.vecdot(rest, rest)
        way = torch.addcmul(rest, (now / size.clamp(min=tiny))[:, None], way)
        size = now
    return z


def pivot(system: System, start: Tensor) -> tuple[Tensor, Tensor]:
    """Block principal pivoting from the supports ``start`` (B, m): weights, and which are done.

    Everything that has the wrong sign changes sides at once; when that stops helping, one at a
    time.
    """
    batch, size = start.shape
    found = torch.zeros_like(system.right)
    done = torch.zeros_like(start[:, 0])
    live = torch.arange(batch, device=start.device)
    inside = start & system.valid
    best = torch.full_like(live, size + 1)
    patience = torch.full_like(live, PATIENCE)
    for _ in range(MOST_PIVOTS):
        z, sound = on_support(system, inside)
        wrong = torch.where(inside, z < 0, system.slope(z) < -1e-13) & system.valid
        count = wrong.sum(1)
        ready = sound & (count == 0)
        found[live[ready]] = z[ready]
        done[live[ready]] = True
        keep = sound & ~ready
        if not bool(keep.any()):
            break
        better = count < best
        best = torch.where(better, count, best)
        patience = torch.where(better, PATIENCE, patience - 1)
        last = size - 1 - wrong.flip(1).to(torch.uint8).argmax(1)
        alone = torch.zeros_like(wrong).scatter_(1, last[:, None], True)
        inside ^= torch.where((patience < 0)[:, None], alone & wrong, wrong)
        if not bool(keep.all()):
            live, inside, system = live[keep], inside[keep], system.part(keep)
            best, patience = best[keep], patience[keep]
    return found, done


def on_support(system: System, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Solve on each support, zero elsewhere; False where the factorisation failed."""
    size = inside.shape[1]
    most = max(int(inside.sum(1).max()), 1)
    place = torch.argsort(inside.to(torch.uint8), dim=1, descending=True, stable=True)[:, :most]
    held = inside.gather(1, place)
    part = system.matrix.gather(1, place[:, :, None].expand(-1, -1, size))
    part = part.gather(2, place[:, None, :].expand(-1, most, -1))
    mask = held.to(part.dtype)
    part.mul_(mask[:, :, None]).mul_(mask[:, None, :])
    part.diagonal(dim1=-2, dim2=-1).add_(1 - mask)
    factor, info = torch.linalg.cholesky_ex(part)
    right = system.right.gather(1, place) * mask
    found = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0] * mask
    sound = (info == 0) & torch.isfinite(found).all(1)
    return torch.zeros_like(system.right).scatter_(1, place, found), sound


def grow(system: System, limit: int) -> Tensor:
    """One row joins per step, others leave when their weight would turn negative (Lawson-Hanson).

    Slower than pivoting, but steady where many rows depend on each other.
    """
    found = torch.zeros_like(system.right)
    live = torch.arange(len(found), device=found.device)
    z, inside = torch.zeros_like(found), torch.zeros_like(system.valid)
    barred = ~system.valid
    settled = torch.ones_like(inside[:, 0])
    added = torch.zeros_like(live)
    for _ in range(limit):
        slope = torch.where(inside | barred, torch.inf, system.slope(z))
        least, index = slope.min(1)
        found[live] = z
        keep = ~settled | (least < -1e-13)
        if not bool(keep.all()):
            if not bool(keep.any()):
                break
            live, z, inside, settled = live[keep], z[keep], inside[keep], settled[keep]
            barred, added, index, system = barred[keep], added[keep], index[keep], system.part(keep)
        added = torch.where(settled, index, added)
        newest = torch.zeros_like(inside).scatter_(1, added[:, None], True)
        inside |= newest & settled[:, None]
        solved, sound = on_support(system, inside)
        bad = inside & (solved <= 0)
        clean = sound & ~bad.any(1)
        # A row that would leave at once adds nothing but rounding: bar it until another joins.
        futile = (settled & ((bad & newest).any(1) | ~sound))[:, None]
        step = torch.where(bad, z / (z - solved), torch.inf).amin(1).clamp(max=1.0)
        moved = torch.addcmul(z, step[:, None], solved - z)
        moved = torch.where(bad & (moved <= 1e-15), 0.0, moved)
        after = torch.where(clean[:, None], solved, moved)
        z = torch.where(inside, torch.where(futile, z, after), 0.0).clamp(min=0)
        inside &= clean[:, None] | futile | (z > 0)
        barred = torch.where(clean[:, None] & ~futile, ~system.valid, barred)
        inside &= ~(newest & futile)
        barred |= newest & futile
        lost = ~sound & ~settled
        barred |= lost[:, None]
        settled = clean | futile[:, 0] | lost
    return found
