"""Writing files: whole or not at all, and never over an input."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nctool.core.errors import NctoolError, ResourceError, UsageError


def write(target: str, content: str | bytes) -> None:
    """To a file, which is replaced; a pipe or a device is written to."""
    data = content.encode() if isinstance(content, str) else content
    path = Path(target)
    try:
        # A pipe or a device has a reader at its other end: a renamed file would never reach it.
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            path.write_bytes(data)
            return
    except OSError as problem:
        raise unwritable(target, problem) from problem
    with replacing(target) as draft:
        draft.write_bytes(data)


@contextmanager
def replacing(target: str) -> Iterator[Path]:
    """A path to write to that becomes ``target`` at the end, or disappears if anything fails."""
    path = Path(target).resolve()  # the file behind a link is replaced, the link stays
    try:
        # In the target's folder: a rename is atomic within one file system only.
        with tempfile.TemporaryDirectory(prefix=".nctool-", dir=path.parent) as folder:
            draft = Path(folder) / path.name
            yield draft
            # Temporary files are private; the umask of this process can only be read by setting it.
            mask = os.umask(0)
            os.umask(mask)
            draft.chmod(0o666 & ~mask)
            draft.replace(path)
    except OSError as problem:
        raise unwritable(target, problem) from problem


def check_writable(target: str, sources: Iterable[str] = ()) -> None:
    """Before the first batch: raise unless this path can be written and is no input."""
    path = Path(target)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        kind = "is a folder" if path.is_dir() else "has no writable folder"
        raise UsageError(
            "output-unwritable", f"output {target!r} {kind}", "give a file in an existing folder"
        )
    local = [source.removeprefix("file://") for source in sources]
    for source in (Path(name) for name in local if "://" not in name):
        if path.exists() and source.is_file() and path.samefile(source):
            message = f"output {target!r} is the file being analysed"
            hint = "give another name: the input would be lost"
            raise UsageError("output-is-input", message, hint)


def unwritable(target: str, problem: OSError) -> NctoolError:
    if problem.errno == errno.ENOSPC:
        return ResourceError(
            "disk-full", f"no space left to write {target!r}", "free some space, or write elsewhere"
        )
    message = f"output {target!r} cannot be written: {problem.strerror or problem}"
    return UsageError("output-unwritable", message, "give a file in an existing folder")
