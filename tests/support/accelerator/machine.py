"""The device itself: where operations arrive, run, and are counted."""

from __future__ import annotations

import ctypes
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from tests.support.accelerator import rules
from tests.support.accelerator.counts import Counts, line
from tests.support.accelerator.streams import Event, Order, Span, Stream

HOST, DEVICE = torch.device("cpu"), torch.device("cuda", 0)
MEMORY = 141 << 30
INDEXED = (torch.Tensor.__getitem__, torch.Tensor.__setitem__)
ROUNDED = 512
"""Bytes: torch's allocator gives no less."""


class DeviceTensor(torch.Tensor):
    """A tensor of the device; ``numbers`` holds its numbers."""

    numbers: Tensor
    machine: Machine
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, real: Tensor, machine: Machine) -> DeviceTensor:
        tensor: DeviceTensor = torch.Tensor._make_wrapper_subclass(
            cls, real.shape, strides=real.stride(), storage_offset=real.storage_offset(),
            dtype=real.dtype, layout=real.layout, device=DEVICE,
        )  # fmt: skip
        tensor.numbers, tensor.machine = real, machine
        return tensor

    @property
    def address(self) -> int:
        return self.numbers.untyped_storage().data_ptr()

    @property
    def span(self) -> Span:
        return Span.of(self.numbers)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        leaves = tree_flatten((args, kwargs))[0]
        machine = next(each.machine for each in leaves if isinstance(each, DeviceTensor))
        return machine.run(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, *_: object, **__: object) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy

    def __repr__(self, **_: object) -> str:  # type: ignore[override]
        return f"DeviceTensor({self.numbers!r})"


