"""Gathering the arrays of an HDF5 file, the facts beside them, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from nctool.arrays import FLOATS, INTEGERS, LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.hdf5.arrays import lazy
from nctool.readers.shared.hdf5.tree import EXTRA, Home, Node, Stored, described, open_home
from nctool.readers.shared.pickle_calls import Unfit
from nctool.readers.shared.region import checked_shape
from nctool.readers.shared.wording import left_out

LONGEST_TEXT = 4096
LONGEST_KEY = 2048
MOMENTS = ("epoch", "global_step", "step")
OUTSIDE = frozenset({"link to another file", "array whose data lies in other files"})

# deflate packs zeros 1,000 to 1. What claims more, and is large, is a crafted size: reading it
# would make memory for what nobody stored.
BELIEVED_BYTES = 2**32
MOST_REPEATED = 1000


@dataclass(slots=True)
class Contents:
    """One file while it is opened: its tree, and what was read from it so far."""

    home: Home
    root: Node
    ignored: Counter[str]
    arrays: dict[str, LazyArray] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    packed: dict[str, str] = field(default_factory=dict)
    """The filter of each array that is packed in a way that nothing installed here undoes."""
    format: str = ""

    def add(self, key: str, node: Node) -> None:
        """The array of this dataset, or a word about why there is none."""
        with self.unless_unfit():
            stored = self.stored(key, node)
            if len(key) > LONGEST_KEY:
                raise Unfit("array with an overlong name")
            self.keep(lazy(self.home, stored, key))

    def keep(self, array: LazyArray) -> None:
        if array.key in self.arrays:
            raise ValueError(f"it holds two arrays named '{shown(array.key)}'")
        self.arrays[array.key] = array

    def stored(self, key: str, node: Node) -> Stored:
        """What the child said about this dataset, held against the size of the file."""
        if node.filter:
            self.packed[key] = node.filter
        if node.stored is None:
            raise Unfit(node.unreadable or f"array packed by the filter {node.filter}")
        stored, path = node.stored, self.home.path
        shape = checked_shape(stored.shape, key, path)
        total = prod(shape) * stored.width
        where = f"'{shown(key)}' of shape {shape}"
        if total > BELIEVED_BYTES and total > MOST_REPEATED * self.home.size:
            reason = f"{where} would have {total:,} bytes, the file has far fewer"
            raise corrupt(path, self.home.format, reason)
        if stored.offset is not None:
            if stored.nbytes != total:
                reason = f"{where} needs {total:,} bytes, it has {stored.nbytes or 0:,}"
                raise corrupt(path, self.home.format, reason)
            if not 0 <= stored.offset <= self.home.size - total:
                raise corrupt(path, self.home.format, f"{where} does not end within the file")
        return stored

    @contextmanager
    def unless_unfit(self) -> Iterator[None]:
        try:
            yield
        except Unfit as reason:
            self.ignored[str(reason)] += 1

    def add_facts(self) -> None:
        """What the root says of itself, and scalars that tell the moment of training."""
        for name, value in self.root.attributes.items():
            plain = isinstance(value, bool | int | float) or (
                isinstance(value, str) and len(value) <= LONGEST_TEXT
            )
            if plain:
                self.facts[name] = value
        for name in MOMENTS:
            self.add_moment(name, name)

    def add_moment(self, fact: str, key: str) -> None:
        array = self.arrays.get(key)
        number = array is not None and array.dtype in INTEGERS | FLOATS
        if array is not None and number and array.shape in ((), (1,)):
            value = float(array.whole().reshape(-1)[0])
            if value.is_integer():
                self.facts.setdefault(fact, int(value))

    def opened(self, path: Path) -> Opened:
        if not self.arrays and self.ignored.keys() & OUTSIDE:
            message = f"'{shown(path)}' holds no arrays of its own: its data lies in other files"
            hint = "name those files, or copy the arrays into one file"
            raise InputError("path-escapes", message, hint)
        if not self.arrays and self.packed:
            notice = filters_missing(self.packed)
            raise InputError("extra-missing", f"'{shown(path)}': {notice.message}", notice.hint)
        hint = "only arrays of numbers or text in the file itself are read"
        notices = left_out(self.ignored, "object", hint)
        if self.packed:
            notices += (filters_missing(self.packed),)
        notices += self.home.guarded.notices
        return Opened(path, self.format, tuple(self.arrays.values()), self.facts, notices)


def filters_missing(packed: Mapping[str, str]) -> Notice:
    filters = " and ".join(sorted({shown(filter, 60) for filter in packed.values()}))
    names = ", ".join(f"'{shown(key, 60)}'" for key in list(packed)[:4])
    noun = "array is" if len(packed) == 1 else "arrays are"
    return Notice(
        "filter-missing",
        f"{len(packed)} {noun} packed by {filters}, which nothing installed here unpacks: {names}"
        + (" …" if len(packed) > 4 else ""),
        EXTRA.command,
        {"count": len(packed), "names": [shown(key) for key in list(packed)[:50]]},
    )


def open_contents(
    path: Path,
    format: str,
    fill: Callable[[Contents], None],
    start: int = 0,
    size: int | None = None,
) -> Opened:
    """Open the HDF5 file in a file, or in a range of it, and let ``fill`` choose its arrays."""
    with edge(path, format):
        home = open_home(path, format, start, size)
        root, ignored = described(home)
        contents = Contents(home, root, Counter(ignored), format=format)
        fill(contents)
        if not home.unmapped:
            home.guarded.close()
        return contents.opened(path)
