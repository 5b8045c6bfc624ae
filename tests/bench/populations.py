"""The samples that are measured for speed: from small and usual to as many classes as words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ROWS = 8192


@dataclass(frozen=True, slots=True)
class Shape:
    samples: int
    dim: int
    classes: int
    noise: float = 4.0
    """Within-class standard deviation over the length of a class mean."""
    allowed: float | None = None
    """The promised ratio of the selected metrics to the floor."""


SHAPES = {
    "A": Shape(50_000, 512, 10, allowed=3.2),
    "B": Shape(50_000, 512, 100, allowed=2.5),
    "C": Shape(200_000, 512, 1000, allowed=1.45),
    "D": Shape(100_000, 768, 10_000, allowed=1.35),
    "B-collapsed": Shape(50_000, 512, 100, noise=1e-3),
    "C-collapsed": Shape(200_000, 512, 1000, noise=1e-3, allowed=1.0),
}


@dataclass(frozen=True, slots=True)
class Data:
    features: Tensor
    labels: Tensor
    weight: Tensor
    bias: Tensor
    means: Tensor


def draw(shape: Shape) -> Data:
    """A common offset, random unit means, isotropic noise, a head near the means."""
    random = torch.Generator().manual_seed(0)
    offset = torch.randn(shape.dim, generator=random)
    offset *= 3 / offset.norm()
    means = torch.randn(shape.classes, shape.dim, generator=random)
    means /= means.norm(dim=1, keepdim=True)
    labels = torch.randint(0, shape.classes, (shape.samples,), generator=random)
    features = torch.empty(shape.samples, shape.dim)
    for start in range(0, shape.samples, ROWS):
        y = labels[start : start + ROWS]
        noise = torch.randn(len(y), shape.dim, generator=random) * (shape.noise / shape.dim**0.5)
        features[start : start + ROWS] = offset + means[y] + noise
    rough = torch.randn(means.shape, generator=random) / shape.dim**0.5
    weight = 2 * (means + 0.1 * rough)
    bias = -weight @ offset + 0.05 * torch.randn(shape.classes, generator=random)
    return Data(features, labels, weight, bias, means + offset)


def save(path: Path, data: Data) -> None:
    """One checkpoint, in the format of its name."""
    arrays = {
        "features": data.features, "labels": data.labels,
        "head.weight": data.weight, "head.bias": data.bias,
    }  # fmt: skip
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(arrays, path)
    elif path.suffix == ".pt":
        torch.save(arrays, path)
    else:
        np.savez(path, allow_pickle=False, **{name: each.numpy() for name, each in arrays.items()})
