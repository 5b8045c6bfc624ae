"""The packaged table against codes that are kept, and the search that finds such codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from nctool.geometry import optima
from nctool.geometry.hull import margins
from nctool.geometry.optima.proven import OTHER_PROOFS
from nctool.geometry.optima.searched import searched_codes
from tests.support.known_codes import Rows, max_cosine, unit

CODES = Path(__file__).parents[3] / "fixtures" / "codes"
LARGE = {
    (int(dim), int(count)): path
    for path in sorted(CODES.glob("d*_K*.npy"))
    for dim, count in [re.findall(r"\d+", path.stem)]
}
LAST_DIGIT = 1e-10
"""The table rounds cosines up and margins down at the tenth digit."""
EARLIER = {
    (10, 100): 0.66222, (20, 100): 0.84814, (30, 100): 0.91476,
    (10, 200): 0.54586, (20, 200): 0.76917, (30, 200): 0.85198,
}  # fmt: skip
"""One minus the largest cosine of the codes that the search began with."""


def small() -> dict[tuple[int, int], Rows]:
    with np.load(CODES / "small.npz") as archive:
        names = {name: re.findall(r"\d+", name) for name in archive.files}
        return {(int(d), int(k)): archive[name] for name, (d, k) in names.items()}


def table() -> dict[tuple[int, int], float]:
    return {(code.dim, code.classes): code.cosine for code in searched_codes()}


# The six settings of the paper are kept, better than the earlier search had them.
def test_paper_settings() -> None:
    assert set(LARGE) == set(EARLIER)
    for (dim, count), path in LARGE.items():
        points = np.load(path)
        assert points.shape == (count, dim)
        assert 1 - max_cosine(unit(points)) > EARLIER[dim, count]


# Where the table has a kept code's size, its value is that code's.
def test_kept_codes_have_the_tables_values() -> None:
    kept = {size: np.load(path) for size, path in LARGE.items()} | small()
    compared = 0
    for size, points in kept.items():
        assert points.shape == (size[1], size[0])
        if size in table():
            compared += 1
            above = table()[size] - max_cosine(unit(points))
            assert -1e-13 <= above <= LAST_DIGIT + 1e-13
    assert compared > 50


# A kept code that the table leaves out is one that the table beats.
def test_left_out_codes_are_beaten() -> None:
    for size, points in ({s: np.load(p) for s, p in LARGE.items()} | small()).items():
        reference = optima.max_cosine(size[1], size[0])
        assert reference is not None
        assert reference.value <= max_cosine(unit(points)) + LAST_DIGIT


# Certified margins are what an exact distance to the hull gives.
def test_margins() -> None:
    kept = {size: np.load(path) for size, path in LARGE.items()} | small()
    certified = {
        (code.dim, code.classes): code.margin
        for code in searched_codes()
        if code.margin is not None
    }
    compared = 0
    for size in sorted(set(kept) & set(certified)):
        exact = margins(torch.from_numpy(unit(kept[size])), gap=1e-9, least_only=True)
        compared += 1
        assert certified[size] <= float(exact.upper.min()) + 1e-12
        assert certified[size] >= float(exact.lower.min()) - 1e-7
    assert compared >= 1


# Proved codes in space that nobody builds by hand were found by the search.
@pytest.mark.parametrize("count", [7, 9, 10, 13, 14])
def test_proved_by_others(count: int) -> None:
    (code,) = (code for code in OTHER_PROOFS if (code.classes, code.dim) == (count, 3))
    assert max_cosine(unit(small()[3, count])) == pytest.approx(code.cosine, abs=1e-12)


# The search finds the icosahedron and the 24-cell again.
@pytest.mark.parametrize(("count", "dim", "attempts"), [(12, 3, 1), (24, 4, 10)])
def test_search(count: int, dim: int, attempts: int, tmp_path: Path) -> None:
    words = f"--dims {dim} --classes {count} --attempts {attempts} --keep {tmp_path}".split()
    subprocess.run([sys.executable, CODES / "search.py", *words], check=True, capture_output=True)
    points = np.load(tmp_path / f"d{dim}_K{count}.npy")
    assert max_cosine(points) == pytest.approx(table()[dim, count], abs=1e-9)


# The shipped script takes a code into a table, and later only a better one.
def test_table_from_codes(tmp_path: Path) -> None:
    code, target = small()[3, 7], tmp_path / "searched.json"
    worse = code + 0.01 * np.arange(21).reshape(7, 3)
    entries = []
    for points in (worse, code, worse):
        np.save(tmp_path / "d3_K7.npy", points)
        words = ["--keep", str(tmp_path), "--table", str(target)]
        subprocess.run([sys.executable, CODES / "table.py", *words], check=True)
        entries.append(json.loads(target.read_text("utf-8"))["max_cosine"]["3"]["7"])
    first, second, third = entries
    assert 0 <= first - max_cosine(unit(worse)) <= LAST_DIGIT
    assert third == second == 0.2101383128 < first
