"""Features and heads that other tools misread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import nctool
from nctool.core.errors import InputError, NctoolError
from tests.support.populations import Array
from tests.support.stored_populations import STORAGE, small_blocks
from tests.support.ten_classes import EXACT, close, given, values


# Trap: the last block, or the only one, has a single sample.
@pytest.mark.parametrize("rows", [1, 299, 23])
def test_block_of_one_sample(rows: int) -> None:
    with small_blocks(rows):  # of 300
        report = nctool.analyze(**given())
    assert values(report) == close(nctool.analyze(**given()))


# Trap: one sample in all is not a perfectly collapsed network.
def test_one_sample() -> None:
    arrays = given()
    one = arrays | {"features": arrays["features"][:1], "labels": arrays["labels"][:1]}
    for result in nctool.analyze(**one):
        assert (result.status == "ok") == (result.needs == ("head",)), result.id
        assert result.status == "ok" or result.reason


# Trap: NaN in, NaN out; few such rows are left out and counted, for many it is an error that names
# how many there are and the first.
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("dtype", STORAGE)
def test_non_finite_features(dtype: str, bad: float) -> None:
    arrays = given(dtype)
    features = arrays["features"].clone()
    features[177, 3] = features[200, 0] = features[299, 1] = bad
    with small_blocks(50):
        report = nctool.analyze(**arrays | {"features": features})
    (said,) = [one for one in report.warnings if one.slug == "non-finite-rows"]
    assert said.data == {"rows": 3, "first": 177} and report.data["n"] == 297
    assert report["nc1.pinv"].status == "ok"
    features[3, 3] = bad
    with small_blocks(50), pytest.raises(InputError) as caught:
        nctool.analyze(**arrays | {"features": features})
    assert caught.value.slug == "non-finite-features"
    assert "4 of 300" in caught.value.message and "row 3" in caught.value.message


# Trap: NaN in the head decides for class 0 everywhere.
@pytest.mark.parametrize("role", ["weight", "bias"])
def test_non_finite_head(role: str) -> None:
    arrays = given()
    broken = arrays[role].clone()
    broken[2] = torch.nan
    with pytest.raises(InputError, match="NaN or infinity"):
        nctool.analyze(**arrays | {role: broken})


# Trap: the mean of no rows is 0/0, and that is no NaN of the file's: a reason, not an error.
def test_no_unknown_features() -> None:
    arrays = given()
    report = nctool.analyze(**arrays | {"ood": arrays["ood"][:0]})
    result = report["nc5.ood_orthogonality"]
    assert result.status == "undefined" and "no direction" in (result.reason or "")
    others = values(nctool.analyze(**arrays))
    assert values(report) == others | {result.id: "undefined"}


# Trap: squares that overflow or vanish: numbers do not depend on the unit of length.
@pytest.mark.parametrize(
    ("dtype", "unit"),
    [
        ("float32", 2.0**80),
        ("float32", 2.0**-80),
        ("float64", 2.0**200),
        ("float64", 2.0**-200),
        ("float64", 2.0**300),
        ("float64", 2.0**-300),
    ],
)
def test_units(dtype: str, unit: float) -> None:
    arrays = given(dtype)
    del arrays["weight"], arrays["bias"], arrays["ood"]
    plain = nctool.analyze(**arrays, dtype="float64")
    scaled = nctool.analyze(**arrays | {"features": arrays["features"] * unit})
    assert values(scaled) == close(plain)


# Trap: where even float64 squares overflow or vanish, a number without a warning.
@pytest.mark.parametrize("unit", [2.0**700, 2.0**-700])
def test_units_beyond_float64(unit: float) -> None:
    arrays = given()
    with pytest.raises(InputError, match="range of float64"):
        nctool.analyze(**arrays | {"features": arrays["features"] * unit})


# Trap: a number beyond the range of float32 is no less finite.
def test_large_logits() -> None:
    arrays = given()
    del arrays["bias"]
    plain = nctool.analyze(**arrays)["gnc.logit_margin"].value
    scaled = nctool.analyze(**arrays | {"features": arrays["features"] * 2.0**200})
    assert plain is not None
    assert scaled["gnc.logit_margin"].value == pytest.approx(plain * 2.0**200, rel=EXACT)


# Trap: float32 overflows only in a late row, long after float32 was chosen.
def test_late_overflow() -> None:
    arrays = given("float32")
    del arrays["weight"], arrays["bias"], arrays["ood"]
    tall: dict[str, Any] = {
        "features": torch.cat([arrays["features"], arrays["features"] * 2.0**80]),
        "labels": np.concatenate([arrays["labels"], arrays["labels"] + 10]),
    }
    report = nctool.analyze(**tall)
    assert report.settings["products"] == "float64"
    assert values(report) == values(nctool.analyze(**tall, dtype="float64"))


def _turned(array: Array) -> Array:
    return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]


# Trap: memory order taken for index order.
@pytest.mark.parametrize(
    "laid",
    [
        np.asfortranarray,
        _turned,
        lambda array: np.repeat(np.repeat(array, 2, axis=0), 3, axis=1)[::2, ::3],
        lambda array: torch.from_numpy(np.asfortranarray(array)),
        lambda array: torch.from_numpy(array).expand(2, *array.shape)[1],
        np.ndarray.tolist,
    ],
    ids=["fortran", "negative strides", "strided", "torch fortran", "expanded", "lists"],
)
def test_memory_layouts(laid: Callable[[Array], Any]) -> None:
    arrays = given()
    plain = {role: arrays[role].numpy() for role in ("features", "weight")}
    other = {role: laid(one) for role, one in plain.items()}
    assert values(nctool.analyze(**arrays | other)) == close(nctool.analyze(**arrays | plain))


# Trap: arrays that may only be read.
def test_read_only_arrays() -> None:
    arrays = given()
    for role in ("features", "weight", "bias", "labels"):
        arrays[role] = np.array(arrays[role].tolist())
        arrays[role].flags.writeable = False
    assert values(nctool.analyze(**arrays)) == values(nctool.analyze(**given()))


# Trap: arrays as they come from files of another machine, or counts as features.
@pytest.mark.parametrize("kind", [">f8", "int64", "uint8", "<f4"])
def test_kinds_of_numbers(kind: str) -> None:
    arrays = given()
    whole = np.round(8 * arrays["features"].numpy()) + 128  # (N, D) 0 .. 255
    plain = nctool.analyze(features=whole, labels=arrays["labels"], dtype="float64")
    other = nctool.analyze(features=whole.astype(kind), labels=arrays["labels"], dtype="float64")
    assert other["nc1.pinv"].value == pytest.approx(plain["nc1.pinv"].value, rel=EXACT)


# Trap: settings that do not exist taken for those that do.
@pytest.mark.parametrize("setting", [{"dtype": "double"}, {"center": "mean"}, {"threads": -1}])
def test_unknown_settings(setting: dict[str, Any]) -> None:
    with pytest.raises(NctoolError):
        nctool.analyze(**given(), **setting)
