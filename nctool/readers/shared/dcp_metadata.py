"""The ``.metadata`` of a torch distributed checkpoint: what is stored, and in which bytes.

It is a pickle of dataclasses, whose fields are read by name: torch and those who build on it
have moved and extended the classes over the years, but kept these fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nctool.readers.shared.edge import shown
from nctool.readers.shared.pickle_data import Global, Made, Table, read_pickle
from nctool.readers.shared.region import checked_shape
from nctool.readers.shared.tiles import Box


@dataclass(frozen=True, slots=True)
class Place:
    """The bytes of one item: a range of a file in the folder, perhaps packed by an extension."""

    name: str
    offset: int
    length: int
    packed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor by its chunks; a chunk without elements may have no place."""

    dtype: str
    shape: tuple[int, ...]
    chunks: Mapping[Box, Place | None]


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything one ``.metadata`` speaks of, by its full name."""

    tensors: Mapping[str, Tensor]
    objects: Mapping[str, Place | None]


def read_contents(path: Path) -> Contents:
    with path.open("rb") as file:
        size = path.stat().st_size
        fields = _fields(read_pickle(file, size))
    if not fields.keys() >= {"state_dict_metadata", "storage_data"}:
        raise ValueError("it is not the metadata of a distributed checkpoint")
    places = _places(fields["storage_data"])
    tensors: dict[str, Tensor] = {}
    objects: dict[str, Place | None] = {}
    left = size  # no chunk is written in less than one byte, unless a list is shared by many
    for key, entry in _entries(fields["state_dict_metadata"]):
        if not isinstance(key, str) or key in tensors or key in objects:
            raise ValueError(f"'{shown(key)}' is no name, or is there twice")
        stored = _fields(entry)
        if not stored.keys() >= {"size", "chunks"}:
            objects[key] = places.get((key, None))
            continue
        chunks = stored["chunks"]
        if not isinstance(chunks, list) or len(chunks) > left:
            raise ValueError(f"the chunks of '{shown(key)}' are no list, or repeat without end")
        left -= len(chunks)
        shape = checked_shape(_sizes(stored["size"]), key, path)
        boxes = (_box(chunk) for chunk in chunks)  # one that is there twice has but one place
        at_boxes = {box: places.get((key, box.offsets)) for box in boxes}
        tensors[key] = Tensor(_dtype(stored.get("properties")), shape, at_boxes)
    return Contents(tensors, objects)


def _places(value: object) -> Mapping[tuple[str, tuple[int, ...] | None], Place]:
    places: dict[tuple[str, tuple[int, ...] | None], Place] = {}
    for index, info in _entries(value):
        where, what = _fields(index), _fields(info)
        key, offset = where.get("fqn"), where.get("offset")
        name, start, length = (what.get(part) for part in ("relative_path", "offset", "length"))
        packed = what.get("transform_descriptors")
        if not isinstance(key, str) or not isinstance(name, str):
            raise ValueError("an item has no name or no file")
        if type(start) is not int or type(length) is not int or start < 0 or length < 0:
            raise ValueError(f"'{shown(key)}' does not say which bytes are its own")
        names = tuple(map(str, packed)) if isinstance(packed, list | tuple) else ()
        at = key, None if offset is None else _sizes(offset)
        # Two places for one chunk: which of them is read would be chance.
        if at in places:
            raise ValueError(f"'{shown(key)}' is stored twice at {at[1]}")
        places[at] = Place(name, start, length, names)
    return places


def _entries(value: object) -> Iterator[tuple[object, object]]:
    if not isinstance(value, Table | Made):
        raise ValueError("a table of it is none")
    yield from value.pairs


def _fields(value: object) -> Mapping[str, object]:
    """The fields of an object, from its state."""
    state = value.state if isinstance(value, Made) else None
    if isinstance(state, tuple) and len(state) == 2:  # a class with slots
        state = next((part for part in state if isinstance(part, Table)), None)
    return state.texts() if isinstance(state, Table) else {}


def _sizes(value: object) -> tuple[int, ...]:
    """A ``torch.Size``, or the list that older or other writers left."""
    if isinstance(value, Made):
        value = value.args[0] if value.args else ()
    if not isinstance(value, list | tuple) or len(value) > 32:
        raise ValueError("a size or an offset is no list of numbers")
    numbers = tuple(number for number in value if type(number) is int and number >= 0)
    if len(numbers) != len(value):
        raise ValueError("a size or an offset is no list of numbers")
    return numbers


def _box(chunk: object) -> Box:
    fields = _fields(chunk)
    return Box(_sizes(fields.get("offsets")), _sizes(fields.get("sizes")))


def _dtype(properties: object) -> str:
    """The name of the type, the first of a tensor's properties."""
    state = properties.state if isinstance(properties, Made) else None
    first = state[0] if isinstance(state, tuple) and state else _fields(properties).get("dtype")
    return first.dotted.rpartition(".")[2] if isinstance(first, Global) else "unknown"
