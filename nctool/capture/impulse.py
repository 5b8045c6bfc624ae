"""A module that is one linear map, made of several operations: its weight from its answers.

An adapter such as LoRA adds products of small matrices to a frozen one. What it does to features
is still ``h @ W.T + b``, but no tensor holds this W: ``f(0)`` is b, and ``f(I) - f(0)`` is W.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nctool.capture.explain import TOLERANCES, close, telling
from nctool.capture.products import place
from nctool.capture.record import version

WIDEST = 1 << 14
"""The input of which a square matrix of impulses is still made: wider ones are images, not rows."""


def answered(module: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
    """(C, d) and (C,) What it answers to impulses, for an input of this kind (..., d)."""
    dim, device = like.shape[-1], like.device
    inner = (1,) * max(like.ndim - 2, 0)
    # In the precision of the parameters: halves of autocast would be all that is known of them.
    dtype = next(
        (each.dtype for each in module.parameters() if each.is_floating_point()), like.dtype
    )
    impulses = torch.zeros(dim + 1, dim, dtype=dtype, device=device)
    impulses[:-1].fill_diagonal_(1)
    off = torch.autocast(device.type, enabled=False)
    with torch.no_grad(), off, _evaluating(module):
        answers = module(impulses.reshape(dim + 1, *inner, dim)).reshape(dim + 1, -1)
    bias = answers[-1]
    return (answers[:-1] - bias).T.contiguous(), bias


def affine(module: nn.Module, rows: Tensor, output: Tensor) -> tuple[Tensor, Tensor] | None:
    """Its weight and bias, unless its output (..., C) for these rows (..., d) is none of theirs."""
    tolerance = TOLERANCES.get(output.dtype, TOLERANCES[torch.float32])
    # What gives the same for every sample is no map of them.
    if rows.shape[-1] > WIDEST or not telling(output.reshape(-1, output.shape[-1]), tolerance):
        return None
    try:
        weight, bias = answered(module, rows)
    except Exception:  # whatever a module of the user's raises on an input that it does not know
        return None
    if len(weight) != output.shape[-1]:
        return None
    computed = rows.to(weight.dtype) @ weight.T + bias
    return (weight, bias) if close(computed, output, tolerance) else None


class Answers:
    """The answers of a module, asked for again when one of its parameters has changed."""

    def __init__(self) -> None:
        self.asking = False
        """The module is called by this, and its hooks may keep still."""
        self._seen: tuple[tuple[int, int, int], ...] = ()
        self._known: tuple[Tensor, Tensor] | None = None

    def of(self, module: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
        if torch.compiler.is_compiling():
            return self._asked(module, like)
        seen = tuple((*place(each), version(each)) for each in module.parameters())
        # Fused optimizers leave versions as they are, but run where gradients do.
        if self._known is None or seen != self._seen or torch.is_grad_enabled():
            self._known, self._seen = self._asked(module, like), seen
        return self._known

    def _asked(self, module: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
        self.asking = True
        try:
            return answered(module, like)
        finally:
            self.asking = False


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Without dropout on the way into an adapter."""
    training = [(each, each.training) for each in module.modules()]
    try:
        for each, _ in training:
            each.training = False
        yield
    finally:
        for each, flag in training:
            each.training = flag
