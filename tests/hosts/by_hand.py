"""A small network, its samples, and the numbers of features that were taken by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import nctool
from nctool.report import Report

CLASSES, DIM, PIXELS = 5, 8, 12
SAMPLES = 83  # a ragged last batch, and uneven shares


def samples(seed: int = 0) -> tuple[Tensor, Tensor]:
    """(N, PIXELS) inputs and (N,) labels that can be learnt from them."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (SAMPLES,), generator=random)
    centres = torch.randn(CLASSES, PIXELS, generator=random)
    noise = torch.randn(SAMPLES, PIXELS, generator=random)
    return centres[labels] + noise, labels


class Network(nn.Module):
    """With what differs between training and evaluation before its head; no feature is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(PIXELS, DIM), nn.BatchNorm1d(DIM), nn.GELU(), nn.Dropout(0.5)
        )
        self.fc = nn.Linear(DIM, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x))  # type: ignore[no-any-return]


def report_of(
    features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor | None, **options: object
) -> Report:
    """What nctool says of these arrays."""
    measure: dict[str, object] = {"features": features, "labels": labels, "weight": weight}
    return nctool.analyze(**measure, bias=bias, **options)  # type: ignore[arg-type]


def by_hand(network: Network, x: Tensor, y: Tensor) -> Report:
    """Of a network as it is now: features in evaluation mode, and the head."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    with torch.no_grad():
        features = network.body(x)
    for module, mode in modes:
        module.training = mode
    return report_of(features, y, network.fc.weight.detach(), network.fc.bias.detach())


def agree(
    logged: Mapping[str, float], report: Report, prefix: str = "nc/", *, many: int = 1
) -> None:
    """Every logged number is the report's, to a millionth; at least so ``many`` were logged."""
    expected = report.flat(prefix, separator="/")
    assert len(logged) >= many and not logged.keys() - expected.keys()
    for name, value in logged.items():
        # Of numbers near nothing the digits are those of the numbers that they are differences of.
        assert math.isclose(value, expected[name], rel_tol=1e-6, abs_tol=1e-9), name
