"""The tree of an HDF5 file as the guarded child describes it, checked like a header."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nctool.arrays import ITEM_BYTES
from nctool.core.extras import Extra
from nctool.readers.guard import Guarded
from nctool.readers.shared.edge import shown
from nctool.readers.shared.region import numpy_code
from nctool.readers.shared.wording import truncated

MODULE = "nctool.readers.shared.hdf5.h5py_child"
EXTRA = Extra("hdf5", ("h5py",))


@dataclass(frozen=True, slots=True)
class Home:
    """Where an HDF5 file lies in a file, and the child that reads it."""

    path: Path
    start: int
    size: int
    format: str
    guarded: Guarded
    unmapped: list[str] = field(default_factory=list)
    """The arrays whose rows the child reads; without any it need not stay."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A dataset that the child knows by its number.

    With an ``offset`` its items lie there in one piece, in the type and byte order given here.
    """

    number: int
    shape: tuple[int, ...]
    dtype: str
    order: str
    width: int
    variable: bool
    offset: int | None
    nbytes: int | None

    @property
    def code(self) -> str:
        """The numpy type of the stored bytes."""
        return f"S{self.width}" if self.dtype == "str" else numpy_code(self.dtype, self.order)


@dataclass(slots=True)
class Node:
    """A group with what is in it, or a dataset; ``unreadable`` or ``filter`` say what it lacks."""

    attributes: Mapping[str, object] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)
    group: bool = True
    stored: Stored | None = None
    unreadable: str = ""
    filter: str = ""

    def walk(self, parts: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
        """This one and everything below."""
        yield parts, self
        for name, child in self.children.items():
            yield from child.walk((*parts, name))


def open_home(path: Path, format: str, start: int = 0, size: int | None = None) -> Home:
    """The HDF5 file in this file, or in a range of it; its child is not started yet."""
    guarded = Guarded(path, format, MODULE, *(() if size is None else (start, size)))
    return Home(path, start, path.stat().st_size if size is None else size, format, guarded)


def described(home: Home) -> tuple[Node, Mapping[str, int]]:
    """The root with everything below, and how many links of each kind were not followed."""
    answer: Any = home.guarded.ask("describe")
    if "truncated" in answer:
        there, announced = answer["truncated"]
        problem = f"has {there:,} bytes of an HDF5 file, its first block announces {announced:,}"
        raise truncated(home.path, problem)
    return _node(answer["root"]), {str(kind): int(n) for kind, n in answer["ignored"].items()}


def _node(content: Mapping[str, Any]) -> Node:
    children, dataset = content.get("children"), content.get("dataset", {})
    node = Node(content["attributes"], group=children is not None)
    node.unreadable, node.filter = dataset.get("unreadable", ""), dataset.get("filter", "")
    if "number" in dataset:
        node.stored = _stored(dataset)
    node.children = {name: _node(child) for name, child in (children or {}).items()}
    return node


def _stored(content: Mapping[str, Any]) -> Stored:
    dtype, order, width = content["dtype"], content["order"], int(content["width"])
    if order not in ("<", ">") or (dtype != "str" and ITEM_BYTES[dtype] != width):
        raise ValueError(f"a type of it is {shown(dtype)} of {width} bytes")
    offset, nbytes = (
        None if content[name] is None else int(content[name]) for name in ("offset", "bytes")
    )
    number, variable = int(content["number"]), bool(content["variable"])
    return Stored(number, tuple(content["shape"]), dtype, order, width, variable, offset, nbytes)
