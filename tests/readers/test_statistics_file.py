"""Files of sums: written and read again, damaged, and from strangers whose checksum holds."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nctool import analyze, merge, stats
from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.shared.statistics import Statistics
from nctool.readers.statistics_file import NAME, statistics_in, write_statistics

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sums"
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(40) % 4
W, B = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), torch.zeros(4)


def written(path: Path, **more: Any) -> Statistics:
    return stats(features=X, labels=Y, weight=W, bias=B, out=path, **more)


def read(path: Path) -> Statistics:
    return statistics_in(open_path(path))


def same(one: Statistics, other: Statistics) -> None:
    for group in ("first", "second", "whole", "means"):
        before, after = getattr(one, group), getattr(other, group)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
    nothing: dict[str, Any] = {
        "first": {}, "second": {}, "whole": {}, "means": {}, "weight": None, "bias": None,
        "path": "", "notices": (),
    }  # fmt: skip
    assert replace(one, **nothing) == replace(other, **nothing)


# What is written is read again, bit by bit; the same sums make the same file.
def test_round_trip(tmp_path: Path) -> None:
    path, again = tmp_path / "a.ncstats", tmp_path / "b.ncstats"
    statistics = written(path, class_names=["ant", "bee", "cat", "dög\n"])
    same(statistics, read(path))
    assert torch.equal(read(path).weight, W)  # type: ignore[arg-type]
    write_statistics(str(again), read(path))
    assert again.read_bytes() == path.read_bytes()
    assert open_path(path).format == NAME and statistics.complete


# It is known by its content, whatever it is called.
def test_any_name(tmp_path: Path) -> None:
    written(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").rename(tmp_path / "x.bin")
    assert open_path(tmp_path / "x.bin").format == NAME
    assert analyze(tmp_path / "x.bin").value("nc4.accuracy") is not None


# A file of every format there ever was has the numbers that it had.
def test_readable_for_ever() -> None:
    report = analyze(FIXTURES / "format-1.ncstats")
    assert report.value("nc1.pinv") == pytest.approx(1.772749024623945, rel=1e-12)
    assert report.value("nc4.accuracy") == pytest.approx(1 / 3)
    assert report.inputs[0].reason == "sums of 2 parts: left.npz, right.npz"
    whole = analyze(FIXTURES / "whole-1.ncstats")
    assert whole.value("hug.pair_distance") == pytest.approx(1.362250082341399, rel=1e-12)


# A file that is cut anywhere, or of which any bit is another, ends in one input error.
def test_damage(tmp_path: Path) -> None:
    path, damaged = tmp_path / "a.ncstats", tmp_path / "b.ncstats"
    written(path)
    data = path.read_bytes()
    for length in range(0, len(data), 61):
        damaged.write_bytes(data[:length])
        with pytest.raises(InputError):
            read(damaged)
    for place in [*range(0, 700, 7), *range(700, len(data), 397)]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        damaged.write_bytes(flipped)
        with pytest.raises(InputError):
            read(damaged)


def spoilt(path: Path, group: str, name: str, tensor: Tensor | None) -> None:
    """The sums with another tensor, under a checksum that holds."""
    statistics = written(path)
    sums = dict(getattr(statistics, group))
    if tensor is None:
        del sums[name]
    else:
        sums[name] = tensor
    fields: dict[str, Any] = {group: sums}
    write_statistics(str(path), replace(statistics, **fields))


F8 = partial(torch.full, dtype=torch.float64)
I8 = partial(torch.full, dtype=torch.int64)


# What cannot be sums is refused as an input, whoever made a checksum for it.
@pytest.mark.parametrize(
    ("group", "name", "tensor"),
    [
        ("first", "sample_sums/count", F8((4,), torch.nan)),
        ("first", "sample_sums/count", F8((4,), -10.0)),
        ("first", "sample_sums/count", F8((4,), 10.5)),
        ("first", "sample_sums/count", F8((4,), 1e15)),
        ("first", "sample_sums/count", F8((4,), 10.0).float()),
        ("first", "sample_sums/count", None),
        ("first", "sample_sums/mean", F8((4, 7), 0.0)),
        ("first", "sample_sums/mean", F8((6,), 0.0)),
        ("first", "sample_sums/mean", F8((4, 6), torch.inf)),
        ("first", "sample_sums/scatter", F8((4,), -1.0)),
        ("first", "sample_sums/products", F8((6, 5), 0.0)),
        ("first", "sample_sums/unit_mean", None),
        ("first", "sample_sums/zero_rows", I8((3,), 0)),
        ("first", "more", F8((4,), 0.0)),
        ("second", "agreed", F8((5,), 0.0)),
        ("second", "agreed", F8((4, 1), 0.0)),
        ("second", "near[means]/2", F8((4,), torch.nan)),
        ("second", "near[means]/2", None),
        ("second", "head_decisions/2", I8((2,), 99)),
        ("second", "head_decisions/2", I8((1, 1), 1)),
        ("second", "head_decisions/3", I8((1,), -5)),
        ("second", "logit_margins/0/values/values", F8((0,), 0.0)),
        ("second", "logit_margins/0/values/values", F8((2, 2), 0.0)),
        ("second", "logit_margins/0/values/counts", I8((3,), 1)),
        ("second", "logit_margins/0/values/dropped", torch.tensor(64)),
        ("whole", "kernels[means]/logs", F8((3,), 0.0)),
        ("whole", "duplicates/pairs", I8((2, 3), 0)),
        ("whole", "duplicates/count", None),
        ("whole", "kept_choice/limit", torch.tensor(-1)),
        ("whole", "kept_choice/most", F8((2,), 1.0)),
        ("whole", "other/most", F8((2,), 1.0)),
    ],
)  # fmt: skip
def test_hostile(tmp_path: Path, group: str, name: str, tensor: Tensor | None) -> None:
    spoilt(tmp_path / "a.ncstats", group, name, tensor)
    with pytest.raises(InputError):
        analyze(tmp_path / "a.ncstats")


# So it is with what is said beside the sums.
@pytest.mark.parametrize(
    "fields",
    [
        {"names": ("a", "b", "c")},
        {"names": tuple(map(str, range(5)))},
        {"parts": ()},
        {"weight": W[:3]},
        {"weight": W[:, :5]},
        {"bias": B[:2]},
        {"undefined": {"kernels[cats]": "no"}},
        {"run": {"epoch": [3]}},
        {"run": {"split": 3}},
        {"layer": 3},
    ],
)
def test_hostile_description(tmp_path: Path, fields: dict[str, Any]) -> None:
    path = tmp_path / "a.ncstats"
    write_statistics(str(path), replace(written(path), **fields))
    with pytest.raises(InputError):
        analyze(path)


# A file is replaced whole or not at all, and never one of those it is made of.
def test_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ncstats"
    written(path)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(Exception, match="no space left"):
        written(path)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
    with pytest.raises(Exception, match="being analysed"):
        merge(path, out=path)


# Its size is that of the sums, with so many signatures of rows and no more.
def test_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nctool.statistics.signatures.KEPT", 100)
    sizes = []
    for rows in (1000, 8000):
        x, y = np.random.default_rng(0).normal(size=(rows, 32)), np.arange(rows) % 10
        path = tmp_path / f"{rows}.ncstats"
        stats(features=x, labels=y, out=path, shard=True)
        sizes.append(path.stat().st_size)
    assert sizes[0] == pytest.approx(sizes[1], abs=20)  # numbers have more digits
