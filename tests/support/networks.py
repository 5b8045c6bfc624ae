"""Small networks and data as people train them, for what runs a model over a loader."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

CLASSES = 5


class Images(Dataset[Any]):
    """Noise around a pattern for each class, perhaps augmented by one source of randomness."""

    classes = ("ant", "bee", "cat", "dog", "elk")

    def __init__(self, samples: int = 103, augmentation: str = "") -> None:
        own = torch.Generator().manual_seed(5)
        self.labels = torch.arange(samples) % CLASSES
        patterns = torch.randn(CLASSES, 3, 8, 8, generator=own)
        noise = torch.randn(samples, 3, 8, 8, generator=own)
        self.images = patterns[self.labels] + 0.7 * noise
        self.augmentation = augmentation
        self.own = np.random.default_rng(1)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index] * (1 + self._size()), int(self.labels[index])

    def _size(self) -> float:
        match self.augmentation:
            case "torch":
                return float(torch.rand(1))
            case "python":
                return random.random()
            case "numpy":
                return float(np.random.rand())
            case "own":
                return float(self.own.random())
        return 0.0


class Stream(IterableDataset[Any]):
    """The same images without a length, shared by nobody."""

    def __init__(self, samples: int = 40) -> None:
        self.images = Images(samples)

    def __iter__(self) -> Any:
        return (self.images[index] for index in range(len(self.images)))


class Net(nn.Module):
    """A convolutional network with everything that behaves otherwise in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.ReLU())
        self.dropout = nn.Dropout()
        self.fc = nn.Linear(16, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        return self.dropout(self.layer2(self.layer1(x)).mean((2, 3)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x))  # type: ignore[no-any-return]


def network(steps: int = 10) -> Net:
    """After a few steps of training, so that its numbers are those of a network that learns."""
    torch.manual_seed(0)
    model = Net()
    train(model, loader(shuffle=True), steps)
    return model


def loader(samples: int = 103, augmentation: str = "", **how: Any) -> DataLoader[Any]:
    return DataLoader(Images(samples, augmentation), **{"batch_size": 16, **how})


def train(model: nn.Module, batches: Any, steps: int = 10) -> list[float]:
    """The losses of some steps."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _, (x, y) in zip(range(steps), batches, strict=False):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def by_hand(model: Net, batches: Any) -> dict[str, Tensor]:
    """What careful people write: eval mode, no gradients, the head's input beside its labels."""
    model.eval()
    with torch.no_grad():
        parts = [(model.features(x), y) for x, y in batches]
    model.train()
    features, labels = (torch.cat(each) for each in zip(*parts, strict=True))
    weight, bias = model.fc.weight.detach().clone(), model.fc.bias.detach().clone()
    return {"features": features, "labels": labels, "weight": weight, "bias": bias}
