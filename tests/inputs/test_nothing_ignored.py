"""Nothing that the user gave is ignored: what was not used is said, in words and in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nctool
from nctool.core.errors import InputError
from tests.cli.shell import inside

SLUGS = {"source-unused", "features-without-labels", "unlabelled-features"}
RANDOM = np.random.default_rng(0)
MEANS = 3 * np.eye(5, 8, dtype=np.float32)
LABELS = np.repeat(np.arange(5), 20)
FEATURES = MEANS[LABELS] + RANDOM.standard_normal((100, 8)).astype(np.float32)


def saved(path: Path | str, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savez("samples.npz", features=FEATURES, labels=LABELS)
    saved("head.npz", {"fc.weight": MEANS})
    np.savez("junk.npz", junk=np.arange(7.0))
    np.save("features.npy", FEATURES)
    np.save("dump.npy", RANDOM.standard_normal((500, 32)).astype(np.float32))
    return tmp_path


def said(*sources: str, **named: Any) -> list[tuple[str, str]]:
    report = nctool.analyze(*sources, metrics="nc1.trace_ratio,nc2.norm_cv", **named)
    written = json.loads(report.to_json())["warnings"]
    assert [each["slug"] for each in written] == [each.slug for each in report.warnings]
    return [(each.slug, each.message) for each in report.warnings if each.slug in SLUGS]


# Where everything has a role, nothing is said.
def test_all_used(folder: Path) -> None:
    assert said("samples.npz") == said("samples.npz", "head.npz") == said("head.npz") == []


# A source that nothing was taken from is named, with what it holds.
def test_unused_source(folder: Path) -> None:
    message = "nothing of junk.npz was used; it holds 1 array: junk"
    assert said("samples.npz", "junk.npz", "head.npz") == [("source-unused", message)]
    (folder / "more").mkdir()
    (folder / "junk.npz").rename(folder / "more" / "junk.npz")
    (unused,) = said("samples.npz", "more")
    assert unused[1].startswith("nothing of more was used; it holds 1 array")


# One given twice is read once, and a glob that repeats it is no second.
def test_source_given_twice(folder: Path) -> None:
    message = "samples.npz was given more than once: it is read once"
    assert said("samples.npz", "samples.npz") == [("source-unused", message)]
    assert said("samples.npz", features="samples.npz::features") == []


# Features that have no labels are there and not used: neither the words nor the data say "none".
def test_features_without_labels(folder: Path) -> None:
    message = (
        "the features 'features' (100 × 8) have no labels and are not used: "
        "without labels there are no class means"
    )
    assert said("features.npy", "head.npz") == [("features-without-labels", message)]
    assert said("features.npy") == [("features-without-labels", message)]
    found = inside("analyze", "features.npy", "head.npz", "--metrics", "nc2.norm_cv")
    assert "features without labels, not used" in found.out
    assert "no features" not in found.out
    in_python = nctool.analyze(features=FEATURES, weight=MEANS, metrics="nc2.norm_cv")
    assert "features-without-labels" in {each.slug for each in in_python.warnings}


# A matrix of which only the shape says that it is a head may be features: both ways are shown.
def test_matrix_alone(folder: Path) -> None:
    ((slug, message),) = said("dump.npy")
    assert slug == "unlabelled-features" and "a classifier of 500 rows" in message
    assert said("dump.npy", weight="dump") == []
    np.save("classifier.npy", MEANS)
    np.save("W.npy", MEANS)
    assert said("classifier.npy") == said("W.npy") == []


# What a network puts out is no head, whether it lies in a folder of dumps or alone; it still is
# one for who says so.
@pytest.mark.parametrize("key", ["logits", "test_logits", "logits_val", "softmax", "preds"])
def test_outputs_are_no_head(folder: Path, key: str) -> None:
    dumps = folder / "dumps"
    dumps.mkdir()
    saved(dumps / "a.npz", {key: RANDOM.standard_normal((300, 10))})
    np.savez(dumps / "b.npz", loss=np.arange(5.0))
    for source in ("dumps", "dumps/a.npz"):
        with pytest.raises(InputError) as caught:
            nctool.analyze(source)
        assert caught.value.slug == "no-roles" and key in caught.value.message
    assert said("dumps/a.npz", weight=key) == []
