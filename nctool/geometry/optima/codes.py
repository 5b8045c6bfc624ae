"""One set of unit vectors that exists, and every problem it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """``classes`` unit vectors in ``dim`` dimensions that somebody has built.

    ``proof`` names who proved that no smaller largest cosine is possible. One minus the largest
    cosine is a lower bound on every one-vs-rest distance (project on the vector itself);
    ``margin`` is more than that where a dual point certifies more.
    """

    classes: int
    dim: int
    cosine: float
    name: str
    proof: str = ""
    margin: float | None = None

    @property
    def size(self) -> str:
        return f"d={self.dim}, K={self.classes}"

    def copies(self, classes: int) -> int:
        """How many copies, each in directions of its own, hold that many vectors."""
        return -(-classes // self.classes)

    def serves(self, classes: int, dim: int) -> bool:
        """Do parts of it, or orthogonal copies, solve the problem?

        Vectors may be left out and dimensions left unused. Vectors of different copies are
        orthogonal, so copies keep the largest cosine unless it was negative.
        """
        return self.copies(classes) * self.dim <= dim

    def cosine_at(self, classes: int) -> float:
        return self.cosine if self.copies(classes) == 1 else max(self.cosine, 0.0)

    def margin_at(self, classes: int) -> float:
        free = 1 - self.cosine_at(classes)
        if self.margin is None or self.copies(classes) > 1:
            return free
        return max(free, self.margin)

    def fits(self, classes: int, dim: int) -> bool:
        return (self.classes, self.dim) == (classes, dim)

    def source(self, classes: int, dim: int) -> str:
        """Where it comes from, for a problem that it serves."""
        whole = f"{self.name} at {self.size}"
        copies = self.copies(classes)
        if copies > 1:
            return f"{copies} orthogonal copies of {whole}"
        uses = {"fewer classes": classes < self.classes, "more dimensions": dim > self.dim}
        valid = " and ".join(use for use, holds in uses.items() if holds)
        return f"{whole}; valid for {valid}" if valid else whole
