"""Every fact a metric may name: thin functions that say what is computed from what.

Nothing heavy is imported to look at them: numerics live in ``statistics`` and ``geometry``.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import ForwardRef

from nctool.facts.inputs import Inputs


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
