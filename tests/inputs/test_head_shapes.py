"""Heads and features of more than two dimensions: the same numbers as their matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nctool
from nctool.inputs.sources import load
from nctool.settings.role_options import RoleOptions

RANDOM = np.random.default_rng(0)
HEAD = RANDOM.standard_normal((5, 8)).astype(np.float32)
LABELS = np.arange(60) % 5
FEATURES = (3 * HEAD[LABELS] + RANDOM.standard_normal((60, 8))).astype(np.float32)


def digest(path: Path, **arrays: Any) -> str:
    np.savez(path, features=FEATURES, labels=LABELS, **arrays)
    return nctool.analyze(path).digest


# A convolution over one pixel is a matrix, in either order of its axes.
@pytest.mark.parametrize("shape", [(5, 8, 1), (5, 8, 1, 1), (5, 8, 1, 1, 1)])
def test_convolutions(shape: tuple[int, ...], tmp_path: Path) -> None:
    plain = digest(tmp_path / "a.npz", **{"head.weight": HEAD})
    assert digest(tmp_path / "b.npz", **{"head.weight": HEAD.reshape(shape)}) == plain


def test_channels_last(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=FEATURES, labels=LABELS, **{
        "head.kernel": HEAD.T.reshape(1, 1, 8, 5)
    })  # type: ignore[arg-type]  # fmt: skip
    source = load([str(tmp_path / "a.npz")], RoleOptions())
    assert source.weight is not None and np.array_equal(source.weight.numpy(), HEAD)


# Maps of one place are vectors already.
def test_one_place(tmp_path: Path) -> None:
    plain = digest(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", features=FEATURES[:, :, None, None], labels=LABELS)
    assert nctool.analyze(tmp_path / "b.npz").digest == plain


# Maps of features are averaged over their places, whatever their size.
def test_maps(tmp_path: Path) -> None:
    maps = FEATURES[:, :, None, None] + RANDOM.standard_normal((60, 8, 2, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", features=maps, labels=LABELS)
    source = load([str(tmp_path / "a.npz")], RoleOptions(pool="mean"))
    assert source.features is not None and source.features.shape == (60, 8)
    rows = source.features.rows(10, 20)
    assert np.allclose(rows, maps[10:20].astype(np.float64).mean((2, 3)), rtol=1e-15)
