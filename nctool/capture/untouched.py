"""A model is looked at and left as it was: modes, buffers, and every source of random numbers.

Nothing here calls ``train()`` or ``eval()``: some models change more than the flag there, and
calling them back and forth would unfreeze layers that were frozen one by one.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

SAMPLED = 64
"""Elements of each parameter that its fingerprint looks at."""

SMALL = 1 << 20
"""Buffers of up to so many elements, such as running means, are looked at whole, and put back.
Larger ones are tables and quantised weights, which no forward changes."""


@contextmanager
def untouched(model: nn.Module, loader: object = None) -> Iterator[None]:
    """In eval mode inside; outside everything is as before, also after an exception."""
    modules = list(model.modules())
    training = [module.training for module in modules]
    buffers = [
        (module, name, buffer, None if buffer is None or buffer.numel() > SMALL else _copy(buffer))
        for module in modules
        for name, buffer in module._buffers.items()
    ]
    restore_randomness = randomness_of(loader)
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, flag in zip(modules, training, strict=True):
            module.training = flag
        for module, name, buffer, value in buffers:
            module._buffers[name] = buffer
            if buffer is not None and value is not None and not _same(buffer, value):
                with torch.inference_mode(buffer.is_inference()), torch.no_grad():
                    buffer.copy_(value)
        restore_randomness()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the caller has set for all that is computed, to be brought back where it was changed."""

    kind: str
    autocast: bool
    dtype: torch.dtype
    products: str
    """Precision of float32 products."""

    @classmethod
    def now(cls, device: torch.device) -> Surroundings:
        kind = device.type
        return cls(
            kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind),
            torch.get_float32_matmul_precision(),
        )  # fmt: skip

    @contextmanager
    def again(self) -> Iterator[None]:
        """A second pass runs within a measurement, which computes more precisely than models do."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(self.products)
        try:
            with torch.autocast(self.kind, self.dtype, enabled=self.autocast):
                yield
        finally:
            torch.set_float32_matmul_precision(before)


@contextmanager
def forward_modes(device: torch.device, *, fp32: bool) -> Iterator[None]:
    """How the model is run: no gradients, nothing compiled, and without autocast if so asked.

    Not in inference mode, not even where the caller is in it: tables that a model builds lazily
    could not be used by a later training. Compiled code would not call hooks that are registered
    after it was compiled, in silence; what was never compiled does without the import that knows.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        if fp32:
            stack.enter_context(torch.autocast(device.type, enabled=False))
        yield


def randomness_of(loader: object = None) -> Callable[[], None]:
    """Every state of random numbers as it is now; calling the result brings it back.

    Making an iterator of a loader takes from the generator of torch, or from its own, whether it
    shuffles or not; augmentation without workers takes from whichever its author liked.
    """
    python, cpu = random.getstate(), torch.get_rng_state()
    initialised = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_rng_state_all() if initialised else None
    numpy: Any = sys.modules.get("numpy")
    legacy = None if numpy is None else numpy.random.get_state()
    own = [(each, each.get_state()) for each in generators_of(loader)]

    def restore() -> None:
        random.setstate(python)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if numpy is not None:
            numpy.random.set_state(legacy)
        for generator, state in own:
            generator.set_state(state)

    return restore


def generators_of(loader: object) -> list[torch.Generator]:
    """Those of a loader and of its samplers, each once."""
    places = [loader]
    for name in ("sampler", "batch_sampler"):
        inner = getattr(loader, name, None)
        places += [inner, getattr(inner, "sampler", None)]
    generators = [
        getattr(place, name, None)
        for place in places
        for name in ("generator", "synchronized_generator")
    ]
    known = {id(each): each for each in generators if isinstance(each, torch.Generator)}
    return list(known.values())


def fingerprint(model: nn.Module, head: Sequence[Tensor] = ()) -> str:
    """Of what the model computes with: the head, small buffers, and a sample of everything else.

    Versions and addresses of tensors do not tell: fused optimizers and numpy write without a trace
    in them, and sharding moves what it does not change. One transfer for all of a device.
    """
    parts: dict[torch.device, list[Tensor]] = {}
    looks: list[tuple[Tensor, bool]] = [(tensor, False) for tensor in model.parameters()]
    looks += [(tensor, tensor.numel() <= SMALL) for tensor in model.buffers()]
    looks += [(tensor, True) for tensor in head]
    with torch.no_grad():
        for tensor, whole in looks:
            local = tensor.to_local() if hasattr(tensor, "to_local") else tensor
            if local.is_meta or not local.numel():
                continue
            flat = local.detach().reshape(-1)
            step = 1 if whole else max(1, len(flat) // SAMPLED)
            parts.setdefault(flat.device, []).append(_numbers(flat[::step]))
        digest = hashlib.sha256()
        for device in sorted(parts, key=str):
            digest.update(torch.cat(parts[device]).cpu().numpy().tobytes())
    return digest.hexdigest()


def _numbers(flat: Tensor) -> Tensor:
    """As float64, in which every smaller type is exact."""
    return (flat.real if flat.is_complex() else flat).double()


def _copy(buffer: Tensor) -> Tensor:
    return buffer.detach().clone()


def _same(buffer: Tensor, value: Tensor) -> bool:
    """Bit for bit, so that NaN is itself."""
    if buffer.dtype.is_floating_point:
        return torch.equal(buffer.nan_to_num(), value.nan_to_num())
    return torch.equal(buffer, value)