class Machine(TorchDispatchMode):
    """A host and its device; memory of the device is counted by storage."""

    def __init__(self, memory: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.memory, self.counts = memory, Counts()
        self.order = Order(lambda: self.counts.waits.update([line()]))
        self.tensors: Counter[int] = Counter()
        """How many there are on each storage."""
        self.pinned: dict[int, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        leaves, form = tree_flatten((args, kwargs))
        name = func._schema.name.removeprefix("aten::")
        there = [each for each in leaves if isinstance(each, DeviceTensor)]
        here = [each for each in leaves if isinstance(each, Tensor) and type(each) is Tensor]
        target = next((each for each in leaves if isinstance(each, torch.device)), None)
        on_device = bool(there) or (target is not None and target.type == "cuda")
        if not on_device:
            return self._on_host(name, func, args, kwargs, here)
        composite = "CompositeImplicitAutograd"
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), composite):
            with self:
                return func.decompose(*args, **kwargs)
        across = bool(here) or (target is not None and target.type == "cpu") or not there
        if name in ("_to_copy", "copy_") and across:
            return self._across(args, kwargs, None if name == "_to_copy" else args[0])
        rules.refuse_places(name, func, args, here)
        rules.refuse_disorder(name, func, args, kwargs)
        if name in rules.INDEXING or name == "where":
            self._hidden(here)
        for _ in range(rules.waits_within(name, args)):
            self._wait()
        reals = [each.numbers if isinstance(each, DeviceTensor) else
                 HOST if isinstance(each, torch.device) else each for each in leaves]  # fmt: skip
        args, kwargs = tree_unflatten(reals, form)
        kwargs.pop("pin_memory", None)
        result = func(*args, **kwargs)
        return self._given_back(name, func, there, reals, result)

    def _given_back(
        self, name: str, func: Any, there: list[DeviceTensor], reals: list[Any], result: Any
    ) -> Any:
        """The result as tensors of the device, and the operation on its stream."""
        marks = [each.alias_info for each in func._schema.returns]
        view = any(mark is not None and not mark.is_write for mark in marks)
        known = {id(each.numbers): each for each in there}
        # A view of an ordinary tensor is an ordinary tensor, in inference mode as well.
        plain = view and not any(each.is_inference() for each in there)
        before = {each.address for each in there}
        with torch.inference_mode(torch.is_inference_mode_enabled() and not plain):
            given = tree_map_only(
                Tensor,
                lambda each: known[id(each)] if id(each) in known else self.placed(each),
                result,
            )
        if not view and name not in rules.NO_KERNEL:
            results = [each for each in tree_flatten(given)[0] if isinstance(each, DeviceTensor)]
            written = [each for each in results if each.address not in before]
            written += [each for each in results if id(each.numbers) in known]
            self.order.run(name, [each.span for each in there], [each.span for each in written])
            self.counts.launches[line()] += 1
        return given

    def placed(self, real: Tensor) -> DeviceTensor:
        """A tensor of the CPU as one of the device, whose memory it takes."""
        tensor = DeviceTensor(real, self)
        storage = real.untyped_storage()
        address, size = storage.data_ptr(), -(-storage.nbytes() // ROUNDED) * ROUNDED
        if not self.tensors[address] and self.counts.held + size > self.memory:
            del self.tensors[address]
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes.")
        self.counts.held += 0 if self.tensors[address] else size
        self.counts.most_held = max(self.counts.most_held, self.counts.held)
        self.tensors[address] += 1
        weakref.finalize(tensor, self._dropped, address, size)
        return tensor

    def _dropped(self, address: int, size: int) -> None:
        self.tensors[address] -= 1
        if not self.tensors[address]:
            del self.tensors[address]
            self.counts.held -= size
            self.order.freed(address)

    def _wait(self) -> None:
        self.counts.waits[line()] += 1
        self.order.reach(self.order.current, self.order.current.now)

    def _on_host(self, name: str, func: Any, args: Any, kwargs: Any, here: list[Tensor]) -> Any:
        if name == "is_pinned":
            return args[0].untyped_storage().data_ptr() in self.pinned
        if name in ("pin_memory", "_pin_memory") or kwargs.get("pin_memory"):
            kwargs = {**kwargs, "pin_memory": False}
            made = args[0].clone() if name.endswith("pin_memory") else func(*args, **kwargs)
            self.pinned[made.untyped_storage().data_ptr()] = made
            return made
        if self.order.arriving:
            for each in here:
                self.order.looked_at(each.untyped_storage().data_ptr())
        return func(*args, **kwargs)

    def _across(self, args: Any, kwargs: Any, into: Tensor | None) -> Any:
        """From one side to the other. Pageable memory, and a change of type, make the host wait."""
        source = args[0] if into is None else args[1]
        outward = isinstance(source, DeviceTensor)
        unhurried = bool(kwargs.get("non_blocking", len(args) > 2 and args[2]))
        real = source.numbers if outward else source
        dtype = kwargs.get("dtype") or source.dtype if into is None else into.dtype
        if into is None:
            into = real.to(dtype, copy=True) if outward else self.placed(real.to(dtype, copy=True))
            if outward and unhurried:  # torch makes the copy in pinned memory
                self.pinned[into.untyped_storage().data_ptr()] = into
        else:
            (into.numbers if isinstance(into, DeviceTensor) else into).copy_(real)
        host, device = (into, source) if outward else (source, into)
        assert isinstance(device, DeviceTensor)
        self.order.run("a copy", [device.span] * outward, [device.span] * (not outward))
        flies = unhurried and dtype == source.dtype
        flies &= host.untyped_storage().data_ptr() in self.pinned
        (self.counts.flying if flies else self.counts.blocking)[line()] += 1
        self.counts.sent[line()] += 0 if outward else into.numel() * dtype.itemsize
        if flies:
            self.order.fly(host, outward=outward)
        else:
            self._wait()
        return into

    def _hidden(self, hosts: list[Tensor]) -> None:
        for each in hosts:
            if each.dim():
                self.counts.blocking[line()] += 1
                self.counts.sent[line()] += each.nbytes
                self._wait()


class Calls(TorchFunctionMode):
    """What torch settles before operations arrive: which device ``cuda`` is, lists of indices."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.cuda:
            func, args = torch.Tensor.to, (args[0], DEVICE)
        if func is torch.Tensor.to:
            args = tuple(DEVICE if _is_cuda(each) else each for each in args)
            kwargs = {key: DEVICE if _is_cuda(each) else each for key, each in kwargs.items()}
        elif func in (torch.tensor, torch.as_tensor) and _is_cuda(kwargs.get("device")):
            return func(*args, **{**kwargs, "device": HOST}).to(DEVICE)
        elif func in INDEXED and isinstance(args[0], DeviceTensor):
            args = (args[0], _sent(args[1]), *args[2:])
        return func(*args, **kwargs)


def _sent(index: Any) -> Any:
    if isinstance(index, list):
        return torch.tensor(index, dtype=None if index else torch.int64).to(DEVICE)
    return tuple(_sent(each) for each in index) if isinstance(index, tuple) else index


def _is_cuda(place: object) -> bool:
    return isinstance(place, str | torch.device) and str(place) in ("cuda", "cuda:0")


@contextmanager
def _guards() -> Iterator[None]:
    """torch asks who switches the devices of a kind; a build for CPUs has nobody for CUDA.

    For meta tensors it has one who does nothing, and serves as well.
    """
    library = next((Path(torch.__file__).parent / "lib").glob("libc10.*"))
    symbol = "_ZN3c104impl26device_guard_impl_registryE"
    registry = (ctypes.c_void_p * 16).in_dll(ctypes.CDLL(str(library)), symbol)
    cuda, meta = 1, 14  # of c10::DeviceType
    before, registry[cuda] = registry[cuda], registry[cuda] or registry[meta]
    try:
        yield
    finally:
        registry[cuda] = before


@contextmanager
def simulated(*, memory: int = MEMORY, gpus: int = 1) -> Iterator[Counts]:
    """A device ``cuda:0`` of so much memory. With more ``gpus`` the others are seen, not used."""
    machine = Machine(memory)
    counts, order = machine.counts, machine.order
    about = SimpleNamespace(name="Simulated", total_memory=memory, major=9, minor=0)
    stands_for: dict[str, Any] = {
        "is_available": lambda: True, "is_initialized": lambda: True, "_lazy_init": lambda: None,
        "device_count": lambda: gpus, "current_device": lambda: 0, "set_device": lambda _: None,
        "get_device_name": lambda _=None: about.name, "get_device_properties": lambda _=0: about,
        "mem_get_info": lambda _=None: (memory - counts.held, memory),
        "memory_allocated": lambda _=None: counts.held, "empty_cache": lambda: None,
        "max_memory_allocated": lambda _=None: counts.most_held,
        "synchronize": lambda _=None: order.current.synchronize(),
        "stream": order.on, "current_stream": lambda _=None: order.current,
        "default_stream": lambda _=None: order.default,
        "Stream": partial(Stream, order), "Event": partial(Event, order),
    }  # fmt: skip
    with ExitStack() as stack:
        for name, value in stands_for.items():
            stack.enter_context(patch.object(torch.cuda, name, value))
        for mode in (_guards(), Calls(), machine):
            stack.enter_context(mode)
        yield counts
        assert not order.races, order.races
