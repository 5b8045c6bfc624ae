"""A private folder for what comes from elsewhere; it goes when nobody reads from it any more."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nctool.core.errors import InputError, ResourceError
from nctool.core.progress import Progress, Silent
from nctool.readers.remote.address import is_name
from nctool.readers.remote.served import RemoteFile
from nctool.readers.shared.edge import shown

MIB = 2**20
SPARE = 64 * MIB
"""What is left free on the disk for everybody else."""
MOST_PARTS = 32
SILENT = Silent()


class TemporaryFolder:
    """The folder itself; removed with this object, and at the end of the process at the latest."""

    def __init__(self) -> None:
        with disk_errors("a temporary folder"):
            self.path = Path(tempfile.mkdtemp(prefix="nctool-remote-"))
        self._end = weakref.finalize(self, _remove, self.path, os.getpid())

    @contextmanager
    def removed_on_error(self) -> Iterator[None]:
        """Gone at once if anything stops the block, even while somebody looks at the error."""
        try:
            yield
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        self._end()

    def free(self) -> int:
        """Bytes that may still be written."""
        return max(shutil.disk_usage(self.path).free - SPARE, 0)

    def require_space(self, size: int, what: str) -> None:
        """Go on only if so much fits."""
        free = self.free()
        if size > free:
            raise full(what, f"{amount(size)} are needed, {amount(free)} are free")

    def target(self, name: str) -> Path:
        """Where a file of this name goes, folders included; never outside."""
        parts = name.split("/")
        if not all(map(is_name, parts)) or len(parts) > MOST_PARTS:
            message = f"the server names a file '{shown(name)}', which is no name for a local file"
            raise InputError("path-escapes", message, "download what you need, and name the files")
        path = self.path.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def empty(self, name: str, size: int) -> Path:
        """A file of this size that takes no space yet."""
        path = self.target(name)
        with disk_errors(name), path.open("xb") as file:
            file.truncate(size)
        return path

    def copy(self, served: RemoteFile, name: str, progress: Progress = SILENT) -> Path:
        """The whole file."""
        self.require_space(served.size, served.address.shown)
        path = self.target(name)
        if len(served.head) == served.size:
            with disk_errors(served.address.shown), path.open("xb") as file:
                file.write(served.head)
            return path
        with (
            progress.task("copying, MiB", -(-served.size // MIB)) as advance,
            disk_errors(served.address.shown),
            path.open("xb") as file,
        ):
            for block in served.stream():
                before = file.tell()
                advance((before + file.write(block)) // MIB - before // MIB)
        return path


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:  # a forked child does not clear the table
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise full(what, "the disk is full") from problem
        raise


def full(what: str, reason: str) -> ResourceError:
    message = f"no room in {tempfile.gettempdir()} for '{shown(what)}': {reason}"
    hint = "free some space there, or set TMPDIR to a folder on a larger disk"
    return ResourceError("disk-full", message, hint)


def amount(size: int) -> str:
    """Bytes as people read them."""
    value = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
