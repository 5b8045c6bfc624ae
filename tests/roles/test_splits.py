"""Splits: every word for one, and which is taken when there are several and none was asked for."""

from __future__ import annotations

import pytest

from nctool.roles import Candidate, assign
from nctool.settings.role_options import RoleOptions

WORDS = {
    "train": ("train", "training", "trn", "tr"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst", "te"),
    "eval": ("eval", "evaluation"),
    "ood": ("ood",),
}
ROWS = {"train": 90, None: 80, "val": 70, "test": 60, "eval": 50, "ood": 40}
"""Of each split that many; in the order in which they are preferred."""


def arrays(split: str | None, word: str | None = None) -> list[Candidate]:
    end = "" if split is None else f"_{word or split}"
    rows = ROWS[split]
    return [
        Candidate(f"X{end}", (rows, 8), "float32", "a.npz"),
        Candidate(f"y{end}", (rows,), "int64", "a.npz"),
    ]


# Whatever word a split is called by, in a key or in answer to --split, it is the same split.
@pytest.mark.parametrize(
    ("split", "word"), [(split, word) for split, words in WORDS.items() for word in words]
)
def test_words(split: str, word: str) -> None:
    other = "test" if split == "train" else "train"
    both = arrays(split, word) + arrays(other)
    assert set(assign(both).splits) == {split, other}
    for name in (word, word.upper(), split):
        roles = assign(both, RoleOptions(split=name))
        assert roles.split == split
        assert roles.features is not None and roles.labels is not None
        assert roles.features.candidate.key == f"X_{word}"
        assert roles.labels.candidate.key == f"y_{word}"


# Training samples first, then those of no named split, then validation, test and evaluation; what
# is passed over is listed in the same order, however the file orders its arrays.
@pytest.mark.parametrize("first", range(len(ROWS)))
@pytest.mark.parametrize("backwards", [False, True])
def test_preferred(first: int, backwards: bool) -> None:
    left = list(ROWS)[first:]
    every = [item for split in left for item in arrays(split)]
    roles = assign(every[::-1] if backwards else every)
    assert roles.split == left[0]
    assert roles.splits == tuple(split for split in left if split is not None)
    assert roles.features is not None and roles.features.candidate.shape[0] == ROWS[left[0]]
    assert roles.labels is not None and roles.labels.candidate.shape[0] == ROWS[left[0]]
