"""AnnData: what has a row for each cell, dense or sparse, with the words of its categories."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy
import pytest
import scipy.sparse
import torch

import nctool
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import arrays, plain

CELLS = 30
RANDOM = numpy.random.default_rng(2)
TYPES = ["T", "B", "NK"]
CODES = numpy.arange(CELLS) % 3
VALUES = (numpy.eye(5)[CODES] + RANDOM.normal(size=(CELLS, 5)) / 9).astype("f4")
HOLED = VALUES * (VALUES > 0.1)


def anndata(path: Path, values: object = VALUES, codes: numpy.ndarray = CODES) -> Path:
    """A file in the layout of anndata 0.12."""
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        if isinstance(values, scipy.sparse.csr_matrix | scipy.sparse.csc_matrix):
            matrix = file.create_group("X")
            matrix.attrs["encoding-type"] = f"{values.format}_matrix"
            matrix.attrs["shape"] = values.shape
            for name in ("data", "indices", "indptr"):
                matrix.create_dataset(name, data=getattr(values, name), compression="gzip")
        else:
            file["X"] = values
        obs = file.create_group("obs")
        obs.attrs["encoding-type"], obs.attrs["_index"] = "dataframe", "_index"
        obs.create_dataset("_index", data=[f"cell{number}" for number in range(CELLS)], dtype=text)
        obs.create_dataset("free", data=["x"] * CELLS, dtype=text)
        kind = obs.create_group("cell_type")
        kind.attrs["encoding-type"] = "categorical"
        kind["codes"] = codes.astype("i1")
        kind.create_dataset("categories", data=TYPES, dtype=text)
        maybe = obs.create_group("maybe")
        maybe.attrs["encoding-type"] = "nullable-integer"
        maybe["values"], maybe["mask"] = codes, codes > 0
        file["obsm/X_pca"] = VALUES[:, :2].astype("f8")
        file["var/gene"], file["uns/x"] = numpy.ones(5), 3
        file.create_group("varm")
    return path


# Law: cells are rows, categories their words, and the rest is named.
def test_contents(tmp_path: Path) -> None:
    opened = open_path(anndata(tmp_path / "a"))
    content = {array.key: array for array in opened.arrays}
    assert sorted(content) == ["X", "obs/cell_type", "obs/free", "obsm/X_pca"]
    assert (plain(content["X"].whole()) == VALUES).all()
    assert content["obs/cell_type"].shape == (CELLS,)
    assert content["obs/cell_type"].whole().tolist() == [TYPES[code] for code in CODES]
    assert content["obs/cell_type"].rows(4, 6).tolist() == [TYPES[1], TYPES[2]]
    assert opened.format == "h5ad" and opened.notices[0].data["count"] == 3


# Law: rows of a sparse matrix are those of the dense one, blocks of any size.
@pytest.mark.parametrize(("start", "stop"), [(0, CELLS), (3, 4), (7, 19), (25, 99), (5, 5)])
def test_sparse(tmp_path: Path, start: int, stop: int) -> None:
    array = arrays(anndata(tmp_path / "a", scipy.sparse.csr_matrix(HOLED)))["X"]
    rows = array.rows(start, stop)
    assert isinstance(rows, torch.Tensor) and rows.dtype == torch.float32
    assert array.shape == HOLED.shape and rows.shape == HOLED[start:stop].shape
    assert (plain(rows) == HOLED[start:stop]).all()


# Law: a matrix by columns cannot be read by rows and is named.
def test_columns(tmp_path: Path) -> None:
    opened = open_path(anndata(tmp_path / "a", scipy.sparse.csc_matrix(HOLED)))
    assert "X" not in {array.key for array in opened.arrays}
    assert "csc_matrix" in opened.notices[0].message


# Law: parts of a sparse matrix that contradict one another are refused.
@pytest.mark.parametrize(
    ("part", "at", "value"),
    [("indices", 3, 5), ("indices", 3, -1), ("indptr", 4, 10**6), ("indptr", 1, 99)],
)
def test_broken_sparse(tmp_path: Path, part: str, at: int, value: int) -> None:
    path = anndata(tmp_path / "a", scipy.sparse.csr_matrix(HOLED))
    with h5py.File(path, "a") as file:
        file[f"X/{part}"][at] = value
    with pytest.raises(InputError):
        arrays(path)["X"].whole()


# Law: a sparse matrix that is nothing but a size is left out before anybody writes it out.
def test_empty_giant(tmp_path: Path) -> None:
    path = anndata(tmp_path / "a", scipy.sparse.csr_matrix((30, 2**40)))
    assert "X" not in arrays(path)


# Law: cells without a category, or with one that does not exist, are an error when read.
@pytest.mark.parametrize(("code", "slug"), [(-1, "labels-missing"), (7, "file-corrupt")])
def test_missing_category(tmp_path: Path, code: int, slug: str) -> None:
    codes = CODES.copy()
    codes[5] = code
    array = arrays(anndata(tmp_path / "a", codes=codes))["obs/cell_type"]
    assert array.rows(0, 5).tolist() == [TYPES[code] for code in CODES[:5]]
    with pytest.raises(InputError) as caught:
        array.whole()
    assert caught.value.slug == slug


# Law: dense, sparse and .npz measure the same, bit for bit.
def test_analysis(tmp_path: Path) -> None:
    names = numpy.array([TYPES[code] for code in CODES])
    numpy.savez(tmp_path / "a.npz", features=HOLED, labels=names)
    theirs = nctool.analyze(tmp_path / "a.npz")
    for values in (HOLED, scipy.sparse.csr_matrix(HOLED)):
        path = anndata(tmp_path / "a.h5ad", values)
        ours = nctool.analyze(path, features="X", labels="obs/cell_type")
        assert ours.digest == theirs.digest
