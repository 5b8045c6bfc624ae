"""Files and folders in, named arrays out.

Every module of this package with a ``READER`` value is one format. A new format is one new file
here, its test and a sample; nothing else changes. Formats are told apart by what is in the file,
never by its name.
"""

from __future__ import annotations

import importlib
import pkgutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.core.extras import Extra
from nctool.readers.shared.edge import edge, shown
from nctool.readers.shared.section import beginning

HEAD_BYTES = 4096
FIRST, USUAL, LAST = range(3)
"""When a reader is asked: a special case of another format before it, a fallback after all."""


class Recognise(Protocol):
    """Does this content look like the format? ``head`` is empty for a folder."""

    def __call__(self, path: Path, head: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class Reader:
    """One format. ``covers`` says in a few words what it opens; that of refusals is empty.

    Its libraries, if it needs others than nctool itself, are those of an ``extra``; they are
    imported in ``open`` alone. ``recognises`` does without.
    """

    name: str
    recognises: Recognise
    open: Callable[[Path], Opened]
    covers: str
    turn: int = USUAL
    extra: Extra | None = None


@cache
def readers() -> tuple[Reader, ...]:
    """Every reader of this package, by turn and module name."""
    all_readers: list[Reader] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if not module.ispkg:
            value = vars(importlib.import_module(f"{__name__}.{module.name}")).get("READER")
            if isinstance(value, Reader):
                all_readers.append(value)
    return tuple(sorted(all_readers, key=lambda reader: reader.turn))


def supported() -> str:
    """Everything that can be opened, in one line."""
    return ", ".join(reader.covers for reader in readers() if reader.covers)


def open_path(path: Path) -> Opened:
    """Open a file or a folder; only its description is read."""
    head = _head(path)
    for reader in readers():
        # A reader that fails to recognise a file names it, and is named itself.
        with edge(path, reader.name):
            if reader.recognises(path, head):
                if reader.extra is not None:
                    what = f"'{shown(path)}' is in the format {reader.name}; reading it"
                    reader.extra.demand(what)
                return reader.open(path)
    if path.is_dir():
        raise InputError(
            "folder-unknown",
            f"'{shown(path)}' is a folder without a layout nctool knows; it holds {_listing(path)}",
            "name one file of it, or a folder with .safetensors or .npy files directly inside",
        )
    message = f"'{shown(path)}' is in no format nctool knows; it starts with {head[:16]!r}"
    raise InputError("format-unknown", message, f"nctool reads {supported()}")


def _head(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return b""
        if stat.S_ISREG(mode):
            return beginning(path, HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"there is no file or folder at '{shown(path)}'"
        hint = "check the spelling; relative paths start at the current folder"
        raise InputError("path-missing", message, hint) from error
    except (OSError, ValueError) as error:
        message = f"'{shown(path)}' cannot be read: {shown(error)}"
        hint = "check the path and its permissions"
        raise InputError("file-unreadable", message, hint) from error
    # Opening a pipe or a terminal would wait for ever.
    message = f"'{shown(path)}' is neither a file nor a folder but a pipe, a socket or a device"
    raise InputError("not-a-file", message, "save the data to a file first")


def _listing(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir())
    shown_names = ", ".join(shown(name, 40) for name in names[:6])
    return f"{shown_names}{' …' if len(names) > 6 else ''}" if names else "nothing"
