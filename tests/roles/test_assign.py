"""Roles in small files: what is taken, why, and what is said about it."""

from __future__ import annotations

import pytest

from nctool.roles import Candidate, Roles, assign, find_head
from nctool.settings.role_options import RoleOptions


def floats(key: str, *shape: int, path: str = "a.npz") -> Candidate:
    return Candidate(key, shape, "float32", path)


def integers(key: str, *shape: int, path: str = "a.npz") -> Candidate:
    return Candidate(key, shape, "int64", path)


FEATURES, LABELS = floats("features", 1437, 64), integers("labels", 1437)
WEIGHT, BIAS = floats("W", 10, 64), floats("b", 10)


def keys(roles: Roles) -> tuple[str | None, ...]:
    picks = (roles.features, roles.labels, roles.weight, roles.bias)
    return tuple(pick.candidate.key if pick else None for pick in picks)


def slugs(roles: Roles) -> list[str]:
    return [notice.slug for notice in roles.notices]


# Whatever part of the four is there is found, and what is missing is None.
@pytest.mark.parametrize(
    "arrays",
    [
        [FEATURES, LABELS, WEIGHT, BIAS],
        [FEATURES, LABELS],
        [WEIGHT, BIAS],
        [FEATURES],
        [LABELS],
        [FEATURES, LABELS, WEIGHT],
    ],
)
def test_missing_is_no_error(arrays: list[Candidate]) -> None:
    expected = tuple(
        item.key if item in arrays else None for item in (FEATURES, LABELS, WEIGHT, BIAS)
    )
    assert keys(assign(arrays)) == expected
    assert keys(assign(arrays[::-1])) == expected


# Each pick says in short why it was taken.
def test_reasons() -> None:
    roles = assign([FEATURES, LABELS, WEIGHT, BIAS])
    picks = (roles.features, roles.labels, roles.weight, roles.bias)
    assert [pick.reason if pick else "" for pick in picks] == [
        "2-D float with 1,437 rows like labels; named features",
        "1-D int64 of length 1,437; named labels",
        "10 × 64 fits features of width 64; nothing takes in its output",
        "beside W",
    ]


# Names help, shapes decide: arrays without a telling name are found by fit.
def test_shapes_alone() -> None:
    arrays = [floats("arr_0", 1437, 64), integers("arr_1", 1437), floats("arr_2", 10, 64)]
    assert keys(assign(arrays)) == ("arr_0", "arr_1", "arr_2", None)


# One file for each role works, whether the key or the file bears the name.
@pytest.mark.parametrize("named", [True, False])
def test_a_file_for_each(named: bool) -> None:
    arrays = [
        Candidate(stem if named else "", shape, dtype, f"run/{stem}.npy")
        for stem, shape, dtype in (
            ("features", (1437, 64), "float32"),
            ("labels", (1437,), "int64"),
            ("head_weight", (10, 64), "float32"),
            ("head_bias", (10,), "float32"),
        )
    ]
    roles = assign(arrays)
    picks = (roles.features, roles.labels, roles.weight, roles.bias)
    assert [pick.candidate if pick else None for pick in picks] == arrays


# Of several splits train is taken and the others are told of; --split chooses.
def test_splits() -> None:
    arrays = [
        floats("X_train", 1437, 64),
        integers("y_train", 1437),
        floats("X_test", 360, 64),
        integers("y_test", 360),
    ]
    roles = assign(arrays)
    assert keys(roles)[:2] == ("X_train", "y_train")
    assert (roles.split, roles.splits, slugs(roles)) == (
        "train",
        ("train", "test"),
        ["other-splits"],
    )
    assert keys(assign(arrays, RoleOptions(split="testing")))[:2] == ("X_test", "y_test")


# A split written together with the role is understood as well.
def test_splits_written_together() -> None:
    arrays = [floats("Xtrain", 90, 4), integers("ytrain", 90), floats("Xtest", 9, 4)]
    assert keys(assign(arrays))[:2] == ("Xtrain", "ytrain")


# Named features of no split find the labels of the split that has as many rows.
def test_named_features_choose_the_split() -> None:
    arrays = [floats("emb", 50, 8), integers("train_labels", 90), integers("test_labels", 50)]
    assert keys(assign(arrays, RoleOptions(features="emb")))[:2] == ("emb", "test_labels")


