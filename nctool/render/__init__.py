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
    """Takes the document, the arrays behind it if they are at hand, and the target's suffix."""
    extra: Extra | None = None


@cache
def renderers() -> dict[str, Renderer]:
    """Every renderer of this package, by suffix."""
    by_suffix: dict[str, Renderer] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        value = vars(importlib.import_module(f"{__name__}.{module.name}")).get("RENDERER")
        if isinstance(value, Renderer):
            by_suffix |= {suffix: value for suffix in value.suffixes}
    return by_suffix


def suffix_of(target: str) -> str:
    """What says the kind of a file: the last suffix, or the last two where they are a kind."""
    suffixes = PurePath(target.lower()).suffixes
    both = "".join(suffixes[-2:])
    return both if both in renderers() else "".join(suffixes[-1:])


def renderer_for(target: str) -> Renderer:
    """What writes a file of this name; an error where nothing does, or a library is missing."""
    suffix = suffix_of(target)
    by_suffix = renderers()
    if suffix not in by_suffix:
        raise UsageError(
            "unknown-output",
            f"output {target!r} has no suffix that says what to write",
            "end it in one of: " + " ".join(by_suffix),
        )
    renderer = by_suffix[suffix]
    if renderer.extra is not None:
        renderer.extra.demand(f"writing {suffix} files")
    return renderer


def rendered(document: Document, target: str, arrays: Arrays | None = None) -> str | bytes:
    return renderer_for(target).render(document, arrays, suffix_of(target))
