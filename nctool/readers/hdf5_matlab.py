"""MATLAB 7.3: HDF5 behind a header of text, its arrays turned around.

MATLAB counts the first dimension fastest and knows no array with fewer than two: sizes come back
in its order, vectors and numbers as such. Fields of a struct are joined by dots, as in MATLAB.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nctool.arrays import Opened
from nctool.readers import FIRST, Reader
from nctool.readers.shared.hdf5.arrays import lazy
from nctool.readers.shared.hdf5.contents import Contents, open_contents
from nctool.readers.shared.hdf5.tree import EXTRA, Node
from nctool.readers.shared.pickle_calls import Unfit

NAME = "matlab-7.3"
NUMBERS = frozenset({"double", "single"}) | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
OTHERS = {"char": "text of single characters", "cell": "cell array"}


def recognises(path: Path, head: bytes) -> bool:
    return head.startswith(b"MATLAB 7.3 MAT-file")


def open_matlab(path: Path) -> Opened:
    return open_contents(path, NAME, _fill)


def _fill(contents: Contents) -> None:
    for name, node in contents.root.children.items():
        if not name.startswith("#"):  # what cells and objects refer to
            _add(contents, name, node)
    for name in ("epoch", "global_step", "step"):
        contents.add_moment(name, name)


def _add(contents: Contents, key: str, node: Node) -> None:
    title = node.attributes.get("MATLAB_class")
    if node.group and "MATLAB_sparse" in node.attributes:
        contents.ignored["sparse matrix"] += 1
    elif node.group:
        for name, child in node.children.items():
            _add(contents, f"{key}.{name}", child)
    else:
        with contents.unless_unfit():
            _add_array(contents, key, node, title, bool(node.attributes.get("MATLAB_empty")))


def _add_array(contents: Contents, key: str, node: Node, title: object, empty: bool) -> None:
    if title in OTHERS:
        raise Unfit(OTHERS[str(title)])
    if empty:
        raise Unfit("empty array")
    stored = contents.stored(key, node)
    if title == "logical" and stored.dtype in ("uint8", "int8"):
        stored = replace(stored, dtype="bool")
    elif title is not None and title not in NUMBERS:
        raise Unfit("object of a class")
    contents.keep(lazy(contents.home, stored, key, matlab=True))


READER = Reader(NAME, recognises, open_matlab, covers="MATLAB 7.3 (.mat)", turn=FIRST, extra=EXTRA)