# The split may be in the file's name, in the folder's, or in a nested key.
@pytest.mark.parametrize("place", ["{}.npz::features", "{}/a.npz::features", "a.npz::features.{}"])
def test_where_a_split_is_named(place: str) -> None:
    arrays = []
    for split, rows in (("train", 100), ("val", 50)):
        path, _, key = place.format(split).partition("::")
        arrays += [
            floats(key, rows, 64, path=path),
            integers(key.replace("features", "labels"), rows, path=path),
        ]
    roles = assign(arrays)
    assert roles.split == "train" and roles.features and roles.labels
    assert roles.features.candidate.shape[0] == roles.labels.candidate.shape[0] == 100


# Of several layers the one that fits the head is taken.
def test_the_layer_that_fits_the_head() -> None:
    layers = [floats("layer3_features", 1437, 128), floats("layer4_features", 1437, 64)]
    assert keys(assign([*layers, LABELS, WEIGHT]))[0] == "layer4_features"


# Labels come as a column, as strings, as floats or one-hot, when the name says so.
@pytest.mark.parametrize(
    "labels",
    [
        Candidate("labels", (1437, 1), "int64"),
        Candidate("y", (1437,), "float64"),
        Candidate("targets", (1437, 10), "float32"),
        Candidate("label", (1437,), "str"),
    ],
)
def test_forms_of_labels(labels: Candidate) -> None:
    assert assign([FEATURES, labels]).labels is not None


# Predictions, indices, logits and class means are neither labels nor features nor head.
def test_bystanders() -> None:
    arrays = [
        FEATURES,
        LABELS,
        integers("predictions", 1437),
        integers("index", 1437),
        floats("logits", 1437, 10),
        floats("class_means", 10, 64),
    ]
    assert keys(assign(arrays)) == ("features", "labels", None, None)


# A head of (dim, classes) is taken when only that fits, and this is said.
@pytest.mark.parametrize("arrays", [[FEATURES, LABELS], [BIAS]])
def test_transposed_head(arrays: list[Candidate]) -> None:
    roles = assign([*arrays, floats("W", 64, 10)])
    assert roles.weight is not None and roles.weight.transposed
    assert slugs(roles) == ["transposed-head"]


# A square head is never turned on its own account, and always when asked.
def test_square_head() -> None:
    assert (head := find_head([floats("W", 64, 64)])) and not head.weight.transposed
    turned = find_head([floats("W", 64, 64)], options=RoleOptions(transpose_head=True))
    assert turned is not None and turned.weight.transposed


# A weight-normed head names both its halves, in either spelling.
@pytest.mark.parametrize(
    ("direction", "magnitude"),
    [
        ("fc.weight_v", "fc.weight_g"),
        ("fc.parametrizations.weight.original1", "fc.parametrizations.weight.original0"),
    ],
)
def test_weight_norm(direction: str, magnitude: str) -> None:
    head = find_head([floats(direction, 10, 64), floats(magnitude, 10, 1), floats("fc.bias", 10)])
    assert head is not None and head.weight.scale is not None and head.bias is not None
    assert (head.weight.candidate.key, head.weight.scale.key) == (direction, magnitude)


