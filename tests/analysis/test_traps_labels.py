"""Labels that other tools misread."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nctool
from nctool.core.errors import InputError
from tests.support.stored_populations import stored
from tests.support.ten_classes import EXACT, close, given, slugs, values


# Trap: labels used as row numbers without asking; 10, 20, 30 are three classes.
@pytest.mark.parametrize("with_head", [True, False])
def test_raw_labels(with_head: bool) -> None:
    arrays = given()
    labels = arrays.pop("labels")
    if not with_head:
        del arrays["weight"], arrays["bias"]
    plain = nctool.analyze(**arrays, labels=labels, per_class=True)
    spaced = nctool.analyze(**arrays, labels=10 * labels + 10, per_class=True)
    assert values(spaced) == close(plain)
    assert spaced.data["k"] == 10
    named = spaced["nc1.cdnv"].worst
    assert named is not None and {one.name for one in named} <= {str(c) for c in range(10, 110, 10)}
    assert ("labels-by-order" in slugs(spaced)) == with_head


# Trap: a class without samples taken for a class whose mean is zero.
def test_absent_class() -> None:
    arrays = given()
    keep = arrays["labels"] != 3
    arrays |= {"features": arrays["features"][keep], "labels": arrays["labels"][keep]}
    report = nctool.analyze(**arrays, per_class=True)
    assert report.data["k"] == 9 and report.data["class_counts"]["empty"] == 1
    assert "empty-classes" in slugs(report)
    renumbered = np.where(arrays["labels"] > 3, arrays["labels"] - 1, arrays["labels"])
    alone = nctool.analyze(features=arrays["features"], labels=renumbered)
    for one in alone:
        if one.needs == ("features", "labels"):
            known = one.value and pytest.approx(one.value, rel=EXACT, abs=1e-15)
            assert (report[one.id].value, report[one.id].status) == (known, one.status), one.id
            by_class = report[one.id].per_class
            assert by_class is None or by_class[3] is None


# Trap: labels outside the head's rows dropped without a word.
@pytest.mark.parametrize("label", [10, 11, 1000])
def test_labels_beyond_the_head(label: int) -> None:
    arrays = given()
    arrays["labels"] = np.where(np.arange(len(arrays["labels"])) < 5, label, arrays["labels"])
    with pytest.raises(InputError) as caught:
        nctool.analyze(**arrays)
    assert caught.value.slug == "labels-against-head"
    assert "11 different values" in caught.value.message and "10 rows" in caught.value.message


# Trap: -1, which marks samples without a label, dropped without a word or taken for a class.
@pytest.mark.parametrize("with_head", [True, False])
def test_negative_labels(with_head: bool) -> None:
    arrays = given()
    arrays["labels"] = np.where(np.arange(len(arrays["labels"])) < 5, -1, arrays["labels"])
    if not with_head:
        del arrays["weight"], arrays["bias"]
    with pytest.raises(InputError) as caught:
        nctool.analyze(**arrays)
    assert caught.value.slug == "negative-labels"
    assert nctool.analyze(**arrays, ignore_labels=[-1]).data["ignored"] == 5


# Trap: ten labels of which one is not a row number pass for the ten rows; the report says so.
def test_labels_matched_by_order() -> None:
    arrays = given()
    arrays["labels"] = np.where(arrays["labels"] == 9, 12, arrays["labels"])
    report = nctool.analyze(**arrays)
    assert "labels-by-order" in slugs(report)
    assert values(report) == values(nctool.analyze(**given()))


# Trap: "10" sorts before "2", so that numbers read as text meet the wrong rows of the head.
def test_numbers_as_text() -> None:
    arrays = dict(stored("many_classes", "float64").given)
    numbers = nctool.analyze(**arrays)
    texts = nctool.analyze(**arrays | {"labels": np.asarray(arrays["labels"]).astype(str)})
    assert texts["nc4.accuracy"].value == numbers["nc4.accuracy"].value


# Trap: samples to be left out counted all the same.
def test_ignored_labels() -> None:
    arrays = given()
    out = np.arange(len(arrays["labels"])) % 7 == 0
    arrays["features"][out] = torch.inf  # their features may be anything
    marked = nctool.analyze(**arrays | {"labels": np.where(out, -100, arrays["labels"])})
    kept = arrays | {"features": arrays["features"][~out], "labels": arrays["labels"][~out]}
    assert marked.data["ignored"] == out.sum() and marked.data["n"] == (~out).sum()
    assert values(marked) == values(nctool.analyze(**kept))
