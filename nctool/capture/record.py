"""What a forward computes: every product of rows with a weight, and inside which modules."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module
from torch.overrides import TorchFunctionMode

from nctool.capture.products import Product, added, products

MOST_BYTES = 1 << 30
"""What is kept alive of a forward; what came first goes first.

A head is nearly always among the last operations. Without a bound, a look at one large batch
would take the memory of a training step.
"""

FEWEST = 8
"""Records that are kept, however large."""


@dataclass(slots=True, eq=False)
class Frame:
    """One call of a module."""

    name: str
    """Its path in the model."""

    module: nn.Module
    inputs: tuple[Any, ...] = ()
    """What it was called with, known when it has returned: arguments, then named ones."""

    output: Tensor | None = None
    """What it returned, kept where it may be one linear map of several products."""
    products: int = 0
    """How many products it and its parts computed."""
    place: int = 0
    """How many products there were when it returned."""

    @property
    def mapped(self) -> tuple[Tensor, Tensor] | None:
        """(..., d) and (..., C) What it made of what, if it got one tensor and returned another."""
        tensors = [each for each in self.inputs if isinstance(each, Tensor)]
        if not isinstance(self.output, Tensor) or len(tensors) != 1:
            return None
        rows = tensors[0].shape[:-1] == self.output.shape[:-1] and self.output.ndim in (2, 3)
        return (tensors[0], self.output) if rows and tensors[0].is_floating_point() else None

    @property
    def size(self) -> int:
        return 0 if self.output is None else self.output.nbytes


@dataclass(slots=True, eq=False)
class Record:
    """One product, and where it was computed."""

    product: Product
    frames: tuple[Frame, ...]
    """The modules that were running, the outermost first."""

    place: int
    """The how manieth of all products it is."""

    adder: tuple[Frame, ...] | None = None
    """The modules that were running when a bias was added to it by an operation of its own."""

    size: int = 0
    """Bytes that it keeps alive, and no record before it."""

    versions: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.versions = version(self.product.output), version(self.product.rows)

    def values(self) -> Tensor | None:
        """(..., C) What came out of it, also where it was written over later."""
        if self.intact:
            return self.product.output
        return self.product.computed() if self.computable else None

    @property
    def intact(self) -> bool:
        """Nothing was written over its output."""
        return version(self.product.output) == self.versions[0]

    @property
    def computable(self) -> bool:
        """Its operands are still what they were."""
        return version(self.product.rows) == self.versions[1] and alive(self.product.weight)

    @property
    def name(self) -> str:
        return self.frames[-1].name if self.frames else ""

    @property
    def within(self) -> str:
        """The module inside of which all of it was computed."""
        frames = self.frames if self.adder is None else self.adder
        return frames[-1].name if frames else ""


class Recording(TorchFunctionMode):
    """Records products while it is entered, and the modules they are computed in."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.names = names
        self.records: list[Record] = []
        self.frames: list[Frame] = []
        """Calls of modules that may be one linear map, in the order in which they returned."""
        self.log: list[tuple[frozenset[str], set[tuple[str, int, int]]]] = []
        """Of every product, also of those dropped: inside which modules, and its shapes."""
        self._running: list[Frame] = []
        self._bytes = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        known = products(func, args, kwargs or {}, output)
        if known:
            self._keep(known)
        elif self.records:
            self._keep_added(func, args, output)
        return output

    def _keep(self, known: list[Product]) -> None:
        frames = tuple(self._running)
        for frame in frames:
            frame.products += 1
        size = known[0].output.nbytes + known[0].rows.nbytes
        for product in known:
            self.records.append(Record(product, frames, len(self.log), size=size))
            self._bytes, size = self._bytes + size, 0
        self.log.append(
            (frozenset(frame.name for frame in frames), {product.shape for product in known})
        )
        self._trim()

    def _trim(self) -> None:
        while self._bytes > MOST_BYTES and len(self.records) > FEWEST:
            self._bytes -= self.records.pop(0).size
            while self.frames and self.frames[0].place <= self.records[0].place:
                self._bytes -= self.frames.pop(0).size

    def _keep_added(self, func: Any, args: Sequence[Any], output: Any) -> None:
        for last in self.records[-2:]:
            product = added(func, args, output, last.product, sure=False)
            if product is not None:
                running = tuple(self._running)
                self.records.append(Record(product, last.frames, last.place, running))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Entered, and with the stack of modules kept, for as long as this lasts."""
        before = module.register_module_forward_pre_hook(self._enter)
        after = module.register_module_forward_hook(self._leave, with_kwargs=True, always_call=True)
        try:
            with warnings.catch_warnings(), self:
                # Parts that are compiled by themselves call these hooks once more: as their names
                # are the same, nothing is counted twice.
                warnings.filterwarnings("ignore", "Using `torch.compile.* global hooks")
                yield
        finally:
            before.remove()
            after.remove()
            # A flag that torch leaves behind: compiled models would warn of it ever after.
            getattr(module, "_global_forward_hooks_with_kwargs", {}).pop(after.id, None)

    def _enter(self, called: nn.Module, args: object) -> None:
        # A module that is not registered in the model counts as a part of the one that calls it.
        outer = self._running[-1].name if self._running else ""
        self._running.append(Frame(self.names.get(id(called), outer), called))

    def _leave(self, called: nn.Module, args: Any, *rest: Any) -> None:
        # After an exception, which the model may catch, torch leaves out the named arguments.
        *named, output = rest
        frame = self._running.pop()
        if not frame.products:
            return
        frame.inputs = (*args, *(value for kwargs in named for value in kwargs.values()))
        if frame.products == 1:
            return
        frame.output, frame.place = output, len(self.log)
        if frame.mapped is None or id(called) not in self.names:
            frame.inputs, frame.output = (), None
            return
        self.frames.append(frame)
        self._bytes += frame.size
        self._trim()


def alive(weight: Tensor) -> bool:
    """False of a sharded parameter after its module: its memory is given back at once."""
    return bool(weight.untyped_storage().nbytes()) or not weight.numel()


def version(tensor: Tensor) -> int:
    """How often it was written to; tensors of inference mode do not count."""
    return 0 if tensor.is_inference() else tensor._version
