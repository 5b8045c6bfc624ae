"""Parts whose rows carry the numbers of their samples: the whole, in order, each sample once."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nctool.inputs.sources import load
from nctool.settings.role_options import RoleOptions
from tests.inputs.parts_help import is_whole, read, refused, slugs
from tests.support import written
from tests.support.written import FEATURES, LABELS, RANKS, ROWS

splits = st.lists(st.integers(0, RANKS), min_size=ROWS, max_size=ROWS)


# However rows are spread over parts, with whatever repeated: by their index they are the whole.
@settings(max_examples=25, deadline=None)
@given(part_of=splits, padding=st.lists(st.tuples(st.integers(0, RANKS), st.integers(0, ROWS - 1)),
                                        max_size=9), shuffle=st.randoms())  # fmt: skip
def test_any_split_with_index(
    tmp_path_factory: pytest.TempPathFactory,
    part_of: list[int],
    padding: list[tuple[int, int]],
    shuffle: Random,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    parts: list[list[int]] = [[] for _ in range(RANKS + 1)]
    for row, part in enumerate(part_of):
        parts[part].append(row)
    for part, row in padding:
        parts[part].append(row)
    for rank, rows in enumerate(parts):
        shuffle.shuffle(rows)
        index = torch.tensor(rows, dtype=torch.int64)
        written.npz(folder / f"rank{rank}.npz", features=FEATURES[index], labels=LABELS[index],
                    index=index)  # fmt: skip
    source = load([str(folder)], RoleOptions())
    assert is_whole(folder)
    counted = [notice.data["count"] for notice in source.notices if notice.slug == "rows-repeated"]
    assert counted == ([len(padding)] if padding else [])


# Of rows of one sample the last writer's counts; that they differ is said.
def test_last_writer_wins(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.sampled(7)):
        written.npz(tmp_path / f"rank{rank}.npz", features=FEATURES[rows] + rank,
                    labels=LABELS[rows], index=torch.tensor(rows))  # fmt: skip
    features, _ = read(tmp_path)
    # Of 60 rows in turns over 7 ranks the first three are here again, on ranks 4, 5 and 6.
    assert [float((features[row] - FEATURES[row]).mean().round()) for row in range(5)] == [
        4,
        5,
        6,
        3,
        4,
    ]
    (notice,) = (
        each
        for each in load([str(tmp_path)], RoleOptions()).notices
        if each.slug == "rows-repeated"
    )
    assert notice.data == {"count": 3, "differ": True} and "augmentation" in notice.hint


# An index that says that one sample is of two classes is refused with both.
def test_contradicting_labels(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.sampled()):
        labels = LABELS[rows].clone()
        index = torch.tensor(rows)
        if rank == 2:
            index[3], labels[3] = 4, 1 - LABELS[4].clamp(max=1)
        written.npz(
            tmp_path / f"rank{rank}.npz", features=FEATURES[rows], labels=labels, index=index
        )
    problem = refused(tmp_path)
    assert problem.slug == "index-contradicts" and "sample 4 " in problem.message


# Rows counted anew on each rank are no sample numbers: parts keep their order, and that is said.
def test_index_within_parts(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.cut(RANKS)):
        written.npz(tmp_path / f"rank{rank}.npz", features=FEATURES[rows], labels=LABELS[rows],
                    index=torch.arange(len(rows)))  # fmt: skip
    assert is_whole(tmp_path) and "index-local" in slugs(tmp_path)


# Of numbers that leave some out, it is said how many samples no part holds.
def test_missing_samples(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.sampled()):
        if rank != 1:
            written.npz(tmp_path / f"rank{rank}.npz", features=FEATURES[rows], labels=LABELS[rows],
                        index=torch.tensor(rows))  # fmt: skip
    notices = {each.slug: each for each in load([str(tmp_path)], RoleOptions()).notices}
    assert notices["samples-missing"].data == {"count": 20, "first": 1}
    assert notices["parts-missing"].data == {"missing": [1]}
    assert "rank 1 is not here" in notices["parts-missing"].message


# One missing sample is noticed; numbers far beyond the samples are ids, and nothing is missing.
@pytest.mark.parametrize(("factor", "expected"), [(1, {"count": 1, "first": 7}), (1000, None)])
def test_one_missing(tmp_path: Path, factor: int, expected: dict[str, int] | None) -> None:
    for rank, rows in enumerate(written.sampled()):
        kept = [row for row in rows if row != 7]
        written.npz(tmp_path / f"rank{rank}.npz", features=FEATURES[kept], labels=LABELS[kept],
                    index=torch.tensor(kept) * factor)  # fmt: skip
    notices = {each.slug: each.data for each in load([str(tmp_path)], RoleOptions()).notices}
    assert notices.get("samples-missing") == expected


# Numbers from 40 on in each part are no rows counted anew: what they contradict is refused.
def test_contradiction_in_order(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.cut(RANKS)):
        written.npz(tmp_path / f"rank{rank}.npz", features=FEATURES[rows], labels=LABELS[rows],
                    index=torch.arange(40, 60))  # fmt: skip
    assert refused(tmp_path).slug == "index-contradicts"
