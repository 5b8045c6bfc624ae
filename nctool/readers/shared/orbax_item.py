"""One folder with the arrays of an Orbax checkpoint, in a database or in a folder each."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import prod
from pathlib import Path
from typing import Any

from nctool.arrays import INTEGERS, LazyArray, Rows
from nctool.core.errors import InputError
from nctool.readers.shared import ocdbt, zarr
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.region import as_rows, lazy_array, numpy_code
from nctool.readers.shared.shards import inside, read_json

METADATA, STRINGS = "_METADATA", "_strings.json"
MOMENTS = ("step", "epoch", "global_step")
LISTED = frozenset({"jax.Array", "np.ndarray", "scalar"})
# One chunk is unpacked as a whole; the next rows of it are then at hand.
LEAST_CACHE, MOST_CACHE = 2**26, 2**30
MOST_UNSTORED, MOST_PACKED = 2**32, 1000


@dataclass(slots=True)
class Share:
    """What is stored of one array: its description and, in all, its chunks."""

    name: str
    description: ocdbt.Stored
    chunks: int = 0
    nbytes: int = 0


@dataclass
class Item:
    """What lies in one folder; ``ignored`` counts what was left out, by kind."""

    folder: Path
    format: str
    ignored: Counter[str] = field(default_factory=Counter)
    largest: int = LEAST_CACHE

    @cached_property
    def tree(self) -> Mapping[str, Any]:
        """What the checkpoint says of itself; the oldest say nothing."""
        return self.json(METADATA)

    def json(self, name: str) -> Mapping[str, Any]:
        if not os.path.lexists(self.folder / name):
            return {}
        return read_json(inside(self.folder, name))

    @cached_property
    def database(self) -> bool:
        return os.path.lexists(self.folder / ocdbt.MANIFEST)

    @cached_property
    def home(self) -> str:
        return f"{self.folder.resolve()}/"

    @cached_property
    def context(self) -> Any:
        import tensorstore

        limit = min(self.largest, MOST_CACHE)
        return tensorstore.Context({"cache_pool": {"total_bytes_limit": limit}})

    def arrays(self) -> dict[str, LazyArray]:
        shares = self.shares()
        for name in self.expected():
            if name not in shares:
                raise corrupt(self.folder, self.format, f"'{shown(name)}' is not in it")
        grids = {name: self.grid(name, share) for name, share in sorted(shares.items())}
        self.largest = max([LEAST_CACHE, *(grid.band for grid in grids.values() if grid)])
        return {name: self.lazy(name, grid) for name, grid in grids.items() if grid}

    def facts(self) -> dict[str, object]:
        return {**plain(self.tree.get("custom_metadata")), **plain(self.json(STRINGS))}

    def expected(self) -> Iterator[str]:
        """The arrays that the checkpoint lists, as they are named where they are stored."""
        entries = self.tree.get("tree_metadata")
        for entry in entries.values() if isinstance(entries, dict) else ():
            if not entry["value_metadata"].get("skip_deserialize"):
                parts = [str(part["key"]) for part in entry["key_metadata"]]
                if any(part in ("", ".", "..") or "/" in part for part in parts):
                    where = f"'{shown('.'.join(parts))}' in '{shown(self.folder)}'"
                    message = f"{where} is no name of an array: it leads to another folder"
                    hint = "save the checkpoint again, without / in its names"
                    raise InputError("path-escapes", message, hint)
                if entry["value_metadata"].get("value_type") in LISTED:
                    yield ".".join(parts)

    def shares(self) -> dict[str, Share]:
        keys = self.keys()
        shares: dict[str, Share] = {}
        for name, description in ocdbt.folders(keys, (zarr.V2, zarr.V3)):
            if name in shares:
                raise corrupt(self.folder, self.format, f"'{shown(name)}' is in it twice")
            shares[name] = Share(description, keys[f"{name}/{description}"])
        for key, stored in keys.items():
            name, _, last = key.rpartition("/")
            while name and name not in shares:
                name = name.rpartition("/")[0]
            if name and last != shares[name].name:
                shares[name].chunks += 1
                shares[name].nbytes += stored.length
        return shares

    def keys(self) -> Mapping[str, ocdbt.Stored]:
        if not self.database:
            return dict(self.files())
        import tensorstore

        spec = {"driver": "file", "path": self.home}
        base = tensorstore.KvStore.open(spec, context=tensorstore.Context()).result()
        return ocdbt.Database(self.folder, self.format, base).keys()

    def files(self) -> Iterator[tuple[str, ocdbt.Stored]]:
        """Every file of the folders that hold an array each; links may not lead out."""
        for top in sorted(self.folder.iterdir()):
            if not any((top / name).is_file() for name in (zarr.V2, zarr.V3)):
                continue
            for place, folders, files in os.walk(top):
                for name in files:
                    key = (Path(place) / name).relative_to(self.folder).as_posix()
                    path = inside(self.folder, key)
                    yield key, ocdbt.Stored(path.stat().st_size, path)
                for name in folders:
                    if (Path(place) / name).is_symlink():
                        message = f"'{shown(name)}' in '{shown(place)}' is a link to another folder"
                        raise InputError("path-escapes", message, "put the folder itself there")

    def grid(self, key: str, share: Share) -> zarr.Grid | None:
        """The layout of one array, if it is of a kind that is read."""
        try:
            content = share.description.read(zarr.LONGEST)
            grid = zarr.described(content, share.name, key, self.folder, self.format)
        except zarr.Unread as kind:
            self.ignored[str(kind)] += 1
            return None
        chunks = prod(grid.counts)
        if share.chunks > chunks or (share.chunks < chunks and self.complete):
            problem = f"'{shown(key)}' consists of {chunks} parts, {share.chunks} are stored"
            raise corrupt(self.folder, self.format, problem)
        # Chunks that are not stored read as zeros, so a file of a few bytes can describe any size.
        unstored = grid.nbytes > MOST_UNSTORED and grid.nbytes > MOST_PACKED * share.nbytes
        if unstored or (grid.parts > 1 and share.chunks * grid.parts > share.nbytes):
            self.ignored["array far larger than what is stored of it"] += 1
            return None
        return grid

    @property
    def complete(self) -> bool:
        """Whether every chunk is stored; older checkpoints leave out what is all zeros."""
        return self.tree.get("store_array_data_equal_to_fill_value") is True

    def lazy(self, key: str, grid: zarr.Grid) -> LazyArray:
        @cache
        def store() -> Any:
            import tensorstore

            file = {"driver": "file", "path": self.home}
            base = {"driver": "ocdbt", "base": file} if self.database else file
            path = f"{key}/" if self.database else f"{self.home}{key}/"
            spec = {
                "driver": grid.driver,
                "kvstore": {**base, "path": path},
                "fill_missing_data_reads": not self.complete,
                "recheck_cached_data": False,
            }
            return tensorstore.open(spec, open=True, read=True, context=self.context).result()

        def rows(low: int, high: int) -> Rows:
            stored = store()
            if tuple(stored.shape) != grid.shape:
                raise ValueError("it was changed after it was opened")
            array = (stored[low:high] if grid.shape else stored).read(order="C").result()
            return as_rows(array.view(numpy_code(grid.dtype)), grid.dtype)

        return lazy_array(key, grid.shape, grid.dtype, self.folder, self.format, rows)


def moments(arrays: Mapping[str, LazyArray]) -> dict[str, object]:
    """Epoch and step, where the checkpoint keeps them as arrays of one number."""
    return {
        key: array.whole().item()
        for key in MOMENTS
        if (array := arrays.get(key)) is not None and not array.shape and array.dtype in INTEGERS
    }


def plain(value: object) -> dict[str, object]:
    """What of a JSON object can be shown as it is."""
    entries = value if isinstance(value, dict) else {}
    return {
        name: fact
        for name, fact in entries.items()
        if isinstance(fact, bool | int | float | str) and len(json.dumps(fact)) <= 4096
    }
