"""Golden messages: what was found, what was expected, what to type next."""

from __future__ import annotations

import pytest

from nctool.core.errors import InputError
from nctool.roles import Candidate, assign
from nctool.settings.role_options import RoleOptions


def floats(key: str, *shape: int, path: str = "a.npz") -> Candidate:
    return Candidate(key, shape, "float32", path)


def integers(key: str, *shape: int) -> Candidate:
    return Candidate(key, shape, "int64", "a.npz")


FEATURES, LABELS = floats("features", 1437, 64), integers("labels", 1437)
HEAD = floats("fc.weight", 10, 64)
TWO_HEADS = [floats("head.a.weight", 10, 64), floats("head.b.weight", 10, 64)]

CASES: dict[str, tuple[list[Candidate], RoleOptions, int | None, str, str]] = {
    "ambiguous-head": (
        TWO_HEADS,
        RoleOptions(),
        None,
        "2 arrays could be the head:\n"
        "  head.a.weight (10, 64) float32\n"
        "  head.b.weight (10, 64) float32",
        "choose one: --head 'head.a.weight'  or  --head 'head.b.weight'",
    ),
    "ambiguous-head by glob": (
        TWO_HEADS,
        RoleOptions(head="head.*"),
        None,
        "2 arrays could be the head named 'head.*':\n"
        "  head.a.weight (10, 64) float32\n"
        "  head.b.weight (10, 64) float32",
        "choose one: --head 'head.a.weight'  or  --head 'head.b.weight'",
    ),
    "ambiguous-head in two files": (
        [floats("fc.weight", 10, 64, path="x/m1.pt"), floats("fc.weight", 10, 64, path="x/m2.pt")],
        RoleOptions(),
        None,
        "2 arrays could be the head:\n"
        "  m1.pt::fc.weight (10, 64) float32\n"
        "  m2.pt::fc.weight (10, 64) float32",
        "choose one: --head 'm1.pt::fc.weight'  or  --head 'm2.pt::fc.weight'",
    ),
    "ambiguous-features": (
        [floats("layer3_features", 1437, 128), floats("layer4_features", 1437, 64), LABELS],
        RoleOptions(),
        None,
        "2 arrays could be the features:\n"
        "  layer3_features (1,437, 128) float32\n"
        "  layer4_features (1,437, 64) float32",
        "choose one: --features 'layer3_features'  or  --features 'layer4_features'\n"
        "or, where each is a layer: --layers 'layer*_features'",
    ),
    "ambiguous-labels": (
        [FEATURES, integers("fine_labels", 1437), integers("coarse_labels", 1437)],
        RoleOptions(),
        None,
        "2 arrays could be the labels:\n  coarse_labels (1,437) int64\n  fine_labels (1,437) int64",
        "choose one: --labels 'coarse_labels'  or  --labels 'fine_labels'",
    ),
    "rows-mismatch": (
        [floats("features", 50000, 512), integers("labels", 49984), integers("other", 50000)],
        RoleOptions(),
        None,
        "50,000 features against 49,984 labels: "
        "features (50,000, 512) float32 and labels (49,984) int64",
        "name arrays of the same samples with --features 'KEY' or --labels 'KEY'",
    ),
    "width-mismatch": (
        [floats("features", 1000, 512), integers("labels", 1000), floats("fc.weight", 10, 2048)],
        RoleOptions(),
        None,
        "features have d=512 but the head expects d=2,048:\n  fc.weight (10, 2,048) float32",
        "name other features with --features 'KEY' or another head with --head 'KEY'; "
        "--head none measures the features alone",
    ),
    "width-mismatch although an inner layer fits": (
        [
            floats("features", 1000, 784),
            integers("labels", 1000),
            floats("fc1.weight", 512, 784),
            floats("fc2.weight", 10, 512),
        ],
        RoleOptions(),
        None,
        "features have d=784 but the head expects d=512:\n  fc2.weight (10, 512) float32",
        "name other features with --features 'KEY' or another head with --head 'KEY'; "
        "--head none measures the features alone",
    ),
    "class-mismatch": (
        [FEATURES, LABELS, HEAD],
        RoleOptions(),
        100,
        "there are 100 classes but the head fc.weight (10, 64) float32 has 10 rows",
        "check --classes, or name another head with --head 'KEY'",
    ),
    "bias-mismatch": (
        [HEAD, floats("c", 7)],
        RoleOptions(bias="c"),
        None,
        "the bias c (7) float32 does not fit the head fc.weight (10, 64) float32: expected (10)",
        "--bias none leaves it out",
    ),
    "ambiguous-bias": (
        [HEAD, floats("c1", 10), floats("c2", 10)],
        RoleOptions(bias="c?"),
        None,
        "2 arrays could be the bias named 'c?':\n  c1 (10) float32\n  c2 (10) float32",
        "choose one: --bias 'c1'  or  --bias 'c2'",
    ),
    "unusable-labels": (
        [floats("features", 9, 4, 2), HEAD],
        RoleOptions(labels="features"),
        None,
        "--labels names features (9, 4, 2) float32; expected (samples,)",
        "nctool inspect lists every array",
    ),
    "no-such-array": (
        [FEATURES, LABELS, HEAD],
        RoleOptions(head="fc.wieght"),
        None,
        "--head 'fc.wieght' names none of the 3 arrays",
        "did you mean --head 'fc.weight'?",
    ),
    "no-such-split": (
        [floats("X_train", 9, 4), integers("y_train", 9), floats("X_test", 5, 4)],
        RoleOptions(split="foo"),
        None,
        "no array is named after the split 'foo'; splits here: train, test",
        "--split train",
    ),
    "no-ema": (
        [HEAD],
        RoleOptions(weights="ema"),
        None,
        "--weights ema was asked for, but no array is named as a moving average "
        "(ema, state_dict_ema, model_ema, swa)",
        "leave out --weights, or name the array with --head 'KEY'",
    ),
    "no-roles": (
        [floats("foo", 3), integers("bar", 2, 2)],
        RoleOptions(),
        None,
        "none of the 2 arrays could be told to be features, labels or a head:\n"
        "  foo (3) float32\n"
        "  bar (2, 2) int64",
        "name them: --features 'KEY' --labels 'KEY' --head 'KEY'",
    ),
    "no-roles in nothing": (
        [],
        RoleOptions(),
        None,
        "there are no arrays here",
        "nctool inspect SOURCE",
    ),
    "unpooled-features": (
        [floats("features", 100, 197, 768), integers("labels", 100)],
        RoleOptions(),
        None,
        "features (100, 197, 768) float32 has 3 dimensions; expected (samples, dim)",
        "--pool cls, --pool mean or --pool last makes one row of each sample",
    ),
    "unusable-head": (
        [FEATURES, LABELS, HEAD],
        RoleOptions(head="labels"),
        None,
        "the head labels (1,437) int64 is not a matrix of floats; expected (classes, dim)",
        "nctool inspect lists every array",
    ),
    "unusable-features": (
        [FEATURES, LABELS, HEAD],
        RoleOptions(features="labels"),
        None,
        "--features names labels (1,437) int64; expected (samples, dim)",
        "nctool inspect lists every array",
    ),
}


# Each stop carries its slug, both numbers where two disagree, and the flag to paste.
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    arrays, options, classes, message, hint = CASES[case]
    with pytest.raises(InputError) as caught:
        assign(arrays, options, classes=classes)
    assert caught.value.slug == case.partition(" ")[0]
    assert caught.value.message == message
    assert caught.value.hint == hint
