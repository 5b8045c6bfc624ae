"""Whether a model is compiled or wrapped, and the model inside."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def bare(model: nn.Module) -> nn.Module:
    """Without what ``torch.compile`` and data parallelism put around it.

    The wrapper of data parallelism synchronises gradients and buffers, and waits for the others.
    Sharded models (FSDP) keep theirs: it gathers the parameters that a forward needs.
    """
    while True:
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def compiled(model: nn.Module) -> str:
    """Which part of it is compiled, in words; "" if none is, or none that can be seen.

    What a function compiled inside of ``forward`` does is not seen: calls are counted as well.
    """
    for name, module in model.named_modules():
        place = f"its part {name}" if name else "the model"
        if "_orig_mod" in module._modules:
            return f"{place} (torch.compile)"
        if getattr(module, "_compiled_call_impl", None) is not None:
            return f"{place} (its method compile)"
        if hasattr(module.forward, "_torchdynamo_orig_callable"):
            return f"{place} (its forward)"
    return ""


def sharded(model: nn.Module) -> bool:
    """Whether parameters are gathered for each forward and given back after it (FSDP)."""
    return any(
        hasattr(each, "reshard") or hasattr(each, "_fsdp_wrapped_module")
        for each in model.modules()
    )


def clean(name: str) -> str:
    """A path without the words that wrappers put into it."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


def parts(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module of a bare model and its path; also layers of Keras, which torch is not told."""
    yield from ((clean(name), module) for name, module in model.named_modules())
    for layer in getattr(model, "_flatten_layers", tuple)():
        if layer is not model:
            yield layer.name, layer


def names_of(model: nn.Module) -> dict[int, str]:
    """The path of every module of a bare model, by its id."""
    names: dict[int, str] = {}
    for name, module in parts(model):
        names.setdefault(id(module), name)
    return names


def module_at(model: nn.Module, name: str) -> nn.Module | None:
    """The module of a bare model at a path.

    Of a part that is compiled by itself the compiled one: hooks of the one inside are called only
    if they were there before the first call, those of its wrapper always.
    """
    there = [module for path, module in parts(model) if path == name]
    wrapped = [module for module in there if "_orig_mod" in module._modules]
    known = wrapped[:1] or there[-1:]
    return known[0] if known else None
