"""A block of samples, and what its accumulators share: each part is computed once, by whoever asks
first, and is read by all. Nobody writes into a part: there is no last reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor

from nctool.engine.workspace import Workspace

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Part(Protocol[T_co]):
    """A function of a block, such as its residuals; known by identity."""

    def __call__(self, block: Block, /) -> T_co: ...


@dataclass(slots=True)
class Block:
    """Some samples, one after another."""

    x: Tensor  # (B, D) in the working precision
    y: Tensor  # (B,) class index
    first: int
    """Position of the first one among all samples that have a class."""
    space: Workspace
    fused: Mapping[Product, tuple[Fused, slice]] = field(default_factory=dict)
    parts: dict[Any, Any] = field(default_factory=dict)
    places: Tensor | None = None  # (B,) the position of each, where they are not neighbours

    @property
    def positions(self) -> Tensor:  # (B,)
        """Of all among the samples that have a class."""
        if self.places is not None:
            return self.places
        return torch.arange(self.first, self.first + len(self.y), device=self.y.device)

    def get(self, part: Part[T]) -> T:
        """The part, computed at the first call."""
        try:
            return cast(T, self.parts[part])
        except KeyError:
            self.parts[part] = value = part(self)
            return value

    def has(self, product: Product) -> bool:
        """Is this product there, or does it come with another one at no cost?"""
        return product in self.parts or product in self.fused


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A part times a matrix."""

    left: Part[Tensor]  # (B, D)
    right: Tensor  # (D, C)

    def __call__(self, block: Block) -> Tensor:  # (B, C)
        if self in block.fused:
            wide, columns = block.fused[self]
            return block.get(wide)[:, columns]
        return block.space.product(self, block.get(self.left), self.right)


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """Several products with one left side, side by side: one wide product is faster."""

    left: Part[Tensor]
    right: Tensor  # (D, C1 + C2 + ...)

    def __call__(self, block: Block) -> Tensor:
        return block.space.product(self, block.get(self.left), self.right)


def fuse(accumulators: Sequence[object]) -> dict[Product, tuple[Fused, slice]]:
    """The products that accumulators want of every block, and where each lies in a wide one."""
    by_left: dict[Part[Tensor], list[Product]] = {}
    for accumulator in accumulators:
        for product in getattr(accumulator, "reads", ()):
            products = by_left.setdefault(product.left, [])
            if product not in products:
                products.append(product)
    fused: dict[Product, tuple[Fused, slice]] = {}
    for left, products in by_left.items():
        if len(products) < 2:
            continue
        wide = Fused(left, torch.cat([product.right for product in products], 1))
        start = 0
        for product in products:
            stop = start + product.right.shape[1]
            fused[product] = wide, slice(start, stop)
            start = stop
    return fused