# Bare parameters and 1×1 convolutions are heads too.
@pytest.mark.parametrize(
    ("key", "shape", "size"),
    [
        ("weight", (10, 64), (10, 64)),
        ("head.prototypes", (10, 64), (10, 64)),
        ("kernel", (64, 10), (10, 64)),
        ("fc.weight", (10, 64, 1, 1), (10, 64)),
        ("layers/dense/vars/0", (64, 10), (10, 64)),
        ("dense/dense/kernel:0", (64, 10), (10, 64)),
    ],
)
def test_forms_of_heads(key: str, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    head = find_head([floats(key, *shape)])
    assert head is not None and (head.classes, head.dim) == size


# In a plain stack of layers the one whose output nobody takes in is the head.
@pytest.mark.parametrize(
    ("layers", "last"),
    [
        ({"0.weight": (128, 784), "2.weight": (64, 128), "4.weight": (10, 64)}, "4.weight"),
        ({"fc1.weight": (64, 64), "fc2.weight": (64, 64)}, "fc2.weight"),
        ({"Dense_0/kernel": (784, 128), "Dense_1/kernel": (128, 10)}, "Dense_1/kernel"),
    ],
)
def test_stacks(layers: dict[str, tuple[int, ...]], last: str) -> None:
    head = find_head([floats(key, *shape) for key, shape in layers.items()])
    assert head is not None and head.weight.candidate.key == last


# Raw weights go before their moving average, and --weights ema turns this round.
def test_moving_averages() -> None:
    arrays = [floats("state_dict.fc.weight", 10, 64), floats("state_dict_ema.fc.weight", 10, 64)]
    assert keys(assign(arrays))[2] == "state_dict.fc.weight"
    assert slugs(assign(arrays)) == ["ema-twin"]
    assert keys(assign(arrays, RoleOptions(weights="ema")))[2] == "state_dict_ema.fc.weight"


# The main head goes before a distillation or auxiliary one, and the other can be named.
@pytest.mark.parametrize("side", ["head_dist.weight", "aux_head.weight", "AuxLogits.fc.weight"])
def test_side_heads(side: str) -> None:
    arrays = [floats("head.weight", 10, 64), floats(side, 10, 64)]
    assert keys(assign(arrays))[2] == "head.weight"
    assert slugs(assign(arrays)) == ["side-head"]
    assert keys(assign(arrays, RoleOptions(head=side)))[2] == side


# The input embedding is the head only where the configuration says so, and then it is said.
def test_tied_embeddings() -> None:
    arrays = [floats("model.embed_tokens.weight", 32000, 64), floats("model.norm.weight", 64)]
    assert find_head(arrays) is None
    assert find_head(arrays, config={"tie_word_embeddings": False}) is None
    roles = assign(arrays, config={"tie_word_embeddings": True})
    assert roles.weight is not None and roles.weight.tied and slugs(roles) == ["tied-head"]


# A stored head goes before a tied one.
def test_stored_head_before_tied() -> None:
    arrays = [floats("model.embed_tokens.weight", 32000, 64), floats("lm_head.weight", 32000, 64)]
    head = find_head(arrays, config={"tie_word_embeddings": True})
    assert head is not None and head.weight.candidate.key == "lm_head.weight"


# What was asked for is taken and marked so: by key, by layer, by glob, by path.
@pytest.mark.parametrize("text", ["b.fc.weight", "b.fc", "b.*", "*.pt::b.*", "run/m.pt::b.fc"])
def test_explicit_head(text: str) -> None:
    arrays = [floats(f"{name}.fc.weight", 10, 64, path="run/m.pt") for name in "ab"]
    roles = assign(arrays, RoleOptions(head=text))
    assert roles.weight is not None
    assert (roles.weight.candidate.key, roles.weight.chosen_by) == ("b.fc.weight", "flag")


# A glob that names an array and its average takes the one that --weights wants.
def test_explicit_average() -> None:
    arrays = [floats("state_dict.fc.weight", 10, 64), floats("state_dict_ema.fc.weight", 10, 64)]
    assert keys(assign(arrays, RoleOptions(head="*fc.weight")))[2] == "state_dict.fc.weight"
    ema = RoleOptions(head="*fc.weight", weights="ema")
    assert keys(assign(arrays, ema))[2] == "state_dict_ema.fc.weight"


# "none" leaves a role empty.
def test_none() -> None:
    arrays = [FEATURES, LABELS, WEIGHT, BIAS]
    assert keys(assign(arrays, RoleOptions(bias="none")))[3] is None
    assert keys(assign(arrays, RoleOptions(head="none"))) == ("features", "labels", None, None)


# Optimizer state, schedulers and running statistics are left out and counted.
def test_ignored() -> None:
    arrays = [
        WEIGHT,
        floats("optimizer.state.0.exp_avg", 10, 64),
        floats("optimizer.state.0.exp_avg_sq", 10, 64),
        floats("bn.running_mean", 64),
        floats("rng_state", 5056),
    ]
    assert assign(arrays).ignored == (
        "2 × optimizer",
        "1 × random state",
        "1 × running statistics",
    )


# Features with more dimensions are taken once it is said how to pool them.
def test_pooled_features() -> None:
    arrays = [floats("features", 100, 197, 64), integers("labels", 100), WEIGHT]
    assert keys(assign(arrays, RoleOptions(pool="cls"))) == ("features", "labels", "W", None)
    flat = [floats("features", 100, 64, 1, 1), integers("labels", 100), WEIGHT]
    assert keys(assign(flat))[2] == "W"
