"""Every fact a metric may name: thin functions that say what is computed from what.

Nothing heavy is imported to look at them: numerics live in ``statistics`` and ``geometry``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, ForwardRef

from nctool.engine.graph import Graph, Need, needs_of
from nctool.facts.inputs import ARRAYS, Inputs


def modules() -> tuple[ModuleType, ...]:
    """All modules of this room."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


def inputs() -> dict[str, str]:
    """Names of the inputs, and their annotations as they are written."""
    written = Inputs.__annotations__
    return {
        name: type_.__forward_arg__ if isinstance(type_, ForwardRef) else str(type_)
        for name, type_ in written.items()
    }


@cache
def graph() -> Graph:
    """All facts there are."""
    return Graph.of(modules(), inputs())


@cache
def needs(function: Callable[..., Any], of: str | None = None) -> tuple[Need, ...]:
    """What fills the parameters of a metric, or of any other function of facts."""
    return needs_of(function, of, graph().returned)


@cache
def arrays_of(needs: tuple[Need, ...]) -> tuple[str, ...]:
    """The arrays that these come down to, as a user names them."""
    required = graph().required(needs)
    return tuple(name for name in ARRAYS if name in required)
