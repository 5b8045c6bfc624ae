"""Keras archives: a zip whose model.weights.h5 is read in place, and config.json as data.

No layer is made and no code that a Lambda layer brings is run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers import FIRST, Reader
from nctool.readers.hdf5 import fill_plainly
from nctool.readers.shared.archive import Member, bytes_of, is_zip, members, names
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.hdf5.contents import open_contents
from nctool.readers.shared.hdf5.tree import EXTRA
from nctool.readers.shared.shards import MOST_JSON

NAME = "keras"
WEIGHTS, CONFIG, METADATA = "model.weights.h5", "config.json", "metadata.json"
FACTS = ("keras_version", "date_saved")


def recognises(path: Path, head: bytes) -> bool:
    return is_zip(head) and WEIGHTS in names(path)


def open_keras(path: Path) -> Opened:
    with edge(path, NAME):
        archive = members(path, NAME)
        weights = archive.get(WEIGHTS)
        if weights is None:
            raise corrupt(path, NAME, f"it holds no {WEIGHTS}")
        if weights.compressed:
            usual = "Keras itself stores them as they are"
            message = f"the weights in '{shown(path)}' are compressed; {usual}"
            hint = f"unzip FILE {WEIGHTS}, then name that file"
            raise InputError("keras-compressed", message, hint)
        config, facts = _json(path, archive.get(CONFIG)), _json(path, archive.get(METADATA))
        fill = partial(fill_plainly, config=config)
        opened = open_contents(path, NAME, fill, weights.offset, weights.size)
    said = {name: facts[name] for name in FACTS if isinstance(facts.get(name), str)}
    facts = {**opened.metadata, **said}
    return replace(opened, metadata=facts, notices=(*opened.notices, *_code(config)))


def _json(path: Path, member: Member | None) -> Mapping[str, object]:
    if member is None or member.size > MOST_JSON:
        return {}
    content: object = json.loads(bytes_of(member, path, NAME))
    return content if isinstance(content, dict) else {}


def _code(config: Mapping[str, object]) -> tuple[Notice, ...]:
    """A word about compiled code in the description of a layer."""
    if '"__lambda__"' not in json.dumps(config):
        return ()
    message = "the file brings code of its own for a Lambda layer; nctool did not run it"
    return (Notice("code-not-run", message, "do not open this file with safe_mode=False"),)


READER = Reader(
    NAME, recognises, open_keras, covers="Keras archives (.keras)", turn=FIRST, extra=EXTRA
)
