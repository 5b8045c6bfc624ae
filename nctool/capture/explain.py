"""How logits follow from what comes out of a product: the ways that are known, strictest first.

Each way is a function of the outputs (N, ..., C) and of the logits; what it returns describes it.
A way that fits a number to the samples proves nothing on few of them, or on outputs that are the
same for every sample: there it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.capture.products import place
from nctool.capture.site import Rows

FEWEST_ROWS = 3
"""Of which a fitted way is believed: two rows differ by a bias, whatever they are."""

MOST_FITTED = 1 << 23
"""Numbers that a way is fitted to: of the logits of a vocabulary some rows are enough."""

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 4e-2}
"""Relative to the largest logit: the rounding of a few operations in each type."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What happens between the product and the logits."""

    how: str
    classes: int
    rows: Rows
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """What came out of a product, and logits that it may explain."""

    output: Tensor
    """(N, ..., C)"""

    logits: Tensor
    """In the shape in which the model returned them."""

    def aligned(self, columns: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Outputs and logits (R, columns) of the same rows, in each way they may correspond."""
        output, logits = self.output[..., :columns], self.logits
        if logits.numel() != output.numel():
            return
        if logits.shape[-1:] == (columns,) or columns == 1 or logits.ndim < 3:
            yield output.reshape(-1, columns), logits.reshape(-1, columns)
        if logits.ndim > 2 and logits.shape[1] == columns:  # classes before positions
            yield output.reshape(-1, columns), logits.movedim(1, -1).reshape(-1, columns)

    @property
    def rows(self) -> Rows:
        several = self.logits.numel() > len(self.logits) * self.output.shape[-1]
        return "positions" if several and self.logits.ndim > 2 else "samples"

    @property
    def tolerance(self) -> float:
        types = (self.output.dtype, self.logits.dtype)
        return max(TOLERANCES.get(each, TOLERANCES[torch.float32]) for each in types)

    def close(self, computed: Tensor, logits: Tensor) -> bool:
        """Equal but for rounding."""
        return close(computed, logits, self.tolerance)


def close(computed: Tensor, expected: Tensor, tolerance: float) -> bool:
    size = expected.abs().max()
    return bool(size.isfinite()) and bool((computed - expected).abs().max() <= tolerance * size)


def same_tensor(pair: Pair) -> Tail | None:
    """The logits are the very memory that the product wrote."""
    shared = place(pair.output)[0] == place(pair.logits)[0]
    return equal(pair, "same tensor") if shared else None


def equal(pair: Pair, how: str = "equal") -> Tail | None:
    columns = pair.output.shape[-1]
    for output, logits in pair.aligned(columns):
        if torch.equal(output.to(logits.dtype), logits):
            return Tail(how, columns, pair.rows)
    return None


def first_columns(pair: Pair) -> Tail | None:
    """A head that was padded to more rows than there are classes."""
    columns = pair.output.shape[-1]
    classes = pair.logits.shape[-1] if pair.logits.ndim > 1 else 1
    if not 1 < classes < columns:
        return None
    for output, logits in pair.aligned(classes):
        if torch.equal(output.to(logits.dtype), logits):
            return Tail(f"first {classes} of {columns} columns", classes, pair.rows)
    return None


def _fitted(
    how: str, fit: Callable[[Tensor, Tensor], Tensor | None]
) -> Callable[[Pair], Tail | None]:
    """A way that computes the logits (R, C) from outputs (R, C), both float64."""

    def way(pair: Pair) -> Tail | None:
        columns = pair.output.shape[-1]
        for output, logits in pair.aligned(columns):
            step = max(1, output.numel() // MOST_FITTED)
            output, logits = output[::step], logits[::step]
            if not telling(output, pair.tolerance):
                continue
            computed = fit(output.double(), logits.double())
            if computed is not None and pair.close(computed, logits.double()):
                return Tail(how, columns, pair.rows)
        return None

    return way


def telling(output: Tensor, tolerance: float) -> bool:
    """Are there enough rows, and do they differ by more than rounding?"""
    varied = (output - output[:1]).abs().max() > 10 * tolerance * output.abs().max()
    return len(output) >= FEWEST_ROWS and bool(varied)


def _slope(output: Tensor, logits: Tensor) -> Tensor:
    return (output * logits).sum() / output.square().sum()


def _scaled(output: Tensor, logits: Tensor) -> Tensor | None:
    slope = _slope(output, logits)
    return slope * output if slope > 0 else None


def _capped(output: Tensor, logits: Tensor) -> Tensor | None:
    """cap * tanh(output / cap), the cap by bisection: it rises with the cap."""
    size, where = output.abs().flatten().max(0)
    goal = logits.abs().flatten()[where]
    if not 0 < goal < size:
        return None
    low, high = goal, 1e4 * size
    for _ in range(60):
        cap = (low + high) / 2
        low, high = (cap, high) if cap * torch.tanh(size / cap) < goal else (low, cap)
    # A cap of one is the activation of a layer of features, such as a pooler's.
    return high * torch.tanh(output / high) if abs(high - 1) > 1e-3 else None


def _log_softmax(output: Tensor, logits: Tensor) -> Tensor | None:
    return output.log_softmax(-1) if output.shape[-1] > 1 else None


def _softmax(output: Tensor, logits: Tensor) -> Tensor | None:
    return output.softmax(-1) if output.shape[-1] > 1 else None


def _scaled_softmax(output: Tensor, logits: Tensor) -> Tensor | None:
    """With a temperature, which differences between classes show."""
    if output.shape[-1] == 1 or logits.min() < 0:
        return None
    logarithms = logits.clamp_min(1e-30).log()
    scaled = _scaled_log_softmax(output, logarithms)
    return None if scaled is None else scaled.exp()


def _scaled_log_softmax(output: Tensor, logits: Tensor) -> Tensor | None:
    centred = output - output.mean(-1, keepdim=True)
    slope = _slope(centred, logits - logits.mean(-1, keepdim=True))
    return (slope * output).log_softmax(-1) if output.shape[-1] > 1 and slope > 0 else None


def _shifted(output: Tensor, logits: Tensor) -> Tensor | None:
    return output + (logits - output).mean(0)


def _affine(output: Tensor, logits: Tensor) -> Tensor | None:
    centred = output - output.mean(0)
    squares = centred.square().sum(0)
    slopes = (centred * (logits - logits.mean(0))).sum(0) / squares.clamp_min(1e-300)
    # Two numbers are fitted to each class: a third row is the first that can object.
    return logits.mean(0) + slopes * centred if bool((squares > 0).all()) else None


def _over_positions(pair: Pair, how: str, each: Callable[[Tensor], Tensor]) -> Tail | None:
    output, columns = pair.output, pair.output.shape[-1]
    positions = output.numel() // max(len(output) * columns, 1)
    if positions < 2 or pair.logits.numel() != len(output) * columns:
        return None
    means = each(output.double()).reshape(len(output), positions, columns).mean(1)
    if not telling(means, pair.tolerance):
        return None
    if not pair.close(means, pair.logits.double().reshape(means.shape)):
        return None
    rows: Rows = "samples" if how == "mean" else "positions"
    return Tail(f"{how} over {positions} positions", columns, rows, pooled=how == "mean")


def mean(pair: Pair) -> Tail | None:
    return _over_positions(pair, "mean", lambda output: output)


def relu_then_mean(pair: Pair) -> Tail | None:
    return _over_positions(pair, "relu then mean", torch.relu)


def one_position(pair: Pair) -> Tail | None:
    """Of every sample one of its positions, such as the last token that is not padding."""
    output, logits = pair.output, pair.logits
    columns = output.shape[-1]
    if output.ndim != 3 or output.shape[1] < 2 or logits.numel() != len(output) * columns:
        return None
    rows = output.to(logits.dtype)
    same = (rows == logits.reshape(len(output), 1, columns)).all(-1)
    if not bool(same.any(1).all()) or not telling(logits.reshape(-1, columns), 0.0):
        return None
    return Tail("one position per sample", columns, "one position per sample")


WAYS: tuple[Callable[[Pair], Tail | None], ...] = (
    same_tensor,
    equal,
    first_columns,
    _fitted("scaled", _scaled),
    _fitted("soft cap", _capped),
    _fitted("log_softmax", _log_softmax),
    _fitted("softmax", _softmax),
    _fitted("sigmoid", lambda output, logits: output.sigmoid()),
    _fitted("log_softmax, scaled", _scaled_log_softmax),
    _fitted("softmax, scaled", _scaled_softmax),
    _fitted("bias added", _shifted),
    _fitted("per-class affine", _affine),
    mean,
    relu_then_mean,
    one_position,
)
"""In this order: what is the very same tensor needs no look at what may be so by accident."""
