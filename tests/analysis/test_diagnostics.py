"""Self-checks: each warning appears where it should, and does not where it should not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nctool
from nctool.core.errors import InputError
from nctool.statistics import duplicates
from nctool.statistics.duplicates import DuplicateSketch


def healthy(classes: int = 4, each: int = 40, dim: int = 8) -> dict[str, Any]:
    """Clear classes, a head that fits them, nothing to warn of."""
    random = np.random.default_rng(0)
    means = 4 * np.eye(classes, dim)
    labels = np.repeat(np.arange(classes), each)
    features = means[labels] + 0.3 * random.standard_normal((len(labels), dim))
    return {"features": features.astype(np.float32), "labels": labels, "weight": means}


def slugs(given: dict[str, Any]) -> set[str]:
    return {one.slug for one in nctool.analyze(**given).warnings}


def untrained(given: dict[str, Any]) -> None:
    """A head that names the first class always."""
    given["weight"] = np.ones_like(given["weight"])


def misaligned(given: dict[str, Any]) -> None:
    given["weight"] = np.roll(given["weight"], 1, axis=0)


def padded(given: dict[str, Any]) -> None:
    """The sampler filled its last batch with the first samples."""
    for name in ("features", "labels"):
        given[name] = np.concatenate([given[name], given[name][:5]])


def normalised(given: dict[str, Any]) -> None:
    given["features"] /= np.linalg.norm(given["features"], axis=1, keepdims=True)


def halved(given: dict[str, Any]) -> None:
    given["features"] = given["features"].astype(np.float16)


def broken(given: dict[str, Any]) -> None:
    given["features"][7, 3] = np.nan


def emptied(given: dict[str, Any]) -> None:
    kept = given["labels"] != 2
    given |= {name: given[name][kept] for name in ("features", "labels")}


def thinned(given: dict[str, Any]) -> None:
    kept = (given["labels"] != 2) | (np.arange(len(given["labels"])) == 80)
    given |= {name: given[name][kept] for name in ("features", "labels")}


def few(given: dict[str, Any]) -> None:
    kept = np.arange(len(given["labels"])) % 40 < 6
    given |= {name: given[name][kept] for name in ("features", "labels")}


def on_a_line(given: dict[str, Any]) -> None:
    """All class means on one line; the samples as far from them as before."""
    del given["weight"]
    labels, features = given["labels"], given["features"].astype(np.float64)
    means = np.stack([features[labels == label].mean(axis=0) for label in range(4)])
    given["features"] = features - means[labels] + np.outer(5 * labels, np.ones(8))


CASES = {
    "rank-deficient-means": on_a_line,
    "head-near-chance": untrained,
    "labels-shifted": misaligned,
    "duplicate-rows": padded,
    "normalised-features": normalised,
    "half-precision": halved,
    "non-finite-rows": broken,
    "empty-classes": emptied,
    "single-sample-classes": thinned,
    "fewer-samples-than-dimensions": few,
}


# On a healthy run none of them speaks.
def test_healthy() -> None:
    assert not slugs(healthy()) & set(CASES)


# What is wrong is named, and nothing else of the kind with it.
@pytest.mark.parametrize("slug", CASES)
def test_named(slug: str) -> None:
    given = healthy()
    CASES[slug](given)
    assert slugs(given) & set(CASES) == {slug}


def tight(each: int) -> nctool.Report:
    """Four classes far tighter than they are apart: only their number of samples matters."""
    given = healthy(each=each)
    means = given["weight"][given["labels"]]
    given["features"] = means + (given["features"] - means) / 1000
    return nctool.analyze(**given)


# From n samples of tight classes NC1 comes out 1/n too small. That is worth a word from one in
# twenty on, with the share in it, and not before.
def test_few_samples() -> None:
    plenty, few = tight(21), tight(19)
    assert "few-samples" not in {notice.slug for notice in plenty.warnings}
    (notice,) = [notice for notice in few.warnings if notice.slug == "few-samples"]
    assert notice.data["understatement"] == pytest.approx(1 / 19, rel=1e-4)
    assert notice.data["samples_per_class"] == 19
    assert "19 samples per class" in notice.message and "by about 5%" in notice.message
    assert "sample-limited" not in plenty["nc1.trace_ratio"].flags
    assert "sample-limited" in few["nc1.trace_ratio"].flags


# Where sampling alone explains how far the means are apart, nobody knows by how much.
def test_hopelessly_few_samples() -> None:
    random = np.random.default_rng(5)
    features = np.concatenate([random.standard_normal((3, 40)) for _ in range(4)])
    features -= 0.9 * np.repeat(features.reshape(4, 3, 40).mean(axis=1), 3, axis=0)
    report = nctool.analyze(features=features, labels=np.repeat(np.arange(4), 3))
    (notice,) = [notice for notice in report.warnings if notice.slug == "few-samples"]
    assert notice.data["understatement"] == 1.0 and "by an unknown factor" in notice.message


# How much of the possible the means span, and from where on a direction is none, stands in it.
def test_rank_deficient_means() -> None:
    given = healthy()
    on_a_line(given)
    (notice,) = [
        notice
        for notice in nctool.analyze(**given).warnings
        if notice.slug == "rank-deficient-means"
    ]
    assert (notice.data["rank"], notice.data["possible"]) == (1, 3)
    assert "span 1 of 3 possible directions" in notice.message


# Copies are counted, and two of their rows named, as stored: ignored samples count as rows.
def test_copies_named() -> None:
    given = healthy()
    given["labels"][3] = -100
    padded(given)
    found = next(one for one in nctool.analyze(**given).warnings if one.slug == "duplicate-rows")
    assert found.data["copies"] == 4
    rows = found.data["rows"]
    assert isinstance(rows, list) and rows[0] == [0, 160]
    assert "rows 0 and 160" in found.message


# Rows that share what the sketch looks at, and nothing more, are no copies.
def test_alike_but_not_copies() -> None:
    given = healthy(dim=64)
    looked_at = np.r_[: duplicates.ENDS, -duplicates.ENDS : 0]
    given["features"][:, looked_at] = given["features"][0, looked_at]
    given["features"][9] = given["features"][8]
    found = next(one for one in nctool.analyze(**given).warnings if one.slug == "duplicate-rows")
    assert found.data["copies"] == 1 and found.data["rows"] == [[8, 9]]


# Where most rows are copies, the network has collapsed: that is no fault of the sampler.
def test_collapsed_is_no_copy() -> None:
    given = healthy()
    given["features"] = given["weight"][given["labels"]].astype(np.float32)
    assert "duplicate-rows" not in slugs(given)


# A sketch too small for all rows keeps copies together, in whatever blocks they come.
@pytest.mark.parametrize("block", [7, 100, 1000])
def test_small_sketch(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(duplicates, "KEPT", 50)
    rows = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0))
    rows[500:600] = rows[:100]
    sketch = DuplicateSketch(5, torch.device("cpu"))
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        sketch.take(part, torch.arange(start, start + len(part)))
    found = sketch.finish()
    suspects = found.places
    assert 0 < len(suspects) < 40 and found.looked_at <= 100
    first = suspects[suspects < 500]
    assert (first < 100).all() and torch.equal(first + 500, suspects[suspects >= 500])


# Zeros of both signs are the same number.
def test_signed_zeros() -> None:
    import torch

    sketch = DuplicateSketch(2, torch.device("cpu"))
    sketch.take(torch.tensor([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]]), torch.arange(3))
    assert sketch.finish().places.tolist() == [0, 1]


# Without its few broken rows the numbers are those of the others alone; with many it is an error.
def test_without_broken_rows() -> None:
    given, rest = healthy(), healthy()
    given["features"][[7, 159 - 1]] = np.inf
    with pytest.raises(InputError) as caught:
        nctool.analyze(**given)
    assert caught.value.slug == "non-finite-features" and "2 of 160" in caught.value.message
    given = healthy()
    broken(given)
    rest |= {name: np.delete(rest[name], 7, axis=0) for name in ("features", "labels")}
    found, expected = nctool.analyze(**given), nctool.analyze(**rest)
    assert found.data["n"] == 159 and found.data["ignored"] == 1
    assert found["nc1.pinv"].value == pytest.approx(expected["nc1.pinv"].value, rel=1e-9)
