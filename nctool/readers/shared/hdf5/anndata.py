"""AnnData: cells in rows, columns about them in ``obs``, embeddings of them in ``obsm``."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from nctool.arrays import INTEGERS, LazyArray, NumpyArray, Rows
from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.hdf5.arrays import lazy
from nctool.readers.shared.hdf5.contents import BELIEVED_BYTES, MOST_REPEATED, Contents
from nctool.readers.shared.hdf5.tree import Node
from nctool.readers.shared.pickle_calls import Unfit
from nctool.readers.shared.region import as_rows, checked_shape, lazy_array

OF_CELLS = ("X", "obs", "obsm", "layers")


def is_anndata(contents: Contents) -> bool:
    root = contents.root
    named = root.attributes.get("encoding-type") == "anndata"
    return named or root.children.keys() >= {"X", "obs", "var"}


def fill_anndata(contents: Contents) -> None:
    """What has a row for each cell; the rest is about genes or about the whole."""
    for name, node in contents.root.children.items():
        if name not in OF_CELLS:
            contents.ignored[f"{name} (not about cells)"] += bool(node.children or not node.group)
        elif name == "X":
            _add(contents, name, node)
        else:
            for column, child in node.children.items():
                if name != "obs" or column not in (node.attributes.get("_index"), "__categories"):
                    _add(contents, f"{name}/{column}", child)
    contents.ignored += type(contents.ignored)()  # forgets what was counted zero times


def _add(contents: Contents, key: str, node: Node) -> None:
    if not node.group:
        contents.add(key, node)
        return
    attributes = node.attributes
    kind = str(attributes.get("encoding-type") or attributes.get("h5sparse_format") or "group")
    with contents.unless_unfit():
        if kind in ("csr_matrix", "csr"):
            shape = attributes.get("shape") or attributes.get("h5sparse_shape")
            contents.keep(_rows_of_csr(contents, key, node, shape))
        elif kind == "categorical":
            contents.keep(_categorical(contents, key, node))
        else:
            raise Unfit(f"{key} ({kind})")


def _part(contents: Contents, key: str, node: Node, name: str, rank: int) -> LazyArray:
    """One of the arrays that together make another."""
    child = node.children.get(name)
    if child is None or child.group:
        raise ValueError(f"'{shown(key)}' lacks its {name}")
    stored = contents.stored(f"{key}/{name}", child)
    if len(stored.shape) != rank:
        raise ValueError(f"the {name} of '{shown(key)}' are not in a row")
    return lazy(contents.home, stored, f"{key}/{name}")


def _numpy(rows: Rows) -> NumpyArray:
    import numpy

    return rows if isinstance(rows, numpy.ndarray) else rows.numpy()


def _categorical(contents: Contents, key: str, node: Node) -> LazyArray:
    codes = _part(contents, key, node, "codes", 1)
    categories = _part(contents, key, node, "categories", 1)
    path = contents.home.path
    if codes.dtype not in INTEGERS:
        raise ValueError(f"the codes of '{shown(key)}' are no integers")
    names = cache(lambda: _numpy(categories.whole()))

    def read(low: int, high: int) -> Rows:
        chosen, all_names = _numpy(codes.read(low, high)), names()
        if (chosen < 0).any():
            message = f"'{shown(key)}' in '{shown(path)}' says nothing about some cells"
            kept = f"a[a.obs['{shown(key.partition('/')[2])}'].notna()]"
            hint = f"keep the others: {kept}.write_h5ad('new.h5ad')"
            raise InputError("labels-missing", message, hint)
        if chosen.size and int(chosen.max()) >= len(all_names):
            raise corrupt(path, codes.format, f"'{shown(key)}' has codes without a category")
        return as_rows(all_names[chosen], categories.dtype)

    return lazy_array(key, codes.shape, categories.dtype, path, codes.format, read)


def _rows_of_csr(contents: Contents, key: str, node: Node, shape: object) -> LazyArray:
    """Rows of a sparse matrix, written out one block at a time."""
    data, columns = (_part(contents, key, node, name, 1) for name in ("data", "indices"))
    ends = _part(contents, key, node, "indptr", 1)
    path, format = contents.home.path, contents.format
    sizes = checked_shape(shape, key, path)
    whole = len(sizes) == 2 and ends.shape == (sizes[0] + 1,) and data.shape == columns.shape
    if not whole or not {columns.dtype, ends.dtype} <= INTEGERS or data.dtype == "str":
        raise ValueError(f"the parts of '{shown(key)}' do not fit together")

    def read(low: int, high: int) -> Rows:
        import numpy

        bounds = _numpy(ends.read(low, high + 1)).astype("i8")
        counts = numpy.diff(bounds)
        first, last = int(bounds[0]), int(bounds[-1])
        if (counts < 0).any() or not 0 <= first <= last <= data.shape[0]:
            raise corrupt(path, format, f"the rows of '{shown(key)}' are out of order")
        values, places = _numpy(data.read(first, last)), _numpy(columns.read(first, last))
        if places.size and not 0 <= int(places.min()) <= int(places.max()) < sizes[1]:
            raise corrupt(path, format, f"'{shown(key)}' has entries outside of its columns")
        out = numpy.zeros((high - low, sizes[1]), values.dtype)
        numpy.add.at(out, (numpy.repeat(numpy.arange(high - low), counts), places), values)
        return as_rows(out, data.dtype)

    array = lazy_array(key, sizes, data.dtype, path, format, read)
    if array.nbytes > max(BELIEVED_BYTES, MOST_REPEATED * contents.home.size):
        raise Unfit(f"{key} (a sparse matrix with next to nothing in it)")
    return replace(array, format=data.format)
