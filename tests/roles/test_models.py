"""Models by hand: right, honestly tied, or without a head, whatever their layers are called."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from nctool.core.errors import InputError
from nctool.roles import Candidate, Head, assign, find_head
from nctool.settings.role_options import RoleOptions

LISTING = Path(__file__).with_name("models.txt")


def array(text: str, prefix: str = "") -> Candidate:
    key, *rest = text.split()
    dtype = rest.pop() if rest and not rest[-1].isdigit() else "float32"
    return Candidate(prefix + key, tuple(map(int, rest)), dtype)


@cache
def models() -> dict[str, tuple[str, list[Candidate]]]:
    """By name: what is to be found, and the arrays."""
    known: dict[str, tuple[str, list[Candidate]]] = {}
    text = "\n".join(
        line for line in LISTING.read_text(encoding="utf-8").splitlines() if line[:1] not in "#"
    )
    for block in re.split(r"\n(?! )", text):
        title, _, body = block.partition("\n")
        arrays: list[Candidate] = []
        for item in filter(None, (" ".join(part.split()) for part in body.split("|"))):
            which, _, prefix = item.partition(" ")
            if which.startswith("@"):
                arrays += [
                    Candidate(prefix + item.key, item.shape, item.dtype)
                    for item in known[f"body {which[1:]}"][1]
                ]
            else:
                arrays.append(array(item))
        name, _, expected = title.partition(" = ")
        known[name] = expected, arrays
    return known


def key_of(head: Head | None) -> str:
    return "none" if head is None else head.weight.candidate.key


def outcome(arrays: list[Candidate], classes: int | None = None) -> str:
    try:
        return key_of(find_head(arrays, classes=classes))
    except InputError as error:
        assert error.slug == "ambiguous-head"
        flags = error.hint.removeprefix("choose one: ").split("  or  ")
        return " ".join(["tie", *(flag.removeprefix("--head '")[:-1] for flag in flags)])


NAMES = [name for name in models() if not name.startswith("body ")]


# Every family says its last layer otherwise; order is no evidence.
@pytest.mark.parametrize("name", NAMES)
def test_families(name: str) -> None:
    expected, arrays = models()[name]
    assert outcome(arrays) == expected
    assert outcome(arrays[::-1]) == expected


# What a tie offers to paste is taken.
@pytest.mark.parametrize("name", [name for name in NAMES if models()[name][0].startswith("tie ")])
def test_ties_can_be_cut(name: str) -> None:
    expected, arrays = models()[name]
    for key in expected.split()[1:]:
        assert key_of(find_head(arrays, options=RoleOptions(head=key))) == key


# The number of classes decides where names do not, and never takes what has other rows.
@pytest.mark.parametrize(
    ("name", "classes", "key"),
    [
        ("bert pretraining", 30522, "cls.predictions.decoder.weight"),
        ("bert pretraining", 2, "cls.seq_relationship.weight"),
        ("bert pretraining tied", 2, "cls.seq_relationship.weight"),
        ("age and gender", 2, "gender_head.weight"),
        ("rotation head", 4, "rot_head.weight"),
        ("supcon", 128, "head.2.weight"),
        ("hf xvector", 10, "objective.weight"),
        ("detectron", 81, "roi_heads.box_predictor.cls_score.weight"),
    ],
)
def test_known_classes(name: str, classes: int, key: str) -> None:
    assert outcome(models()[name][1], classes) == key


# Margins keep (dim, classes): a matrix that fits the layer before it only when turned is turned.
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("hf xvector", (10, 512)),
        ("metric learning loss W", (98, 64)),
        ("sphereface", (10574, 512)),
        ("adaface", (10575, 512)),
        ("partial fc alone", (10575, 512)),
    ],
)
def test_which_way_round(name: str, size: tuple[int, int]) -> None:
    head = find_head(models()[name][1])
    assert head is not None and (head.classes, head.dim) == size


# A language model without a head is told which flag would tie it to its embedding.
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("llama tied", ["model.embed_tokens.weight"]),
        ("tied bert mlm", ["bert.embeddings.word_embeddings.weight"]),
        ("whisper", ["decoder.token_embedding.weight"]),
        ("mamba tied", ["backbone.embedding.weight"]),
    ],
)
def test_tied_without_a_word(name: str, keys: list[str]) -> None:
    arrays = models()[name][1]
    flags = " or ".join(f"--head '{key}'" for key in keys)
    with pytest.raises(InputError) as caught:
        assign(arrays)
    assert (caught.value.slug, caught.value.hint) == ("no-roles", f"if they are tied: {flags}")
    width = next(item.shape[1] for item in arrays if item.key == keys[0])
    data = [Candidate("features", (900, width), "float32"), Candidate("labels", (900,), "int64")]
    roles = assign([*arrays, *data])
    assert roles.weight is None and roles.features is not None
    assert [notice.slug for notice in roles.notices] == ["no-head-but-embedding"]
    assert flags in roles.notices[0].hint
    chosen = assign([*arrays, *data], RoleOptions(head=keys[0]))
    assert chosen.weight is not None and chosen.notices == ()


# What an adapter replaced is left out, and that is said.
def test_replaced_modules() -> None:
    assert assign(models()["lora modules to save"][1]).ignored == ("2 × replaced module",)


# A tied head's bias beside a small classifier is a tie, unless the configuration denies it.
def test_denied_tie() -> None:
    arrays = models()["bert pretraining tied"][1]
    head = find_head(arrays, config={"tie_word_embeddings": False})
    assert key_of(head) == "cls.seq_relationship.weight"


# A quantised head is named as such, and no other layer steps in for it.
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("packed", "classifier.weight_packed"),
        ("gptq", "lm_head.qweight"),
        ("bnb", "score.weight"),
    ],
)
def test_quantised(name: str, key: str) -> None:
    with pytest.raises(InputError) as caught:
        assign(models()[name][1])
    assert f"{key} is quantised" in caught.value.message
    lonely = [
        array("bert.x.weight 64 64"),
        *(item for item in models()[name][1] if item.key == key),
    ]
    assert find_head(lonely[:1]) is not None and find_head(lonely) is None
