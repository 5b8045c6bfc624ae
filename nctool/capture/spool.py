"""Rows that were collected: in memory while they are few, then on disk, as a folder of features.

The folder is of the layout that ``nctool.readers.feature_folder`` describes, so that what was kept
is read again as any capture is.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import finalize

import torch
from torch import Tensor

from nctool.arrays import LazyArray
from nctool.core.errors import UsageError
from nctool.core.files import unwritable
from nctool.core.version import __version__
from nctool.readers.feature_folder import HEAD, MARK, NAME, SELECTORS, VERSION, open_folder

IN_MEMORY = 256 << 20
"""Rows are held in memory up to here, and are a shard of the folder beyond."""

FREE_SHARE = 0.5
"""Of the free disk, what rows may take."""

FEATURES, LABELS = "features", "labels"
RESERVED = (FEATURES, LABELS, *SELECTORS)


@dataclass(slots=True, weakref_slot=True)
class Spool:
    """Rows of several arrays, added batch by batch; ``close`` removes what was not kept.

    So does the end of the spool itself, or of the process.

    ``limit`` bytes is the most that they take, on the disk of the temporary folder; rows that are
    kept in ``out`` are as many as there are.
    """

    limit: int
    out: Path | None = None
    most_held: int = IN_MEMORY
    rows: int = 0
    size: int = 0
    shards: list[str] = field(default_factory=list)
    held: list[dict[str, Tensor]] = field(default_factory=list)
    held_size: int = 0
    draft: Path | None = None
    _remove: finalize[Any, Any] | None = None

    def __post_init__(self) -> None:
        if self.out is not None:
            check_out(self.out)

    def add(self, rows: dict[str, Tensor]) -> bool:
        """Take rows of the features, the labels and whatever else there is for each.

        False, and nothing is taken, where they no longer fit.
        """
        size = sum(values.nbytes for values in rows.values())
        if self.out is None and self.size + size > self.limit:
            return False
        if self.held_size + size > self.most_held and self.held:
            if self.draft is None and not self._begin():
                return False
            self._write_shard()
        self.held.append(rows)
        self.held_size += size
        self.size += size
        self.rows += len(rows[FEATURES])
        return True

    def taken(self) -> Iterator[dict[str, Tensor]]:
        """All rows that were taken, in their order, and nothing is held afterwards."""
        from safetensors.torch import load_file

        if self.draft is not None:
            for name in self.shards:
                yield load_file(self.draft / name)
        yield from self.held
        self.close()

    def finish(self, head: Mapping[str, Tensor], facts: Mapping[str, object]) -> list[LazyArray]:
        """The arrays; rows on disk are a whole folder from here on, and in ``out`` if kept.

        ``facts`` are those of the folder's ``nctool.json``. Rows that are not kept in ``out`` may
        grow, and be finished again.
        """
        if self.out is None and self.draft is None:
            whole = {key: torch.cat([part[key] for part in self.held]) for key in self.held[0]}
            self.held = [whole]
            return [_in_memory(key, values) for key, values in whole.items()]
        if self.draft is None:
            self._begin()
        assert self.draft is not None
        self._write_shard()
        if head:
            self._save(HEAD, head)
        content = {
            "format": NAME, "version": VERSION, "shards": self.shards, "rows": self.rows,
            **facts, "written_by": f"nctool {__version__}",
        }  # fmt: skip
        try:
            (self.draft / MARK).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
            folder = self.draft if self.out is None else _placed(self.draft, self.out)
        except OSError as problem:
            raise unwritable(str(self.out or self.draft), problem) from problem
        return list(open_folder(folder).arrays)

    def close(self) -> None:
        """Remove the temporary folder, if there is one."""
        self.held = []
        if self._remove is not None:
            self._remove()
            self.draft = self._remove = None

    def _begin(self) -> bool:
        """A folder to write to; False where the disk has no room for it."""
        parent = Path(tempfile.gettempdir()) if self.out is None else self.out.resolve().parent
        if self.out is None:
            free = shutil.disk_usage(parent).free * FREE_SHARE
            self.limit = min(self.limit, int(free))
            if self.size > self.limit:
                return False
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix=".nctool-", dir=parent)
            self._remove = finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self.draft = Path(folder, "features")
            self.draft.mkdir()
        except OSError as problem:
            raise unwritable(str(self.out or parent), problem) from problem
        return True

    def _write_shard(self) -> None:
        if not self.held:
            return
        name = f"features-r00000-{len(self.shards):05d}.safetensors"
        self._save(
            name, {key: torch.cat([part[key] for part in self.held]) for key in self.held[0]}
        )
        self.shards.append(name)
        self.held, self.held_size = [], 0

    def _save(self, name: str, arrays: Mapping[str, Tensor]) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        assert self.draft is not None
        whole = {key: each.cpu().contiguous() for key, each in arrays.items()}
        try:
            save_file(whole, self.draft / name)
        except SafetensorError as problem:
            # The number of what the system said comes as text alone.
            number = re.search(r"os error (\d+)", str(problem))
            code = int(number[1]) if number else errno.EIO
            told = OSError(code, os.strerror(code) if number else str(problem))
            raise unwritable(str(self.out or self.draft), told) from problem


def check_out(out: Path) -> None:
    """Before the first batch: raise unless this folder can be written, or be written again."""
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        message = f"the folder {str(out)!r} holds something else than collected features"
        raise UsageError("out-taken", message, "give a folder that is new or empty")
    there = next(each for each in (out.absolute(), *out.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        message = f"output {str(out)!r} cannot be written: {str(there)!r} is no writable folder"
        raise UsageError("output-unwritable", message, "give a folder in one that can be written")


def key_of(layer: str) -> str:
    """The name of a layer's array in the folder, which has names of its own."""
    return f"{layer}.output" if layer in RESERVED else layer


def _in_memory(key: str, values: Tensor) -> LazyArray:
    name = str(values.dtype).removeprefix("torch.")
    return LazyArray(
        key, tuple(values.shape), name, "", "memory", lambda low, high: values[low:high]
    )


def _placed(draft: Path, out: Path) -> Path:
    """The finished folder under its name; what was collected there before is replaced."""
    target = out.resolve()
    if target.exists():
        target.rename(draft.parent / "replaced")
    draft.rename(target)
    return target
