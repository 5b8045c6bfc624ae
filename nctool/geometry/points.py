"""K points, and how finely they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from nctool.geometry.nulls import Unequal


@dataclass(frozen=True, slots=True)
class Storage:
    """How finely an array is stored: what rounding alone would look like."""

    dtype: str
    eps: float
    mean_square: float  # mean squared length of a row
    dim: int

    @property
    def rounding(self) -> float:
        """Mean squared rounding error of a row: uniform within one unit in the last place."""
        smallest = 2.0**-24 if self.dtype == "float16" else 0.0
        return (self.eps**2 * self.mean_square + self.dim * smallest**2) / 12

    @property
    def relative_rounding(self) -> float:
        """The same as a share of the squared length."""
        return self.rounding / self.mean_square


def storage_of(dtype: torch.dtype, mean_square: float, dim: int) -> Storage:
    return Storage(str(dtype).removeprefix("torch."), torch.finfo(dtype).eps, mean_square, dim)


@dataclass(frozen=True, slots=True)
class Points:
    """Class means, centred; or classifier rows."""

    vectors: Tensor  # (K, D) float64
    storage: Storage
    classes: tuple[int, ...]  # the stored class index of each row
    kind: str  # "means" or "weights"
    sizes: Unequal | None = (
        None  # of the classes, where they are too far apart to be taken for equal
    )
    norms: Tensor = field(init=False)  # (K,)
    zero: tuple[int, ...] = field(init=False)  # rows of length zero

    def __post_init__(self) -> None:
        norms = torch.linalg.vector_norm(self.vectors, dim=1)
        object.__setattr__(self, "norms", norms)
        object.__setattr__(self, "zero", tuple(torch.nonzero(norms == 0).flatten().tolist()))

    @property
    def centred(self) -> bool:
        return self.kind == "means"

    @property
    def shape(self) -> tuple[int, int]:
        count, dim = self.vectors.shape
        return count, dim

    @property
    def title(self) -> str:
        return "class means" if self.centred else "classifier rows"
