"""A head that its file declares: taken before names are looked at, after what the user says."""

from __future__ import annotations

import pytest

from nctool.core.errors import InputError
from nctool.roles import Candidate, Roles, assign
from nctool.settings.role_options import RoleOptions


def floats(key: str, *shape: int, path: str = "m.onnx") -> Candidate:
    return Candidate(key, shape, "float32", path)


FEATURES = floats("features", 100, 64, path="a.npz")
LABELS = Candidate("labels", (100,), "int64", "a.npz")
NAMED, OTHER_BIAS = floats("classifier.weight", 10, 64), floats("classifier.bias", 10)
TURNED, ADDED = floats("onnx::MatMul_12", 64, 20), floats("onnx::Add_3", 20)
ALL = [FEATURES, LABELS, NAMED, OTHER_BIAS, TURNED, ADDED]


def fact(weight: object, bias: object = None, transposed: bool = False) -> dict[str, object]:
    reason = "feeds output 'logits' through MatMul"
    return {
        "head": {"weight": weight, "bias": bias, "transposed": transposed, "reason": reason},
    }


DECLARED = fact("onnx::MatMul_12", "onnx::Add_3", True)


def head(roles: Roles) -> tuple[str | None, str | None, bool | None]:
    weight, bias = roles.weight, roles.bias
    return (
        weight.candidate.key if weight else None,
        bias.candidate.key if bias else None,
        weight.transposed if weight else None,
    )


# Without a word of the file the name decides; with it, the file does.
def test_declared() -> None:
    assert head(assign(ALL)) == ("classifier.weight", "classifier.bias", False)
    roles = assign(ALL, config=DECLARED)
    assert head(roles) == ("onnx::MatMul_12", "onnx::Add_3", True)
    assert roles.weight is not None and roles.weight.reason == (
        "20 × 64; feeds output 'logits' through MatMul"
    )
    assert roles.weight.chosen_by == "auto"
    assert [notice.slug for notice in roles.notices] == ["transposed-head"]


# What is declared has no bias if the file says so, whatever stands beside it.
def test_no_bias() -> None:
    assert head(assign(ALL, config=fact("classifier.weight"))) == ("classifier.weight", None, False)


# A square weight cannot be told by its shape; and one with as many rows as there are samples
# is no data.
@pytest.mark.parametrize("transposed", [True, False])
def test_square(transposed: bool) -> None:
    square, features = floats("val_4", 64, 64), floats("features", 64, 64, path="a.npz")
    labels = Candidate("labels", (64,), "int64", "a.npz")
    roles = assign([square, features, labels], config=fact("val_4", None, transposed))
    assert head(roles) == ("val_4", None, transposed)
    assert roles.features is not None and roles.features.candidate == features


# The width of the head that is declared helps to choose the features.
def test_features_of_its_width() -> None:
    wide = floats("layer4_features", 100, 128, path="a.npz")
    narrow = floats("layer3_features", 100, 64, path="a.npz")
    roles = assign([wide, narrow, LABELS, TURNED, ADDED], config=DECLARED)
    assert roles.features is not None and roles.features.candidate == narrow


# Flags win over the file, one by one.
def test_flags_win() -> None:
    options = RoleOptions(head="classifier.weight")
    assert head(assign(ALL, options, config=DECLARED))[:2] == (
        "classifier.weight",
        "classifier.bias",
    )
    assert head(assign(ALL, RoleOptions(head="none"), config=DECLARED)) == (None, None, None)
    no_bias = assign(ALL, RoleOptions(bias="none"), config=DECLARED)
    assert head(no_bias)[:2] == ("onnx::MatMul_12", None)
    more = [*ALL, floats("other", 20)]
    other = assign(more, RoleOptions(bias="other"), config=DECLARED)
    assert head(other)[:2] == ("onnx::MatMul_12", "other")
    turned = RoleOptions(transpose_head=True)
    square = [floats("val_4", 64, 64), FEATURES, LABELS]
    assert head(assign(square, turned, config=fact("val_4"))) == ("val_4", None, True)


# A head that does not fit is an error with both numbers, not a reason to take another.
def test_other_width() -> None:
    features = floats("features", 100, 32, path="a.npz")
    with pytest.raises(InputError) as caught:
        assign([features, LABELS, TURNED, floats("fc.weight", 10, 32)], config=DECLARED)
    assert caught.value.slug == "width-mismatch"
    with pytest.raises(InputError) as caught:
        assign(ALL, config=DECLARED, classes=21)
    assert caught.value.slug == "class-mismatch"


# What cannot be a head, is not here, or is here twice leaves the choice to names.
@pytest.mark.parametrize(
    "config",
    [
        {"head": "onnx::MatMul_12"},
        {"head": {}},
        {"head": {"weight": ["a"], "bias": {}}},
        fact("absent"),
        fact("onnx::Add_3"),
        fact("twice"),
    ],
)
def test_unusable(config: dict[str, object]) -> None:
    twice = [floats("twice", 10, 64), floats("twice", 10, 64, path="n.onnx")]
    assert head(assign([*ALL, *twice], config=config))[0] == "classifier.weight"


# A bias that is not in the same file is not the one that was declared.
def test_bias_elsewhere() -> None:
    elsewhere = floats("b", 20, path="other.npz")
    config = fact("onnx::MatMul_12", "b", True)
    assert head(assign([FEATURES, LABELS, TURNED, elsewhere], config=config))[1] is None
