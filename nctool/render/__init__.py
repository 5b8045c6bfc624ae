"""Values in, text or bytes out: nothing here prints, opens a file or knows what a tensor is.

Every module of this package with a ``RENDERER`` value is one kind of file, found by its suffix.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Any, TypeAlias

from nctool.core.errors import UsageError
from nctool.core.extras import Extra
from nctool.report.documents import Document

Arrays: TypeAlias = Mapping[str, Any]
"""What ``--arrays`` holds, by its published names: nested sequences of numbers."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """One kind of file, by its suffixes; its libraries, if any, are those of an extra."""

    name: str
    suffixes: tuple[str, ...]
    render: Callable[[Document, Arrays | None, str], str | bytes]
    """The document, the arrays behind it if they are at hand, and the suffix that was asked."""
    extra: Extra | None = None


@cache
def renderers() -> dict[str, Renderer]:
    """Every renderer of this package, by suffix."""
    found: dict[str, Renderer] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        value = vars(importlib.import_module(f"{__name__}.{module.name}")).get("RENDERER")
        if isinstance(value, Renderer):
            found |= {suffix: value for suffix in value.suffixes}
    return found


def renderer_for(target: str) -> Renderer:
    """What writes a file of this name."""
    suffix = PurePath(target).suffix.lower()
    known = renderers()
    if suffix not in known:
        raise UsageError(
            "unknown-output",
            f"output {target!r} has no suffix that says what to write",
            "end it in one of: " + " ".join(known),
        )
    found = known[suffix]
    if found.extra is not None:
        found.extra.demand(f"writing {suffix} files")
    return found


def rendered(document: Document, target: str, arrays: Arrays | None = None) -> str | bytes:
    suffix = PurePath(target).suffix.lower()
    return renderer_for(target).render(document, arrays, suffix)
