"""The input of the head and the head itself, taken at the same instant in forwards of anybody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import torch
from torch import Tensor, nn

from nctool.capture import refusals
from nctool.capture.compiled import bare, compiled, module_at, sharded
from nctool.capture.impulse import Answers
from nctool.capture.operations import Operations
from nctool.capture.outputs import at, tensors
from nctool.capture.products import Product, detached
from nctool.capture.reading import read
from nctool.capture.site import Site
from nctool.capture.weights import Weights


@dataclass(frozen=True, slots=True)
class Taken:
    """Of one forward."""

    features: Tensor
    """(B, d), or (B, T, d) where each position has logits of its own."""

    weight: Tensor
    """(C, d)"""

    bias: Tensor | None
    """(C,)"""

    layers: Mapping[str, Tensor] = field(default_factory=dict)
    """What the further modules returned, by their names."""

    @property
    def dtype(self) -> torch.dtype:
        return self.features.dtype


class HeadReached(Exception):
    """Ends a forward where the head would begin: everything that is wanted is known."""


ENTERED: WeakSet[Watch] = WeakSet()


@contextmanager
def not_watched() -> Iterator[None]:
    """Forwards within count for nobody: those that look for a head are of the same batch."""
    before = [(watch, watch.state) for watch in list(ENTERED)]
    try:
        yield
    finally:
        for watch, state in before:
            watch.state = state


class Watch:
    """While entered, the features and the head of every forward are there to be taken.

    ``layers`` are further modules whose outputs are taken, as ``reduce`` makes them smaller in the
    very moment: later operations may write over them. ``stop`` ends each forward by
    ``HeadReached`` before the head is computed, where that can be done.
    """

    def __init__(
        self,
        model: nn.Module,
        site: Site,
        layers: Sequence[str] = (),
        *,
        reduce: Callable[[Tensor], Tensor] = torch.clone,
        stop: bool = False,
    ) -> None:
        self.model, self.site, self.layers = bare(model), site, tuple(layers)
        self.calls = 0
        """How often the head was called since this was entered."""
        self._picks = site.rows == "one position per sample"
        # A sharded module that is left half-way would not give its parameters back.
        self._stop = stop and not self._picks and not sharded(self.model)
        self._reduce = reduce
        self._compiled = compiled(model)
        self._hooks = ExitStack()
        self._weights = Weights()
        self._answers = Answers()
        self.clear()

    def clear(self) -> None:
        """Forget what was not taken, as after a forward that failed."""
        self._since = 0
        self._seen: tuple[Tensor, Tensor, Tensor | None, Tensor | None] | None = None
        self._outputs: dict[str, Tensor] = {}
        self._logits: Tensor | None = None

    @property
    def state(self) -> tuple[Any, ...]:
        """What forwards change, to be set again."""
        return self.calls, self._since, self._seen, dict(self._outputs), self._logits

    @state.setter
    def state(self, state: tuple[Any, ...]) -> None:
        self.calls, self._since, self._seen, self._outputs, self._logits = state

    def __enter__(self) -> Self:
        self.calls = 0
        self.clear()
        with ExitStack() as stack:
            for name in self.layers:
                self._hook(stack, name, self._layer(name))
            if self._picks:
                self._hook(stack, "", self._returned)
            if self.site.via == "mode":
                module = self._module(self.site.within)
                stack.enter_context(Operations(module, self.site, self._product))
            elif self.site.via == "impulse":
                self._hook(stack, self.site.name, self._answer)
            elif self._stop:
                module = self._module(self.site.name)
                handle = module.register_forward_pre_hook(self._before, with_kwargs=True)
                stack.callback(handle.remove)
            else:
                # After the module: what other hooks made of its input is known then. Before other
                # hooks that come after it: sharded parameters are still whole.
                self._hook(stack, self.site.name, self._after, prepend=True)
            ENTERED.add(self)
            self._hooks = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ENTERED.discard(self)
        self._hooks.close()
        self.clear()

    def take(self) -> Taken:
        """What the last forward showed; an ``InputError`` unless it was exactly one."""
        since, seen, outputs, logits = self._since, self._seen, self._outputs, self._logits
        self.clear()
        if seen is None or since != self.site.calls or (self._picks and logits is None):
            raise refusals.not_called(self.site, since, self._compiled)
        missing = [name for name in self.layers if name not in outputs]
        if missing:
            raise refusals.layer_not_called(missing[0])
        rows, weight, bias, output = seen
        if logits is not None and output is not None:
            rows = _picked(rows, output, logits)
        return Taken(self._features(rows), weight, bias, outputs)

    def _features(self, rows: Tensor) -> Tensor:
        if self.site.pooled:
            return rows.reshape(len(rows), -1, rows.shape[-1]).mean(1)
        if self.site.rows == "positions" and rows.ndim > 3:
            return rows.reshape(len(rows), -1, rows.shape[-1])
        return rows if self.site.rows == "positions" else rows.reshape(-1, rows.shape[-1])

    def _module(self, name: str) -> nn.Module:
        module = module_at(self.model, name)
        if module is None:
            raise refusals.wrong_name(name, (path for path, _ in self.model.named_modules()))
        return module

    def _hook(
        self, stack: ExitStack, name: str, hook: Callable[..., None], prepend: bool = False
    ) -> None:
        module = self._module(name)
        handle = module.register_forward_hook(hook, with_kwargs=True, prepend=prepend)
        stack.callback(handle.remove)

    def _layer(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            first = next((each for _, each in tensors(output)), None)
            if first is not None:
                self._outputs[name] = self._reduce(first.detach())

        return hook

    def _returned(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        self._logits = at(output, self.site.output).detach()

    def _before(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self._keep(*read(module, _input(args, kwargs), self.site.transposed), None)

    def _after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        self._keep(*read(module, _input(args, kwargs), self.site.transposed), output)

    def _product(self, product: Product) -> None:
        self._keep(product.rows, product.weight, product.bias, product.output)

    def _answer(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if not self._answers.asking:
            input = _input(args, kwargs)
            self._keep(input, *self._answers.of(module, input.detach()), output)

    def _keep(
        self, rows: Tensor, weight: Tensor, bias: Tensor | None, output: Tensor | None
    ) -> None:
        place, classes = self._since, self.site.classes
        self._since += 1
        self.calls += 1
        if place != self.site.call:
            return
        # Copies: the next operation may write over the input, the next step over the head.
        weight = self._weights.copy(weight)[:classes]
        bias = None if bias is None else detached(bias)[:classes].clone()
        self._seen = rows.detach().clone(), weight, bias, output if self._picks else None
        if self._stop:
            raise HeadReached


def _input(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """Of a module that is called with one tensor, by whichever name."""
    return next(each for each in (*args, *kwargs.values()) if isinstance(each, Tensor))


def _picked(rows: Tensor, output: Tensor, logits: Tensor) -> Tensor:
    """(B, d) The rows (B, T, d) at the positions whose outputs (B, T, C) the logits are."""
    known = logits.reshape(len(rows), 1, -1)
    distances = (output[..., : known.shape[-1]].to(known.dtype) - known).abs().amax(-1)
    return rows[torch.arange(len(rows), device=rows.device), distances.argmin(1)]
