"""Shards summed, merged and measured by the command, as it says itself."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import nctool
from tests.cli.shell import DIGITS, EPOCH_10, Said, inside

ARRAYS = load_file(EPOCH_10)
HEAD: dict[str, Any] = {"fc.weight": ARRAYS["head.weight"], "fc.bias": ARRAYS["head.bias"]}
PARTS = 3


def run(*words: str | Path) -> Said:
    said = inside(*words)
    assert said.code == 0, said.err
    return said


def numbers(source: str | Path, *more: str) -> dict[str, Any]:
    """Every metric of a source."""
    said = run("analyze", source, "--json", "-", "--dtype", "float64", *more)
    return {metric["id"]: metric for metric in json.loads(said.out)["metrics"]}


def write(folder: Path, name: str, rows: np.ndarray, head: bool = True) -> None:
    x, y = ARRAYS["train_features"][rows], ARRAYS["train_labels"][rows]
    np.savez(folder / name, features=x, labels=y, **(HEAD if head else {}))


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The digits in three shards and as a whole, in the current folder."""
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).permutation(len(ARRAYS["train_labels"]))
    write(tmp_path, "whole.npz", rows)
    for place, part in enumerate(np.split(rows, [100, 700])):
        write(tmp_path, f"part {place}.npz", part)
    return tmp_path


# From shards to the numbers of the whole, by what merge says to type.
def test_as_told(shards: Path) -> None:
    for place in range(PARTS):
        run("stats", f"part {place}.npz", "--shard", "-o", f"{place}.ncstats")
    said = run("merge", *(f"{place}.ncstats" for place in range(PARTS)), "-o", "all.ncstats").out
    assert said.startswith("all.ncstats: the first pass over 1,437 samples of 10 classes")
    first = numbers("all.ncstats")
    commands = re.findall(r"^  nctool (.*)$", said, re.MULTILINE)
    assert len(commands) == PARTS + 1
    assert commands[0] in str(first["nc4.accuracy"]["reason"])
    for command in commands:
        last = run(*shlex.split(command)).out
    assert last.startswith("all.ncstats: both passes over 1,437 samples")
    whole, both = numbers("whole.npz"), numbers("all.ncstats")
    for name, metric in whole.items():
        if both[name]["value"] is not None:
            assert both[name]["value"] == pytest.approx(metric["value"], rel=1e-9, abs=1e-13), name
    skipped = {name for name in whole if both[name]["status"] != whole[name]["status"]}
    assert skipped == {"hug.pair_distance", "hug.mgd.means", "hug.mgd.weights"}
    assert first["nc1.pinv"]["value"] == pytest.approx(whole["nc1.pinv"]["value"], rel=1e-9)


# A whole set needs one command, and its sums have everything.
def test_whole(shards: Path) -> None:
    run("stats", "whole.npz", "-o", "whole.ncstats")
    samples, sums = numbers("whole.npz"), numbers("whole.ncstats")
    for name, metric in samples.items():
        assert sums[name]["status"] == metric["status"], name
        if metric["value"] is not None:
            assert sums[name]["value"] == pytest.approx(metric["value"], rel=1e-12, abs=1e-15)


# A head may lie beside the sums; one that they were not made with is refused.
def test_head_beside(shards: Path) -> None:
    write(shards, "bare.npz", np.arange(1437), head=False)
    run("stats", "bare.npz", "-o", "bare.ncstats")
    torch.save({name: torch.from_numpy(array) for name, array in HEAD.items()}, "model.ckpt")
    said = run("analyze", "bare.ncstats", "model.ckpt", "--json", "-")
    document = json.loads(said.out)
    found = {metric["id"]: metric for metric in document["metrics"]}
    assert found["nc3.distance"]["value"] == pytest.approx(
        numbers("whole.npz")["nc3.distance"]["value"], rel=1e-9
    )
    assert found["nc4.accuracy"]["reason"].endswith(
        "made without a head; with it: nctool stats bare.npz MODEL -o bare.ncstats"
    )
    assert [each["role"] for each in document["inputs"]] == ["features", "head", "bias"]
    run("stats", "whole.npz", "-o", "whole.ncstats")
    assert json.loads(run("analyze", "whole.ncstats", "model.ckpt", "--json", "-").out)["metrics"]
    torch.save({"fc.weight": 2 * torch.from_numpy(HEAD["fc.weight"])}, "model.ckpt")
    assert inside("analyze", "whole.ncstats", "model.ckpt").code == 3


