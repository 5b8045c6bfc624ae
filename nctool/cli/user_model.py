"""A model and a loader out of the user's own objects: made, checked, and on the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nctool.cli import set_values, user_code
from nctool.cli.user_code import Address
from nctool.core.errors import InputError
from nctool.core.text import one_line

if TYPE_CHECKING:
    from torch import nn


@dataclass(slots=True)
class Loader:
    """What was named as the loader: a value, or what makes it anew."""

    address: Address
    value: Any
    arguments: Mapping[str, Any] | None
    """Of a function that makes it; None for a value."""
    made: list[Any] = field(default_factory=list)

    def __call__(self) -> Any:
        """A loader that gives its batches from the beginning."""
        # A generator has an end: for another pass over it its function is called again.
        if not self.made or (isinstance(self.made[0], Iterator) and self.arguments is not None):
            self.made = [self._fresh()]
        return self.made[0]

    def _fresh(self) -> Any:
        loader = self.value
        if self.arguments is not None:
            loader = user_code.made(loader, self.arguments)
        if isinstance(loader, type) or not hasattr(loader, "__iter__"):
            found = _found(self.address, self.value, loader)
            raise InputError(
                "not-a-loader",
                f"{found}; expected what gives batches to a for loop",
                "name a torch.utils.data.DataLoader, or a function that returns one",
            )
        return loader


def made(
    model: Address, loader: Address, values: Mapping[str, Any], device: str
) -> tuple[nn.Module, Loader]:
    """The model, and the loader to be; arguments go to the functions that take them.

    A model that is on the CPU, as it was made, goes to the device that numbers are computed on.
    """
    from torch import nn

    from nctool.engine.device import choose_device

    first, second = user_code.named(model), user_code.named(loader)
    functions = {}
    if not isinstance(first, nn.Module) and callable(first):
        functions[model.name] = first
    if callable(second) and (isinstance(second, type) or not hasattr(second, "__iter__")):
        functions[loader.name] = second
    shares = set_values.shared_out(values, functions)
    network = first
    if model.name in functions:
        network = user_code.made(first, shares[model.name])
    if not isinstance(network, nn.Module):
        raise InputError(
            "not-a-model",
            f"{_found(model, first, network)}; expected a torch.nn.Module",
            "name a model, its class, or a function that returns the model alone",
        )
    target = choose_device(device)
    if all(each.device.type == "cpu" for each in network.parameters()):
        network = network.to(target)
    return network, Loader(loader, second, shares.get(loader.name))


def _found(address: Address, value: Any, result: Any) -> str:
    """What an address led to, in words."""
    kind = type(result).__name__
    if isinstance(result, tuple | list):
        inner = ", ".join(type(each).__name__ for each in result[:3])
        kind = f"{kind} of {len(result)}" + (f" ({inner})" if inner else "")
    elif isinstance(result, type):
        kind = f"the class {result.__name__}"
    return one_line(f"{address.text} {'is' if result is value else 'returned'}: {kind}")
