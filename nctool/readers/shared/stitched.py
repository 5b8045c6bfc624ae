"""One array whose elements lie in several regions, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from nctool.arrays import LazyArray
from nctool.readers.shared.region import Region

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.arrays import Rows


def stitched(key: str, shape: tuple[int, ...], regions: Sequence[Region], format: str) -> LazyArray:
    """Flat regions of one type as an array of this shape; rows within one of them are mapped."""
    first = regions[0]
    parts = [region.lazy(key, format) for region in regions]
    row = prod(shape[1:])

    def read(start: int, stop: int) -> Rows:
        import torch

        low, high, _ = slice(start, stop).indices(shape[0])
        rows, begin = max(0, high - low), low * row
        end, position = begin + rows * row, 0
        found: list[Tensor] = []
        for part in parts:
            size = part.shape[0]
            inside = max(begin - position, 0), min(end - position, size)
            if inside[0] < inside[1]:
                found.append(_tensor(part.read(*inside)))
            position += size
        flat = found[0] if len(found) == 1 else torch.cat(found or [_tensor(parts[0].read(0, 0))])
        return flat.reshape((rows, *shape[1:]))

    return LazyArray(key, shape, first.dtype, str(first.path), format, read)


def _tensor(rows: Rows) -> Tensor:
    import torch

    return rows if isinstance(rows, torch.Tensor) else torch.from_numpy(rows)