# Sums of several moments are a run; runs are compared by them; inspect says what they are.
def test_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    for epoch in ("0003", "0010", "0030"):
        source = DIGITS / f"epoch={epoch}.safetensors"
        run("stats", source, "--split", "train", "-o", f"run/epoch={epoch}.ncstats")
    document = json.loads(run("analyze", "run", "--json", "-").out)
    assert document["kind"] == "trajectory" and len(document["points"]) == 3
    assert document["points"][0]["report"]["run"]["epoch"] == 3
    assert nctool.trajectory("run").steps == nctool.trajectory(DIGITS).steps[2:5]
    said = run("compare", "run/epoch=0003.ncstats", "run/epoch=0030.ncstats")
    assert "nc1" in said.out.lower()
    looked = json.loads(run("inspect", "run/epoch=0010.ncstats", "--json", "-").out)
    assert looked["epoch"] == 10 and looked["problem"] is None
    assert "both passes over 1,437 samples of 10 classes" in looked["warnings"][0]["message"]
    gated = inside("analyze", "run/epoch=0030.ncstats", "--gate", "nc4.accuracy >= 0.5")
    assert gated.code == 0


# The report names the parts that its numbers come from.
def test_parts_are_named(shards: Path) -> None:
    for place in range(PARTS):
        nctool.stats(f"part {place}.npz", out=f"{place}.ncstats", shard=True)
    nctool.merge(*(f"{place}.ncstats" for place in range(PARTS)), out="all.ncstats")
    features = nctool.analyze("all.ncstats").inputs[0]
    assert features.path == "all.ncstats" and features.shape == (1437, 64)
    assert features.reason == "sums of 3 parts: part 0.npz, part 1.npz, part 2.npz"


# In Python the same, of arrays in memory, too; what is printed is a sentence.
def test_python(shards: Path) -> None:
    x, y = ARRAYS["train_features"], ARRAYS["train_labels"]
    given: dict[str, Any] = {"weight": HEAD["fc.weight"], "bias": HEAD["fc.bias"]}
    for place, rows in enumerate((slice(0, 500), slice(500, None))):
        nctool.stats(features=x[rows], labels=y[rows], **given, out=f"{place}.ncstats", shard=True)
    means = nctool.merge("0.ncstats", "1.ncstats", out="means.ncstats")
    assert repr(means).startswith("means.ncstats: the first pass over 1,437 samples")
    for place, rows in enumerate((slice(0, 500), slice(500, None))):
        arrays: dict[str, Any] = {"features": x[rows], "labels": y[rows], **given}
        nctool.stats(**arrays, out=f"{place}b.ncstats", around="means.ncstats")
    nctool.merge("?b.ncstats", out="both.ncstats")
    whole = nctool.analyze(features=x, labels=y, **given, dtype="float64")
    both = nctool.analyze("both.ncstats")
    for name in ("nc1.pinv", "nc4.mismatch", "gnc.logit_margin", "hug.mhe.weights"):
        assert both.value(name) == pytest.approx(whole.value(name), rel=1e-9), name
    assert both.verdict is not None and both.verdict.word == whole.verdict.word  # type: ignore[union-attr]


# The same samples twice are refused, in whatever file they come and however it is named.
def test_twice(shards: Path) -> None:
    nctool.stats("part 0.npz", out="a.ncstats", shard=True)
    (shards / "copy.npz").write_bytes((shards / "part 0.npz").read_bytes())
    nctool.stats("copy.npz", out="b.ncstats", shard=True)
    for second in ("a.ncstats", "b.ncstats"):
        said = inside("merge", "a.ncstats", second, "-o", "all.ncstats")
        assert said.code == 3 and "merge-twice" in said.err
    assert not (shards / "all.ncstats").exists()


# One file alone is merged into the same file.
def test_single(shards: Path) -> None:
    run("stats", "whole.npz", "-o", "a.ncstats")
    run("merge", "a.ncstats", "-o", "b.ncstats")
    assert (shards / "a.ncstats").read_bytes() == (shards / "b.ncstats").read_bytes()
