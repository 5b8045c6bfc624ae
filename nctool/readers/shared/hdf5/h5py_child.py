"""HDF5 through h5py, in a child process: what a file holds, and rows of its datasets.

Only hard links are followed, each group once, and no dataset is touched whose data lies in other
files. What is described here is checked by the parent; see :mod:`nctool.readers.guard`.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy
from h5py import h5d, h5g, h5l, h5o, h5p, h5s, h5t

from nctool.readers.shared.hdf5.h5py_facts import (
    attributes_of,
    cache_bytes,
    check_chunks,
    missing_filter,
)
from nctool.readers.shared.hdf5.h5py_types import Kind, Unreadable, bfloat16, kind_of
from nctool.readers.shared.section import section

MOST_OBJECTS = 50_000
DEEPEST = 64
LONGEST_NAME = 1024
LEADS_OUT = "link to another file"
ELSEWHERE = "array whose data lies in other files"
NOT_HARD = {h5l.TYPE_SOFT: "soft link", h5l.TYPE_EXTERNAL: LEADS_OUT}

SAID = frozenset(
    b"name dtype encoding-type h5sparse_format shape h5sparse_shape _index "
    b"MATLAB_class MATLAB_empty MATLAB_sparse".split()
)
"""Attributes that a reader asks for, of other objects than the root."""

MOST_SOURCES = 10_000
MOST_TEXT_BYTES = 2**23  # json may need six times as many
# One long text may stand in every row; all rows of a slice are in memory at once.
TEXTS_AT_ONCE = 32
MOST_OPEN = 4  # a sparse matrix is three datasets, read in turns
CACHE_SLOTS = 12_421  # a prime number, as the library's hash wants it


@dataclass(slots=True)
class Dataset:
    """A dataset that can be read, under the first path that led to it."""

    path: bytes
    kind: Kind
    shape: tuple[int, ...]
    chunk: tuple[int, ...] | None


def session(path: str, start: int = 0, size: int | None = None) -> Session | Truncated:
    """The HDF5 file in this file, or in a range of it."""
    place: Any = path
    if size is not None:
        place = section(io.BufferedReader(io.FileIO(path)), start, size)
    try:
        return Session(h5py.File(place, "r", locking=False).id)
    except OSError as error:
        ends = re.search(r"truncated file: eof = (\d+), .*stored_eof = (\d+)", str(error))
        if ends is None:
            raise
        return Truncated(int(ends[1]), int(ends[2]))


@dataclass(slots=True)
class Truncated:
    """A file that is cut off: how many bytes there are, and how many it announces."""

    there: int
    announced: int

    def describe(self) -> dict[str, object]:
        return {"truncated": [self.there, self.announced]}


@dataclass(slots=True)
class Session:
    """An open file, and what was described of it."""

    file: h5py.h5f.FileID
    datasets: list[Dataset] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    recent: dict[int, h5d.DatasetID] = field(default_factory=dict)

    def describe(self) -> dict[str, object]:
        """The tree of groups, and how many links of which kind were not followed."""
        self.datasets, self.ignored = [], Counter()
        return {"root": self._tree(), "ignored": self.ignored}

    def rows(self, number: int, axis: int, start: int, stop: int) -> numpy.ndarray | bytes:
        """The items of a range along one axis, in the order and the type of the file."""
        described, dataset = self._opened(number)
        shape, space = list(described.shape), dataset.get_space()
        if shape:
            first = [0] * len(shape)
            first[axis], shape[axis] = start, stop - start
            if 0 in shape:
                return b""
            space.select_hyperslab(tuple(first), tuple(shape))
        out = numpy.empty(shape, f"V{described.kind.width}")
        memory = h5s.create_simple(tuple(shape)) if shape else h5s.create(h5s.SCALAR)
        dataset.read(memory, space, out, described.kind.memory)
        return out

    def texts(self, number: int, start: int, stop: int) -> list[str]:
        """Texts of any length from these rows on: as many as an answer may hold, perhaps none."""
        described, dataset = self._opened(number)
        texts: list[str] = []
        left = MOST_TEXT_BYTES
        while start < stop:
            count = min(TEXTS_AT_ONCE, stop - start)
            part, space = numpy.empty(count, dataset.dtype), dataset.get_space()
            if described.shape:
                space.select_hyperslab((start,), (count,))
            dataset.read(h5s.create_simple((count,)), space, part)
            for text in part:
                left -= len(text)
                if left < 0:
                    return texts
                texts.append(text.decode("utf-8", "replace"))
            start += count
        return texts

    def _tree(self) -> dict[str, object]:
        """Every object once, except for datasets with several names.

        All children of a group are taken before those of the next, so that an object is found
        under its shortest path, and groups that lead back to one another end.
        """
        root: dict[str, Any] = {"attributes": attributes_of(self.file), "children": {}}
        groups, count = {h5o.get_info(self.file).addr}, 1
        known: dict[int, dict[str, object]] = {}
        virtual: list[tuple[dict[str, Any], h5d.DatasetID, bytes]] = []
        todo: list[tuple[Any, dict[str, Any], bytes, int]] = [(self.file, root, b"", 0)]
        while todo:
            group, node, path, depth = todo.pop()
            for name, address in self._links(group):
                count += 1
                if count > MOST_OBJECTS or depth >= DEEPEST:
                    self.ignored["entry beyond those nctool looks at"] += 1
                    if count > MOST_OBJECTS:
                        return root
                elif address in groups:
                    self.ignored["second link to a group"] += 1
                else:
                    key, below = name.decode("utf-8", "backslashreplace"), path + b"/" + name
                    if address not in known:
                        item = h5o.open(group, name)
                        child: dict[str, Any] = {"attributes": attributes_of(item, SAID)}
                        known[address] = child
                        if isinstance(item, h5g.GroupID):
                            todo.append((item, child, below, depth + 1))
                        if not isinstance(item, h5d.DatasetID):
                            groups.add(address)
                            child["children"] = {}
                        elif item.get_create_plist().get_layout() == h5d.VIRTUAL:
                            virtual.append((child, item, below))
                        else:
                            self._describe(child, item, below)
                    node["children"][key] = known[address]
        for child, item, below in virtual:
            self._describe(child, item, below, virtual=True)
        return root

    def _links(self, group: Any) -> Iterator[tuple[bytes, int]]:
        """Name and address of what is in a group, by hard links alone, in order."""
        hard: list[tuple[bytes, int]] = []

        def add(name: bytes, info: Any) -> bool | None:
            if info.type == h5l.TYPE_HARD:
                hard.append((name, info.u))
            else:
                self.ignored[NOT_HARD.get(info.type, "link of unknown kind")] += 1
            return len(hard) > MOST_OBJECTS or None

        group.links.iterate(add, info=True)
        for name, address in sorted(hard):
            if len(name) > LONGEST_NAME:
                raise ValueError(f"a name in it has {len(name):,} bytes")
            # The library would take such a name for a path, and follow it through other links.
            if b"/" in name or name in (b"", b"."):
                raise ValueError("a name in it is a path")
            yield name, address

    def _describe(
        self, node: dict[str, Any], dataset: h5d.DatasetID, path: bytes, virtual: bool = False
    ) -> None:
        try:
            node["dataset"] = self._facts(node, dataset, path, virtual)
        except Unreadable as reason:
            node["dataset"] = {"unreadable": str(reason)}

    def _facts(
        self, node: dict[str, Any], dataset: h5d.DatasetID, path: bytes, virtual: bool
    ) -> dict[str, object]:
        plan = dataset.get_create_plist()
        # Before anything else is asked: the size of a virtual array is found in its sources.
        if plan.get_external_count():
            raise Unreadable(ELSEWHERE)
        if virtual:
            self._check_sources(plan)
        stored, space = dataset.get_type(), dataset.get_space()
        if stored.get_class() == h5t.OPAQUE and node["attributes"].get("dtype") == "bfloat16":
            kind = bfloat16(stored)  # so Keras writes what numpy has no name for
        else:
            kind = kind_of(stored)
        if space.get_simple_extent_type() == h5s.NULL:
            raise Unreadable("array without a shape")
        layout, shape = plan.get_layout(), space.get_simple_extent_dims()
        if kind.variable and len(shape) > 1:
            raise Unreadable("table of texts")
        missing = missing_filter(plan)
        if missing:
            return {"filter": missing}
        chunk = plan.get_chunk() if layout == h5d.CHUNKED else None
        self.datasets.append(Dataset(path, kind, shape, chunk))
        plain = layout == h5d.CONTIGUOUS and kind.as_stored
        return {
            "number": len(self.datasets) - 1,
            "dtype": kind.dtype,
            "order": kind.order,
            "width": kind.width,
            "variable": kind.variable,
            "shape": list(shape),
            "offset": dataset.get_offset() if plain else None,
            "bytes": dataset.get_storage_size() if layout == h5d.CONTIGUOUS else None,
        }

    def _check_sources(self, plan: h5p.PropDCID) -> None:
        """A virtual array is read when all of its sources are arrays that were read before it."""
        paths = {dataset.path for dataset in self.datasets}
        for place in range(plan.get_virtual_count()):
            if plan.get_virtual_filename(place) != ".":
                raise Unreadable(ELSEWHERE)
            name = plan.get_virtual_dsetname(place).encode("utf-8", "surrogateescape")
            if b"/" + name.lstrip(b"/") not in paths or place >= MOST_SOURCES:
                raise Unreadable("virtual array of others that are not read")

    def _opened(self, number: int) -> tuple[Dataset, h5d.DatasetID]:
        """This dataset; the last few are kept open, each with its unpacked chunks."""
        if not self.datasets:
            self.describe()  # a child that was started again
        described = self.datasets[number]
        if number not in self.recent:
            access = h5p.create(h5p.DATASET_ACCESS)
            if described.chunk is not None:
                size = cache_bytes(described.shape, described.chunk, described.kind.width)
                access.set_chunk_cache(CACHE_SLOTS, size, 1.0)
            dataset = h5d.open(self.file, described.path, access)
            older = self.file.get_create_plist().get_version()[0] < 2
            if described.chunk is not None and older:
                width = described.kind.width if described.kind.as_stored else 0
                check_chunks(dataset, described.shape, described.chunk, width)
            if len(self.recent) == MOST_OPEN:
                del self.recent[next(iter(self.recent))]
            self.recent[number] = dataset
        return described, self.recent[number]
