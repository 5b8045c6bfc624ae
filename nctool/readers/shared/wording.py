"""Errors and notices that several readers say in the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers.shared.edge import shown

MOST_NAMED, MOST_IN_DATA = 4, 50


def ambiguous(folder: Path, what: str, names: Sequence[str], hint: str) -> InputError:
    """A folder holds several of something, and nothing says which one is meant."""
    listed = ", ".join(shown(name, 60) for name in names[:6]) + (" …" if len(names) > 6 else "")
    message = f"'{shown(folder)}' holds {len(names)} {what}: {listed}"
    return InputError("folder-ambiguous", message, hint)


def escapes(name: object, folder: Path, hint: str) -> InputError:
    """A name in a file leads out of the folder that the file describes."""
    message = f"'{shown(name)}' leads out of the folder '{shown(folder)}'"
    return InputError("path-escapes", message, hint)


def truncated(
    path: Path, problem: str, hint: str = "download or copy the file again"
) -> InputError:
    """A file ends before its own description says."""
    return InputError("file-truncated", f"'{shown(path)}' {problem}", hint)


def left_out(
    counts: Mapping[str, int], noun: str, hint: str = "", done: str = "loaded"
) -> tuple[Notice, ...]:
    """One notice about what was not read: how many of which kinds or names."""
    if not counts:
        return ()
    count, names = sum(counts.values()), [shown(name, 80) for name in counts]
    were = f"{noun} was" if count == 1 else f"{noun}s were"
    listed = ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
    message = f"{count} {were} not {done}: {listed}"
    data = {"count": count, "names": names[:MOST_IN_DATA]}
    return (Notice("objects-ignored", message, hint, data),)
