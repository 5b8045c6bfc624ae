"""Gathering the arrays of an HDF5 file, the facts beside them, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from nctool.arrays import FLOATS, INTEGERS, LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.hdf5.arrays import lazy
from nctool.readers.shared.hdf5.attributes import attribute, attributes
from nctool.readers.shared.hdf5.datasets import ELSEWHERE, Stored, describe
from nctool.readers.shared.hdf5.groups import LEADS_OUT, Node, tree
from nctool.readers.shared.hdf5.source import Bytes, Home, find_home
from nctool.readers.shared.known_calls import Unfit

LONGEST_TEXT = 4096
LONGEST_KEY = 2048
MOMENTS = ("epoch", "global_step", "step")


@dataclass(slots=True)
class Contents:
    """One file while it is opened: its tree, and what was found in it so far."""

    source: Bytes
    format: str
    root: Node
    ignored: Counter[str]
    arrays: dict[str, LazyArray] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        return self.source.home

    def add(self, key: str, node: Node, change: Callable[[Stored], Stored] | None = None) -> None:
        """The array of this dataset, or a word about why there is none."""
        with self.unless_unfit():
            stored = self.described(key, node)
            if len(key) > LONGEST_KEY:
                raise Unfit("array with an overlong name")
            self.keep(lazy(self.home, change(stored) if change else stored, key, self.format))

    def keep(self, array: LazyArray) -> None:
        if array.key in self.arrays:
            raise ValueError(f"it holds two arrays named '{shown(array.key)}'")
        self.arrays[array.key] = array

    def described(self, key: str, node: Node) -> Stored:
        stored = describe(self.source, node.messages, key, self.format)
        if stored.kind.opaque:
            if attribute(self.source, node.messages, "dtype") != "bfloat16":
                raise Unfit("array of opaque items")
            # So Keras writes what numpy has no name for.
            stored = replace(stored, kind=replace(stored.kind, dtype="bfloat16", opaque=False))
        if stored.kind.variable and len(stored.shape) > 1:
            raise Unfit("table of texts")
        return stored

    @contextmanager
    def unless_unfit(self) -> Iterator[None]:
        try:
            yield
        except Unfit as reason:
            self.ignored[str(reason)] += 1

    def add_facts(self) -> None:
        """What the root says of itself, and scalars that tell the moment of training."""
        for name, value in attributes(self.source, self.root.messages).items():
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
        if not self.arrays and self.ignored.keys() & {LEADS_OUT, ELSEWHERE}:
            raise InputError(
                "path-escapes",
                f"'{shown(path)}' holds no arrays of its own: its data lies in other files",
                "name those files, or copy the arrays into one file",
            )
        arrays = tuple(self.arrays.values())
        return Opened(path, self.format, arrays, self.facts, left_out(self.ignored))


def left_out(ignored: Mapping[str, int]) -> tuple[Notice, ...]:
    if not ignored:
        return ()
    count, names = sum(ignored.values()), [shown(name, 80) for name in ignored]
    listed = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
    noun = "object was" if count == 1 else "objects were"
    return (
        Notice(
            "objects-ignored",
            f"{count} {noun} not loaded: {listed}",
            "only arrays of numbers or text in the file itself are read",
            {"count": count, "names": names[:50]},
        ),
    )


def open_home(
    path: Path, format: str, fill: Callable[[Contents], None], start: int = 0, size: int = -1
) -> Opened:
    """Open the HDF5 file in a file, or in a range of it, and let ``fill`` choose its arrays."""
    with edge(path, format):
        home = find_home(path, start, path.stat().st_size if size < 0 else size)
        if home is None:
            raise corrupt(path, format, "it holds no HDF5 file where one should be")
        with home.bytes() as source:
            ignored: Counter[str] = Counter()
            contents = Contents(source, format, tree(source, ignored), ignored)
            fill(contents)
            return contents.opened(path)
