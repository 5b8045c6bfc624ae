"""nctool's own folders of features, as a capture during training writes them.

One folder holds the features of one layer on one split at one moment:

- ``features-rRRRRR-NNNNN.safetensors``: shard NNNNN of rank RRRRR, both of five digits and
  counted from 0, with ``features`` (n, d), ``labels`` (n,) and perhaps ``mask`` (n,), where zero
  leaves a row out, and ``index`` (n,), the number of each sample in the data set. All shards hold
  arrays of the same names, types and widths; further arrays of n rows are joined like these.
- ``head.safetensors``, perhaps: ``weight`` (K, d) and ``bias`` (K,) as they were at that moment.
- ``nctool.json``, which is written last: a folder without it was never finished. ::

      {"format": "nctool-features", "version": 1,
       "shards": ["features-r00000-00000.safetensors", …],
       "rows": N, "dim": d, "classes": [names] or null,
       "epoch": number or null, "step": number or null,
       "split": text or null, "layer": text or null}

  ``rows`` counts what the shards store, before masks and repeated samples. A reader leaves
  fields that it does not know alone, and refuses a higher version.

Rows come in the order of ranks, then shards. Masks and indexes, a few bytes per row, are read
when the folder is opened: how many rows there are depends on them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nctool.arrays import INTEGERS, LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers import FIRST, Reader
from nctool.readers.safetensors_files import open_file
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.joined import Joined
from nctool.readers.shared.kept_rows import Kept, kept_rows
from nctool.readers.shared.section import beginning
from nctool.readers.shared.shards import inside, read_json, with_config

NAME = "nctool-features"
MARK = "nctool.json"
HEAD = "head.safetensors"
VERSION = 1
SHARD = re.compile(r"features-r(\d{5})-(\d{5})\.safetensors")
SELECTORS = ("mask", "index")
FACTS = {"epoch": (int, float), "step": (int,), "split": (str,), "layer": (str,)}


def recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        mark = path / MARK
        return bool(_shards_in(path)) or (mark.is_file() and NAME.encode() in beginning(mark, 4096))
    return head.lstrip().startswith(b"{") and path.name == MARK and NAME.encode() in head


def _shards_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.glob("features-r*") if SHARD.fullmatch(entry.name))


def open_folder(path: Path) -> Opened:
    folder = path if path.is_dir() else path.parent
    if not (folder / MARK).is_file():
        present = _shards_in(folder)
        holds = f"{len(present)} shards of features but no {MARK}, which is written last"
        message = f"'{shown(folder)}' is an unfinished capture: it holds {holds}"
        look = f"nctool inspect '{shown(folder / present[0])}'"
        hint = f"run the capture again; or look at one shard:\n{look}"
        raise InputError("capture-unfinished", message, hint)
    with edge(folder / MARK, NAME):
        content = _content(inside(folder, MARK))
        names = _names(content, folder)
    shards = [open_file(inside(folder, name)) for name in names]
    arrays, kept = _joined(folder, shards, content)
    head, used = _head(folder)
    opened = Opened(folder, NAME, (*arrays, *head), _facts(content), _words(kept))
    return with_config(opened, folder, [*used, *(folder / name for name in names)])


def _content(mark: Path) -> Mapping[str, object]:
    content = read_json(mark)
    if content.get("format") != NAME:
        raise ValueError(f"its format is {shown(content.get('format'), 40)}, expected {NAME}")
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        message = f"'{shown(mark)}' is of version {shown(version, 20)}, this nctool reads {VERSION}"
        raise InputError("version-unknown", message, "pip install --upgrade nctool")
    return content


def _names(content: Mapping[str, object], folder: Path) -> list[str]:
    """The shards by rank and number; every file of that kind has to be listed."""
    listed = content.get("shards")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if not isinstance(listed, list) or len(set(names)) < len(listed):
        raise ValueError("its shards are no list of names, each there once")
    strange = [name for name in names if not SHARD.fullmatch(name)]
    if strange:
        raise ValueError(f"'{shown(strange[0], 60)}' is no name of a shard")
    # A shard of an earlier capture beside this one's would be read as if it belonged to it.
    more = sorted(set(_shards_in(folder)) - set(names))
    if more:
        unlisted = f"{len(more)} shards that its {MARK} does not list: {', '.join(more[:4])}"
        hint = "remove them if they are left over from an earlier capture, or capture again"
        raise InputError("shards-mixed", f"'{shown(folder)}' holds {unlisted}", hint)
    return sorted(names)


def _joined(
    folder: Path, shards: Sequence[Opened], content: Mapping[str, object]
) -> tuple[list[LazyArray], Kept]:
    tables = [{array.key: array for array in shard.arrays} for shard in shards]
    for shard, table in zip(shards, tables, strict=True):
        problem = _misfit(table, tables[0], content.get("dim"))
        if problem:
            raise corrupt(shard.path, NAME, problem)
    rows = sum(table["features"].shape[0] for table in tables)
    if content.get("rows") != rows:
        problem = f"its shards hold {rows} rows, {MARK} says {shown(content.get('rows'), 40)}"
        raise corrupt(folder, NAME, problem)
    masks, indexes = ([table[name] for table in tables if name in table] for name in SELECTORS)
    with edge(folder, NAME):
        kept = kept_rows(masks, indexes)
    if not rows - kept.masked - kept.repeated:
        stored = f"{rows} are stored, {kept.masked} of them masked"
        message = f"'{shown(folder)}' holds no row of features that counts: {stored}"
        hint = "capture at least one batch, and check what the mask leaves out"
        raise InputError("features-empty", message, hint)
    arrays = [
        Joined([table[key] for table in tables], kept.rows).lazy(key, folder, NAME)
        for key in tables[0]
        if key not in SELECTORS
    ]
    return arrays, kept


def _misfit(table: Mapping[str, LazyArray], first: Mapping[str, LazyArray], dim: object) -> str:
    """What is wrong with a shard, by itself or beside the first one."""
    features = table.get("features")
    if features is None or len(features.shape) != 2 or features.shape[1] != dim:
        shape = "none" if features is None else f"of shape {features.shape}"
        return f"its features are {shape}, expected (n, {shown(dim, 20)})"
    if table.keys() != first.keys():
        return f"it holds {', '.join(map(shown, sorted(table)))}, the first shard others"
    for key, array in table.items():
        if array.shape[:1] != features.shape[:1]:
            return f"'{shown(key)}' is of shape {array.shape} beside features of {features.shape}"
        if (array.dtype, array.shape[1:]) != (first[key].dtype, first[key].shape[1:]):
            return f"'{shown(key)}' is of another type or width than in the first shard"
        if key in SELECTORS and (array.dtype not in INTEGERS or len(array.shape) != 1):
            return f"'{key}' is {array.dtype} of shape {array.shape}, expected n integers"
    return ""


def _head(folder: Path) -> tuple[list[LazyArray], list[Path]]:
    if not (folder / HEAD).is_file():
        return [], []
    arrays = open_file(inside(folder, HEAD)).arrays
    named = [
        array if array.key.startswith("head.") else replace(array, key=f"head.{array.key}")
        for array in arrays
    ]
    return named, [folder / HEAD]


def _facts(content: Mapping[str, object]) -> dict[str, object]:
    facts = {
        name: content[name] for name, kinds in FACTS.items() if type(content.get(name)) in kinds
    }
    classes = content.get("classes")
    if isinstance(classes, list) and all(isinstance(name, str) for name in classes):
        facts["id2label"] = {str(number): name for number, name in enumerate(classes)}
    return facts


def _words(kept: Kept) -> tuple[Notice, ...]:
    notices = []
    if kept.masked:
        message = f"{kept.masked:,} rows are left out by the capture's mask"
        notices.append(Notice("rows-masked", message, data={"count": kept.masked}))
    if kept.repeated:
        reason = "their samples are here already, repeated so that every rank had equally many"
        message = f"{kept.repeated:,} rows are left out: {reason}"
        notices.append(Notice("rows-repeated", message, data={"count": kept.repeated}))
    return tuple(notices)


READER = Reader(
    NAME, recognises, open_folder, covers="folders of features written by nctool", turn=FIRST
)
