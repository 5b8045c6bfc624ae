"""What was read from a temporary place carries the address that it came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nctool.arrays import Opened, Rows
from nctool.core.errors import NctoolError
from nctool.readers.shared.edge import shown


@dataclass(frozen=True, slots=True)
class Renaming:
    """Which local path stands for which address; in a temporary folder, what lies beside it too."""

    local: Path
    address: str
    in_folder: bool = True

    def rename(self, text: str) -> str:
        known = {str(self.local): self.address, shown(self.local): self.address}
        if self.in_folder:
            known.setdefault(str(self.local.parent), self.address.rpartition("/")[0])
        pattern = "|".join(re.escape(path) for path in known)  # the longer first
        return re.sub(pattern, lambda match: known[match[0]], text)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors about the local path are errors about the address."""
        try:
            yield
        except NctoolError as error:
            words = self.rename(error.message), self.rename(error.hint)
            if words == (error.message, error.hint):
                raise
            raise type(error)(error.slug, *words) from None

    def opened(self, opened: Opened, held: object = None) -> Opened:
        """The same arrays under the address. ``held`` lives as long as one of them."""
        notices = tuple(
            replace(notice, message=self.rename(notice.message), hint=self.rename(notice.hint))
            for notice in opened.notices
        )
        arrays = tuple(
            replace(array, path=self.rename(array.path), read=_Read(array.read, self, held))
            for array in opened.arrays
        )
        return replace(opened, arrays=arrays, notices=notices, address=self.address)


@dataclass(frozen=True, slots=True)
class _Read:
    """Reading rows; as long as somebody can, the temporary place stays."""

    read: Callable[[int, int], Rows]
    names: Renaming
    held: object

    def __call__(self, start: int, stop: int) -> Rows:
        with self.names.errors():
            return self.read(start, stop)
