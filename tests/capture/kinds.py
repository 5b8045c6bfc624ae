"""Kinds of model as people write them: where the head of each is, and how its logits follow."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS, WIDTH, DIM, CLASSES = 8, 6, 5, 3


class Net(nn.Module):
    """A body of two layers, and whatever comes after it."""

    def __init__(self, after: Callable[[Any, Tensor], Any], **parts: nn.Module | nn.Parameter):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(WIDTH, DIM), nn.Tanh())
        for name, part in parts.items():
            setattr(self, name, part)
        self.after = after

    def forward(self, x: Tensor) -> Any:
        return self.after(self, self.body(x))


def linear(classes: int = CLASSES, dim: int = DIM) -> nn.Linear:
    return nn.Linear(dim, classes)


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


def same(model: Any, before: Tensor) -> Tensor:
    return before


@dataclass(frozen=True)
class Kind:
    """One kind of model, and the truth about its head."""

    make: Callable[[], nn.Module]
    name: str = "fc"
    how: str = "same tensor"
    via: str = "hook"
    rows: str = "samples"
    weight: Callable[[Any], Tensor] | None = lambda model: model.fc.weight
    """(C, d) The head's, where it can be written down."""
    finish: Callable[[Any, Tensor], Tensor] = same
    """The logits of ``features @ weight.T + bias``."""
    inputs: Callable[[], Mapping[str, Tensor]] = lambda: {"": torch.randn(ROWS, WIDTH)}
    call: int = 0
    calls: int = 1
    output: str = ""
    rounding: float = 1e-5
    said: dict[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        given = dict(self.inputs())
        first = (given.pop(""),) if "" in given else ()
        return first, given


class Lora(nn.Module):
    """A frozen layer and the product of two small matrices, as adapters are."""

    def __init__(self, second: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.base = linear()
        self.down, self.up = nn.Linear(DIM, 2, bias=False), nn.Linear(2, CLASSES, bias=False)
        second(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.base(x) + 2 * self.up(self.down(x))
        return result

    @property
    def weight(self) -> Tensor:
        weight: Tensor = self.base.weight + 2 * self.up.weight @ self.down.weight
        return weight


class Parts(nn.Module):
    """Old classes and new ones, each with a layer of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = linear(2), linear(3)

    def forward(self, h: Tensor) -> Tensor:
        return torch.cat([self.a(h), self.b(h)], 1)


def caught(module: nn.Module, h: Tensor) -> bool:
    """Whether this module cannot take this."""
    try:
        module(h)
    except RuntimeError:
        return True
    return False


def images(size: int = 5) -> Callable[[], Mapping[str, Tensor]]:
    return lambda: {"": torch.randn(ROWS, 3, size, size)}


def sentences() -> Mapping[str, Tensor]:
    return {"": torch.randn(ROWS, 4, WIDTH)}


def convolutions(*tail: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Conv2d(3, DIM, 3), *tail)


def zeroed(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def quantised() -> nn.Module:
    model = nn.Sequential(nn.Linear(WIDTH, DIM), nn.ReLU(), linear())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(model, {nn.Linear})  # type: ignore[no-any-return, no-untyped-call]


def exported() -> nn.Module:
    model = nn.Sequential(nn.Linear(WIDTH, DIM), nn.ReLU(), linear())
    return torch.export.export(model, (torch.randn(ROWS, WIDTH),)).module()


def normed(new: bool) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old one is deprecated
        norm: Any = nn.utils.parametrizations.weight_norm if new else nn.utils.weight_norm
        return Net(lambda m, h: m.fc(h), fc=norm(linear()))


def batch_normed() -> nn.Module:
    norm = nn.BatchNorm1d(CLASSES)
    assert norm.running_var is not None and norm.running_mean is not None
    nn.init.uniform_(norm.running_var, 0.5, 2)
    nn.init.normal_(norm.running_mean)
    return Net(lambda m, h: m.bn(m.fc(h)), fc=linear(), bn=norm)


def weight_of(place: str) -> Callable[[Any], Tensor]:
    return lambda model: model.get_submodule(place).weight.flatten(1)


PLAIN: dict[str, Kind] = {
    "cnn": Kind(
        convolutions(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear()), "4",
        inputs=images(), weight=weight_of("4"),
    ),
    "mlp head": Kind(
        lambda: Net(lambda m, h: m.fc(h), fc=nn.Sequential(linear(4), nn.ReLU(), linear(3, 4))),
        "fc.2", weight=weight_of("fc.2"),
    ),
    "K to K before the head": Kind(
        lambda: Net(lambda m, h: m.fc(m.early(h)), early=linear(), fc=linear(3, 3))
    ),
    "dict": Kind(
        lambda: Net(lambda m, h: {"loss": h.mean(), "y": m.fc(h)}, fc=linear()), output="y"
    ),
    "dict with logits": Kind(
        lambda: Net(lambda m, h: {"logits": m.fc(h), "y": m.aux(h)}, fc=linear(), aux=linear()),
        output="logits",
    ),
    "tuple": Kind(lambda: Net(lambda m, h: (m.fc(h), h), fc=linear()), output="0"),
    "tuple with linear features": Kind(
        lambda: Net(lambda m, h: (z := m.early(h), m.fc(z)), early=linear(4), fc=linear(3, 4)),
        output="1",
    ),
    "second head run later": Kind(
        lambda: Net(lambda m, h: (m.fc(h), m.aux(h))[0], fc=linear(), aux=linear())
    ),
    "run twice, the last used": Kind(
        lambda: Net(lambda m, h: (m.fc(2 * h), m.fc(h))[1], fc=linear()), call=1, calls=2
    ),
    "run twice, the first used": Kind(
        lambda: Net(lambda m, h: (m.fc(h), m.fc(2 * h))[0], fc=linear()), calls=2
    ),
    "in place": Kind(
        lambda: Net(lambda m, h: m.fc(h).mul_(0.5), fc=linear()), how="scaled",
        finish=lambda m, z: z / 2,
    ),
    "input written over later": Kind(
        lambda: Net(lambda m, h: (m.fc(h), h.zero_())[0], fc=linear())
    ),
    "clone": Kind(lambda: Net(lambda m, h: m.fc(h).clone(), fc=linear()), how="equal"),
    "binary (N,)": Kind(lambda: Net(lambda m, h: m.fc(h).squeeze(-1), fc=linear(1))),
    "data parallel": Kind(lambda: nn.DataParallel(Net(lambda m, h: m.fc(h), fc=linear())),
                          weight=lambda model: model.module.fc.weight),
    "zero at first": Kind(
        lambda: Net(
            lambda m, h: (m.aux(h), m.fc(h), m.other(h))[1],
            aux=zeroed(linear()), fc=zeroed(linear()), other=zeroed(linear()),
        )
    ),
    "named argument": Kind(lambda: Net(lambda m, h: m.fc(input=h), fc=linear())),
    "forward called by name": Kind(
        lambda: Net(lambda m, h: m.fc.forward(h), fc=linear()), "", via="mode"
    ),
    "log_softmax": Kind(
        lambda: Net(lambda m, h: m.fc(h).log_softmax(1), fc=linear()), how="log_softmax",
        finish=lambda m, z: z.log_softmax(1),
    ),
    "softmax": Kind(
        lambda: Net(lambda m, h: m.fc(h).softmax(1), fc=linear()), how="softmax",
        finish=lambda m, z: z.softmax(1),
    ),
    "sigmoid": Kind(
        lambda: Net(lambda m, h: m.fc(h).sigmoid(), fc=linear(1)), how="sigmoid",
        finish=lambda m, z: z.sigmoid(),
    ),
    "temperature": Kind(
        lambda: Net(lambda m, h: m.fc(h) / 3, fc=linear()), how="scaled", finish=lambda m, z: z / 3
    ),
    "temperature, log_softmax": Kind(
        lambda: Net(lambda m, h: (m.fc(h) / 3).log_softmax(1), fc=linear()),
        how="log_softmax, scaled", finish=lambda m, z: (z / 3).log_softmax(1),
    ),
    "soft cap": Kind(
        lambda: Net(lambda m, h: torch.tanh(m.fc(h) / 2) * 2, fc=linear()), how="soft cap",
        finish=lambda m, z: torch.tanh(z / 2) * 2,
    ),
    "batch norm after": Kind(
        batch_normed, how="per-class affine", finish=lambda m, z: m.bn(z), rounding=1e-4
    ),
    "shifted after": Kind(
        lambda: Net(lambda m, h: torch.sub(m.fc(h), m.prior), fc=linear(), prior=parameter(3)),
        how="bias added", finish=lambda m, z: z - m.prior,
    ),
    "1x1 convolution, flatten": Kind(
        convolutions(nn.AdaptiveAvgPool2d(1), nn.Conv2d(DIM, 3, 1), nn.Flatten()), "2",
        inputs=images(), weight=weight_of("2"),
    ),
    "convolution as wide as its input": Kind(
        convolutions(nn.ReLU(), nn.Conv2d(DIM, 3, 3), nn.Flatten()), "2", inputs=images(),
        weight=weight_of("2"),
    ),
    "1x1 convolution, mean": Kind(
        convolutions(nn.Conv2d(DIM, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "1",
        "mean over 9 positions", inputs=images(), weight=weight_of("1"),
    ),
    "1x1 convolution, relu, mean": Kind(
        convolutions(
            nn.Conv2d(DIM, 3, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ),
        "1", "relu then mean over 9 positions", rows="positions", inputs=images(),
        weight=weight_of("1"), finish=lambda m, z: z.relu().mean(1),
    ),
    "segmentation": Kind(
        convolutions(nn.ReLU(), nn.Conv2d(DIM, 3, 1)), "2", rows="positions", inputs=images(),
        weight=weight_of("2"), finish=lambda m, z: z.transpose(1, 2),
    ),
    "language model": Kind(
        lambda: Net(lambda m, h: m.fc(h), fc=linear()), rows="positions", inputs=sentences
    ),
    "one position per sample": Kind(
        lambda: Net(lambda m, h: m.fc(h)[torch.arange(ROWS), torch.arange(ROWS) % 4], fc=linear()),
        how="one position per sample", rows="one position per sample", inputs=sentences,
    ),
    "padded to 8": Kind(
        lambda: Net(lambda m, h: m.fc(h)[:, :7], fc=linear(8)), how="first 7 of 8 columns",
        weight=lambda model: model.fc.weight[:7],
    ),
    "weight_norm, old": Kind(lambda: normed(False)),
    "weight_norm, new": Kind(lambda: normed(True), via="mode"),
    "spectral_norm, old": Kind(
        lambda: Net(lambda m, h: m.fc(h), fc=nn.utils.spectral_norm(linear())), via="mode"
    ),
    "spectral_norm, new": Kind(
        lambda: Net(lambda m, h: m.fc(h), fc=nn.utils.parametrizations.spectral_norm(linear())),
        via="mode",
    ),
    "cosine": Kind(
        lambda: Net(lambda m, h: 9 * F.linear(F.normalize(h), F.normalize(m.w)), w=parameter(3, 5)),
        "", "scaled", "mode", weight=lambda m: F.normalize(m.w), finish=lambda m, z: 9 * z,
    ),
    "F.linear on a parameter": Kind(
        lambda: Net(lambda m, h: F.linear(h, m.w), w=parameter(3, 5)), "", via="mode",
        weight=lambda m: m.w,
    ),
    "h @ W.T": Kind(
        lambda: Net(lambda m, h: h @ m.w.T, w=parameter(3, 5)), "", via="mode", weight=lambda m: m.w
    ),
    "h @ W.T + b": Kind(
        lambda: Net(lambda m, h: h @ m.w.T + m.b, w=parameter(3, 5), b=parameter(3)), "",
        via="mode", weight=lambda m: m.w,
    ),
    "(W @ h.T + b).T": Kind(
        lambda: Net(lambda m, h: (m.w @ h.T + m.b).T, w=parameter(3, 5), b=parameter(3, 1)), "",
        via="mode", weight=lambda m: m.w,
    ),
    "h @ w + b": Kind(
        lambda: Net(lambda m, h: h @ m.w + m.b, w=parameter(5), b=parameter(1)), "", via="mode",
        weight=lambda m: m.w[None],
    ),
    "addmm": Kind(
        lambda: Net(lambda m, h: torch.addmm(m.b, h, m.w), w=parameter(5, 3), b=parameter(3)), "",
        via="mode", weight=lambda m: m.w.T,
    ),
    "einsum": Kind(
        lambda: Net(lambda m, h: torch.einsum("kd,...d->...k", m.w, h), w=parameter(3, 5)), "",
        via="mode", weight=lambda m: m.w,
    ),
    "tensordot": Kind(
        lambda: Net(lambda m, h: torch.tensordot(h, m.w, ([1], [1])), w=parameter(3, 5)), "",
        via="mode", weight=lambda m: m.w,
    ),
    "transposed for the loss": Kind(
        lambda: Net(lambda m, h: m.fc(h).transpose(1, 2), fc=linear()), rows="positions",
        inputs=sentences, finish=lambda m, z: z.transpose(1, 2),
    ),
    "mean of several dropouts": Kind(
        lambda: Net(lambda m, h: (m.fc(m.drop(h)) + m.fc(m.drop(h))) / 2, fc=linear(),
                    drop=nn.Dropout()),
        how="equal", call=1, calls=2,
    ),
    "prior added": Kind(
        lambda: Net(lambda m, h: m.fc(h) + m.prior, fc=linear(), prior=parameter(3)), via="mode"
    ),
    "exception caught inside": Kind(
        lambda: Net(lambda m, h: h @ m.w.T if caught(m.other, h) else h, w=parameter(3, 5),
                    other=linear(3, 7)),
        "", via="mode", weight=lambda m: m.w,
    ),
    "parts side by side": Kind(
        lambda: Net(lambda m, h: m.fc(h), fc=Parts()), via="impulse",
        weight=lambda m: torch.cat([m.fc.a.weight, m.fc.b.weight]),
    ),
    "LoRA": Kind(
        lambda: Net(lambda m, h: m.fc(h), fc=Lora(nn.init.normal_)), via="impulse"
    ),
    "LoRA, not yet trained": Kind(
        lambda: Net(lambda m, h: m.fc(h), fc=Lora(nn.init.zeros_)), how="equal", via="impulse"
    ),
    "LoRA, log_softmax": Kind(
        lambda: Net(lambda m, h: m.fc(h).log_softmax(1), fc=Lora(nn.init.normal_)),
        how="log_softmax", via="impulse", finish=lambda m, z: z.log_softmax(1),
    ),
    "quantised": Kind(quantised, "2", weight=lambda m: m[2].weight().dequantize(), rounding=2e-2),
    "exported": Kind(exported, "", via="mode", weight=None),
}  # fmt: skip

REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "scripted": (
        lambda: torch.jit.script(nn.Sequential(nn.Linear(WIDTH, DIM), linear())), "head-scripted"
    ),
    "traced": (
        lambda: torch.jit.trace(  # type: ignore[no-untyped-call]
            nn.Linear(WIDTH, DIM), torch.randn(2, WIDTH)
        ),
        "head-scripted",
    ),
    "scripted head": (
        lambda: Net(lambda m, h: m.fc(h), fc=torch.jit.script(linear())), "head-not-found"
    ),
    "distances": (
        lambda: Net(lambda m, h: -torch.cdist(h, m.w), w=parameter(3, 5)), "head-not-found"
    ),
    "mean of two views": (
        lambda: Net(lambda m, h: (m.fc(h) + m.fc(h * h)) / 2, fc=linear()), "head-not-found"
    ),
    "sum of two heads": (
        lambda: Net(lambda m, h: m.a(h) + m.b(h * h), a=linear(), b=linear()), "head-not-found"
    ),
    "two heads": (
        lambda: Net(lambda m, h: (m.a(h), m.b(h)), a=linear(), b=linear()), "head-ambiguous"
    ),
    "two products of columns": (
        lambda: Net(lambda m, h: ((m.v @ h.T).T, (m.w @ h.T).T), v=parameter(3, 5),
                    w=parameter(3, 5)),
        "head-ambiguous",
    ),
    "two views": (
        lambda: Net(lambda m, h: (m.fc(h), m.fc(h * h)), fc=linear()), "head-ambiguous"
    ),
    "diverged": (
        lambda: Net(lambda m, h: m.fc(h) * torch.nan, fc=linear()), "head-not-found"
    ),
    "the same for every sample": (
        lambda: Net(lambda m, h: m.prior.expand(len(m.fc(h)), 3) * 1, fc=zeroed(linear()),
                    prior=parameter(3)),
        "head-not-found",
    ),
    "expanded distances": (
        lambda: Net(
            lambda m, h: 2 * h @ m.w.T - m.w.square().sum(1) - h.square().sum(1, keepdim=True),
            w=parameter(3, 5),
        ),
        "head-not-found",
    ),
    "gated": (
        lambda: Net(lambda m, h: m.a(h) * m.b(h).sigmoid(), a=linear(), b=linear()),
        "head-not-found",
    ),
    "experts": (
        lambda: Net(
            lambda m, h: m.gate(h).sigmoid() * m.a(h) + m.b(h), a=linear(), b=linear(),
            gate=linear(1),
        ),
        "head-not-found",
    ),
    "mean of probabilities": (
        lambda: Net(
            lambda m, h: (m.a(h).softmax(1) + m.b(h).softmax(1)) / 2, a=linear(), b=linear()
        ),
        "head-not-found",
    ),
    "largest over positions": (
        lambda: Net(lambda m, h: m.fc(torch.stack([h, h * h], 1)).amax(1), fc=linear()),
        "head-not-found",
    ),
    "weights of every sample": (
        lambda: Net(
            lambda m, h: torch.bmm(m.make(h).view(-1, 3, 5), h[..., None])[..., 0], make=linear(15)
        ),
        "head-not-found",
    ),
    "zeros by value alone": (
        lambda: Net(
            lambda m, h: (m.a(h), m.b(h))[0].clone(), a=zeroed(linear()), b=zeroed(linear())
        ),
        "head-ambiguous",
    ),
    "no tensor": (lambda: Net(lambda m, h: "cat", fc=linear()), "head-not-found"),
    "no linear operation": (lambda: nn.Tanh(), "head-not-found"),
}  # fmt: skip
