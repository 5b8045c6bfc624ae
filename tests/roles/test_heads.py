"""The head is found by names and shapes in real architectures, however they were saved."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from nctool.core.errors import InputError
from nctool.roles import Candidate, assign, find_head

CORPUS = Path(__file__).parents[2] / "fixtures" / "heads" / "heads.json.gz"
Saved = tuple[list[Candidate], set[str]]


@cache
def corpus() -> list[tuple[str, list[Candidate], set[str]]]:
    saved = []
    for model in json.loads(gzip.decompress(CORPUS.read_bytes())):
        arrays = [
            Candidate(key, tuple(shape), "float32" if shape else "int64")
            for key, shape in model["sd"].items()
        ]
        keys = {name for prefix in model["truth"] for name in (prefix, f"{prefix}.weight")}
        saved.append((model["name"], arrays, keys & model["sd"].keys()))
    return saved


def prefixed(prefix: str) -> Callable[[list[Candidate], set[str]], Saved]:
    def save(arrays: list[Candidate], truth: set[str]) -> Saved:
        moved = [Candidate(prefix + item.key, item.shape, item.dtype) for item in arrays]
        return moved, {prefix + key for key in truth}

    return save


def averaged(raw: str, average: str) -> Callable[[list[Candidate], set[str]], Saved]:
    def save(arrays: list[Candidate], truth: set[str]) -> Saved:
        moved, keys = prefixed(raw)(arrays, truth)
        return moved + prefixed(average)(arrays, truth)[0], keys

    return save


def with_moments(arrays: list[Candidate], truth: set[str]) -> Saved:
    moments = [
        Candidate(f"optimizer.state.{number}.{moment}", item.shape, item.dtype)
        for number, item in enumerate(arrays)
        for moment in ("exp_avg", "exp_avg_sq")
    ]
    moved, keys = prefixed("model.")(arrays, truth)
    return moved + moments, keys


def as_keras(arrays: list[Candidate], truth: set[str]) -> Saved:
    """Slashes, kernels of (…, inputs, outputs), and an optimizer with moments of every shape."""
    kept, keys = [], set()
    for item in arrays:
        key, shape = item.key.replace(".", "/"), item.shape
        if key.endswith("/weight") and len(shape) >= 2:
            key = key.removesuffix("weight") + "kernel"
            shape = (*shape[2:], shape[1], shape[0])
        if item.key in truth:
            keys.add(key)
        kept.append(Candidate(key, shape, item.dtype))
    moments = [
        Candidate(f"optimizer/vars/{number}", item.shape, item.dtype)
        for number, item in enumerate(kept)
    ]
    return kept + moments, keys


WAYS = {
    "plain": prefixed(""),
    "data parallel": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "sharded": prefixed("_fsdp_wrapped_module."),
    "model": prefixed("model."),
    "lightning": prefixed("state_dict.model."),
    "nested": prefixed("state_dict.module._orig_mod."),
    "adapted": prefixed("base_model.model."),
    "of another": prefixed("state_dict.net.student."),
    "in a sequence": prefixed("0."),
    "moments": with_moments,
    "keras": as_keras,
    "state_dict_ema": averaged("state_dict.", "state_dict_ema."),
    "ema": averaged("model.", "ema."),
    "shadow": averaged("model.", "ema.shadow."),
    "average alone": prefixed("model_ema.module."),
}


def outcome(
    arrays: list[Candidate], truth: set[str], dim: int | None = None, classes: int | None = None
) -> str:
    shuffled = random.Random(len(arrays)).sample(arrays, len(arrays))
    try:
        head = find_head(shuffled, dim=dim, classes=classes)
    except InputError as error:
        honest = error.slug == "ambiguous-head" and any(key in error.message for key in truth)
        return "tie" if honest else error.slug
    if head is None:
        return "none"
    return "right" if head.weight.candidate.key in truth else "wrong"


def every(step: int, start: int) -> list[tuple[str, list[Candidate], set[str]]]:
    """Some of the models, so that each way of saving meets others."""
    return corpus()[start % step :: step]


# However a model was saved, the head is found, or the tie is an honest one; never a wrong one.
@pytest.mark.parametrize("way", WAYS)
def test_no_confident_mistake(way: str) -> None:
    seen: Counter[str] = Counter()
    for name, arrays, truth in every(1 if way == "plain" else 12, list(WAYS).index(way)):
        saved, keys = WAYS[way](arrays, truth)
        result = outcome(saved, keys)
        assert result in ("right", "tie"), (name, result)
        seen[result] += 1
    assert seen["right"] >= (0.97 if way == "plain" else 0.9) * seen.total()


# With the width of the features and the number of classes known, nothing is left to ask.
@pytest.mark.parametrize("knows_classes", [True, False])
def test_known_sizes_leave_no_tie(knows_classes: bool) -> None:
    for name, arrays, truth in every(3, knows_classes):
        shapes = {item.key: item.shape for item in arrays}
        rows, width = shapes[max(truth)][:2]
        same = {key for key in truth if shapes[key][:2] == (rows, width)}
        result = outcome(arrays, truth, width, rows if knows_classes else None)
        main = {key for key in same if "dist" not in key and "aux" not in key.lower()}
        assert result == "right" or (len(main) > 1 and result == "tie"), (name, result)


# A model without its head has none: no layer of the body is taken for it.
def test_headless_models_have_no_head() -> None:
    mistaken = []
    for name, arrays, truth in every(3, 2):
        layers = tuple(key.rpartition(".")[0].rpartition(".")[0] or key for key in truth)
        roots = tuple(layer.split(".")[0] for layer in layers) if len(layers) == 1 else layers
        body = [
            item
            for item in arrays
            if item.key not in truth and not item.key.startswith(tuple(f"{r}." for r in roots))
        ]
        try:
            if find_head(body) is not None:
                mistaken.append(name)
        except InputError:
            mistaken.append(name)
    # Two heads in one file: the second is a head as well.
    assert len(mistaken) <= 0.02 * len(every(3, 2)), mistaken


# A model's own buffers and tables are never taken for features or labels.
def test_models_hold_no_features() -> None:
    for name, arrays, _ in every(6, 2):
        try:
            roles = assign(arrays)
        except InputError as error:
            assert error.slug == "ambiguous-head", name
            continue
        assert roles.features is None and roles.labels is None, name


# Features and labels lying in the same file as a whole model are told from its layers.
def test_features_beside_a_model() -> None:
    for name, arrays, truth in every(6, 1):
        shapes = {item.key: item.shape for item in arrays}
        width = shapes[max(truth)][1]
        data = [Candidate("arr_0", (997, width), "float32"), Candidate("arr_1", (997,), "int64")]
        try:
            roles = assign(arrays + data)
        except InputError as error:
            assert error.slug == "ambiguous-head", name
            continue
        assert roles.features is not None and roles.features.candidate.key == "arr_0", name
        assert roles.labels is not None and roles.labels.candidate.key == "arr_1", name
        assert roles.weight is not None and roles.weight.candidate.key in truth, name


# Language models keep the bias of their output layer one level above its weight.
@pytest.mark.parametrize("stem", ["cls.predictions", "lm_head"])
def test_bias_above_the_decoder(stem: str) -> None:
    saved = [
        Candidate("bert.embeddings.word_embeddings.weight", (30522, 64), "float32"),
        Candidate(f"{stem}.decoder.weight", (30522, 64), "float32"),
        Candidate(f"{stem}.bias", (30522,), "float32"),
    ]
    head = find_head(saved)
    assert head is not None and head.weight.candidate.key == f"{stem}.decoder.weight"
    assert head.bias is not None and head.bias.candidate.key == f"{stem}.bias"
