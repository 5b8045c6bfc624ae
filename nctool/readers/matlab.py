"""MATLAB files of versions 4 to 7, as MATLAB, Octave and scipy write them.

Only headers are walked. Arrays are mapped in place, column by column as they lie; those in a
compressed variable are unpacked when somebody asks for their rows. Objects, function handles and
sparse matrices are named and left out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from nctool.arrays import Opened
from nctool.readers import Reader
from nctool.readers.shared import matlab_4, matlab_5
from nctool.readers.shared.edge import edge
from nctool.readers.shared.matlab_bytes import MATLAB
from nctool.readers.shared.matlab_tree import Tree

ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
CLASS_NAMES = re.compile(r"(.*\.)?((class|label|category)_?names?|classes|categories)", re.I)


def recognises(path: Path, head: bytes) -> bool:
    if len(head) < matlab_4.HEADER.size:
        return False
    if head.startswith(b"MATLAB 5.0 MAT-file") or head[124:128] in ORDERS:
        return True
    # Version 4 has no signature: its first header has to make sense, with the name behind it.
    first = matlab_4.variable(head)
    if first is None:
        return False
    start = matlab_4.HEADER.size
    return bool(matlab_4.name_of(head[start : start + first.named]))


def open_matlab(path: Path) -> Opened:
    with edge(path, MATLAB), path.open("rb") as file:
        size = path.stat().st_size
        order = ORDERS.get(file.read(matlab_5.HEADER)[124:])
        file.seek(0)
        old = matlab_4.variable(file.read(matlab_4.HEADER.size)) is not None
        if order is None and old:
            variables = matlab_4.variables(file, path, size)
        else:
            variables = matlab_5.variables(file, path, order or "<", size)
        return _with_names(Tree(path).opened(variables))


def _with_names(opened: Opened) -> Opened:
    """The names of the classes, where one array of text says that it is them."""
    texts = (array for array in opened.arrays if array.dtype == "str")
    candidates = [array for array in texts if CLASS_NAMES.fullmatch(array.key)]
    if len(candidates) != 1:
        return opened
    names = {str(row): str(name) for row, name in enumerate(candidates[0].whole())}
    return replace(opened, metadata={**opened.metadata, "id2label": names})


READER = Reader("matlab", recognises, open_matlab, covers="MATLAB .mat up to version 7")
