"""Torch distributed checkpoints (DCP): a folder of ``.distcp`` files, and ``.metadata`` over them.

FSDP, torchtitan, Lightning, Accelerate and Megatron (``torch_dist``) write it. Every chunk of a
tensor is a torch archive of its own at a range of bytes; arrays are put together from their
chunks when rows are asked for. ``.metadata`` is a pickle and read as data. Without collectives
each rank leaves its own ``__RANK.metadata``, which speaks of its own chunks alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from nctool.arrays import INTEGERS, ITEM_BYTES, LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers import FIRST, Reader
from nctool.readers.shared.dcp_metadata import Contents, Place, Tensor, read_contents
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.shards import holds_arrays, inside, with_config
from nctool.readers.shared.tiles import Box, Tile, assembled, untiled
from nctool.readers.shared.wording import ambiguous, left_out, truncated
from nctool.readers.torch_zip import open_zip

NAME = "torch-dcp"
OF_RANK = re.compile(r"__(\d+)\.metadata")
MOMENTS = {name: name for name in ("epoch", "global_step", "step")} | {"iteration": "step"}
# What Lightning and Megatron keep beside the shards.
COMPANIONS = ("meta.pt", "common.pt")
SMALL = 2**16
MOST_FACTS = 16


def recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return _holds_shards(path) or (not holds_arrays(path) and bool(_nested(path)))
    alone = path.suffix == ".distcp" and bool(_descriptions(path.parent))
    return alone or (head[:1] == b"\x80" and b"torch.distributed.checkpoint.metadata" in head)


def _holds_shards(folder: Path) -> bool:
    return any(folder.glob("*.distcp"))


def _nested(folder: Path) -> list[Path]:
    """The folders of shards one level down, without those of optimizers."""
    folders = sorted({shard.parent for shard in folder.glob("*/*.distcp")})
    return [nested for nested in folders if not nested.name.startswith("optim")] or folders


def _descriptions(folder: Path) -> list[Path]:
    if (folder / ".metadata").is_file():
        return [folder / ".metadata"]
    by_rank = {
        int(match[1]): entry
        for entry in folder.iterdir()
        if (match := OF_RANK.fullmatch(entry.name))
    }
    return [by_rank[rank] for rank in sorted(by_rank)]


def open_checkpoint(path: Path) -> Opened:
    folder = path if path.is_dir() else path.parent
    if not _holds_shards(folder):
        return with_config(_open_nested(folder), folder)
    return with_config(_open_folder(folder), folder, [folder / name for name in COMPANIONS])


def _open_nested(folder: Path) -> Opened:
    nested = _nested(folder)
    if not nested:
        raise InputError(
            "shard-missing",
            f"'{shown(folder)}' has the description of a distributed checkpoint, but no shards",
            "copy the .distcp files next to it",
        )
    if len(nested) > 1:
        names = [folder_below.name for folder_below in nested]
        raise ambiguous(folder, "distributed checkpoints", names, "name one of these folders")
    shard = next(nested[0].glob("*.distcp"))
    inside(folder, str(shard.relative_to(folder)))  # a link to a folder cannot lead out of this one
    return _open_folder(nested[0])


def _open_folder(folder: Path) -> Opened:
    described = _descriptions(folder)
    if not described:
        holds = "shards of a distributed checkpoint but no .metadata, which is written last"
        other = "or copy the .metadata file too: its name starts with a dot"
        hint = f"use an earlier checkpoint, {other}"
        raise InputError("checkpoint-unfinished", f"'{shown(folder)}' holds {holds}", hint)
    contents = [_read(inside(folder, description.name)) for description in described]
    places = _checked(folder, contents)
    arrays, odd = [], []
    for key, tensor in _merged(contents, described[0]).items():
        array = _array(folder, key, tensor, places)
        if array is None:
            odd.append(f"{key} ({tensor.dtype})")
        else:
            arrays.append(array)
    objects: dict[str, Place | None] = {}
    for description in reversed(contents):
        objects.update(description.objects)
    facts, notices = _facts(folder, arrays, objects, places)
    left = [*odd, *(key for key in objects if key not in facts)]
    hint = "only plain tensors are read; no code from the file is run"
    ignored = left_out(Counter(left), "object", hint)
    return Opened(folder, NAME, tuple(arrays), facts, (*ignored, *notices))


def _read(description: Path) -> Contents:
    with edge(description, NAME):
        return read_contents(description)


def _checked(folder: Path, contents: list[Contents]) -> Mapping[str, Path]:
    """The file of every name; each item lies within its file, and no two share a byte."""
    by_name: dict[str, list[Place]] = {}
    for content in contents:
        chunks = (place for tensor in content.tensors.values() for place in tensor.chunks.values())
        for place in (*chunks, *content.objects.values()):
            if place is not None:
                by_name.setdefault(place.name, []).append(place)
    files: dict[str, Path] = {}
    for name, places in by_name.items():
        files[name] = file = inside(folder, name)
        end, size = 0, file.stat().st_size
        for place in sorted(places, key=lambda place: place.offset):
            # Shared bytes would let a small file fill memory many times; no writer makes them.
            if place.offset < end:
                raise corrupt(folder, NAME, f"two items share bytes of '{shown(name)}'")
            end = place.offset + place.length
        if end > size:
            raise truncated(file, f"has {size} bytes, its checkpoint's description announces {end}")
    return files


def _merged(contents: list[Contents], path: Path) -> Mapping[str, Tensor]:
    """The tensors of all ranks, each with the chunks of all; of equal chunks the first."""
    merged: dict[str, Tensor] = {}
    for content in contents:
        for key, tensor in content.tensors.items():
            # Replicated parameters are written by several ranks; all copies are equal.
            known = merged.get(key, tensor)
            if (known.dtype, known.shape) != (tensor.dtype, tensor.shape):
                raise corrupt(path, NAME, f"the ranks disagree about '{shown(key)}'")
            merged[key] = replace(known, chunks={**tensor.chunks, **known.chunks})
    return merged


def _array(folder: Path, key: str, tensor: Tensor, files: Mapping[str, Path]) -> LazyArray | None:
    chunks = tensor.chunks.items()
    filled = {box: place for box, place in chunks if place is not None and box.count}
    if tensor.dtype not in ITEM_BYTES or any(place.packed for place in filled.values()):
        return None
    problem = untiled(tensor.shape, list(tensor.chunks))
    for box, place in chunks:
        if box.count and place is None:
            problem = problem or f"nothing says where its piece at {box.offsets} is"
        elif place is not None and box.count * ITEM_BYTES[tensor.dtype] > place.length:
            problem = problem or f"its piece at {box.offsets} has only {place.length} bytes"
    if problem:
        array = f"'{shown(key)}' of shape {tensor.shape} in '{shown(folder)}'"
        message = f"{array} cannot be put together: {problem}"
        hint = "copy the shards and the .metadata of all ranks, from one and the same save"
        raise InputError("chunks-incomplete", message, hint)
    tiles = [_tile(files[place.name], place, box, tensor.dtype) for box, place in filled.items()]
    return assembled(key, tensor.shape, tensor.dtype, folder, NAME, tiles)


def _tile(file: Path, place: Place, box: Box, dtype: str) -> Tile:
    @cache
    def item() -> LazyArray:
        arrays = open_zip(file, place.offset, place.length).arrays
        if [(array.shape, array.dtype) for array in arrays] != [(box.sizes, dtype)]:
            stored = ", ".join(f"{array.shape} {array.dtype}" for array in arrays[:2])
            there = f"there is {stored or 'no plain tensor'} at byte {place.offset}"
            raise corrupt(file, NAME, f"{there}, expected {box.sizes} {dtype}")
        return arrays[0]

    return Tile(box, item)


def _facts(
    folder: Path,
    arrays: list[LazyArray],
    objects: Mapping[str, Place | None],
    files: Mapping[str, Path],
) -> tuple[dict[str, object], list[Notice]]:
    """When it was saved, from small objects and numbers of that name, or from companions."""
    facts: dict[str, object] = {}
    notices: list[Notice] = []
    for key, place in objects.items():
        small = place is not None and place.length <= SMALL and not place.packed
        if place is not None and small and _is_moment(key) and len(facts) < MOST_FACTS:
            opened = open_zip(files[place.name], place.offset, place.length)
            notices.extend(opened.notices)
            facts.update((key, fact) for fact in opened.metadata.values())
    for array in arrays:
        if not array.shape and array.dtype in INTEGERS and _is_moment(array.key):
            facts[array.key] = int(array.whole().item())
    for name in COMPANIONS:
        if (folder / name).is_file():
            stored = open_zip(inside(folder, name)).metadata
            facts.update((fact, stored[fact]) for fact in MOMENTS if fact in stored)
    for key, fact in list(facts.items()):
        facts.setdefault(MOMENTS[key.rpartition(".")[2]], fact)
    return facts, notices


def _is_moment(key: str) -> bool:
    """A number of the whole training, not the one an optimizer keeps for each weight."""
    *above, last = key.split(".")
    return last in MOMENTS and len(above) < 2 and not "".join(above).startswith("optim")


READER = Reader(
    NAME,
    recognises,
    open_checkpoint,
    covers="torch distributed checkpoints (DCP, FSDP, Megatron torch_dist)",
    turn=FIRST,
)
