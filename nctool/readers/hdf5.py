"""HDF5: plain files, the weights of Keras, and AnnData (.h5ad).

Soft links are not followed, and nothing outside of the file is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nctool.arrays import Opened
from nctool.readers import Reader
from nctool.readers.shared.hdf5.anndata import fill_anndata, is_anndata
from nctool.readers.shared.hdf5.contents import Contents, open_contents
from nctool.readers.shared.hdf5.keras import add_keras_facts
from nctool.readers.shared.hdf5.tree import EXTRA

NAME = "hdf5"
MAGIC = b"\x89HDF\r\n\x1a\n"
PLACES = (0, 512, 1024, 2048)
"""Where the signature may stand: behind a block of the user's own, whose size is doubled."""


def recognises(path: Path, head: bytes) -> bool:
    return any(head.startswith(MAGIC, place) for place in PLACES)


def open_hdf5(path: Path) -> Opened:
    return open_contents(path, NAME, _fill)


def _fill(contents: Contents) -> None:
    if is_anndata(contents):
        contents.format = "h5ad"
        fill_anndata(contents)
    else:
        fill_plainly(contents)


def fill_plainly(contents: Contents, config: Mapping[str, object] | None = None) -> None:
    """Every dataset under its path, and what the root and Keras say of them."""
    for parts, node in contents.root.walk():
        if not node.group:
            contents.add("/".join(parts), node)
    contents.add_facts()
    add_keras_facts(contents, config)


READER = Reader(NAME, recognises, open_hdf5, "HDF5 (.h5, .hdf5, .h5ad, Keras weights)", extra=EXTRA)
