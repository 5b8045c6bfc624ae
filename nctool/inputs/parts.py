"""Arrays whose names differ by numbers alone, told apart by what the numbers count.

A name is where the array lies and its key: ``feats/rank0.npz::labels`` and ``all.pt::labels.0``
alike. Numbers of ranks, shards and batches make parts of one array; those of epochs make moments,
and those of layers or folds make arrays of their own, which are never joined.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath

from nctool.arrays import INTEGERS, LazyArray
from nctool.core.checkpoints import MOMENTS
from nctool.roles import Candidate
from nctool.roles.sample_arrays import FEATURES, LABELS, LESSER_FEATURES, SPLITS

Numbers = tuple[int, ...]

PARTS = frozenset(
    "rank shard part chunk piece batch proc process worker gpu device node host".split()
)
"""What is counted where one data set is written in parts."""

INDEX = frozenset("inds ind index indices indexes idx idxs ids id".split())
"""What the numbers of samples are called."""

APART = MOMENTS | frozenset(
    "layer block stage depth hidden level l fold cv seed run trial exp experiment model net head "
    "view crop aug task split version v class cls stack".split()
)
"""What is counted where each number is a thing of its own."""

ROWS = PARTS | INDEX | LABELS | FEATURES | LESSER_FEATURES | frozenset(SPLITS) | {"metadata"}
"""What a number may be written to without a sign between and still count parts: ``features0``."""

NUMBER = re.compile(r"(\d{1,18})")
WORD = re.compile(r"([A-Za-z]+)([=_\-. ]?)$")
TOTAL = re.compile(r"[-_.]of[-_.]$")


@dataclass(frozen=True, eq=False)
class Family:
    """Parts of one array by their numbers, in order; ``path`` and ``key`` are globs of theirs."""

    path: str
    key: str
    parts: dict[Numbers, LazyArray]
    words: tuple[str, ...]
    """The word before each of the numbers."""
    certain: bool = False
    """Whether the numbers are said to be those of parts: a bare number may count anything."""
    totals: frozenset[int] = frozenset()
    """How many parts there are, where the names say it: ``-of-00003``."""

    @property
    def arrays(self) -> tuple[LazyArray, ...]:
        return tuple(self.parts.values())

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(array.shape[0] if array.shape else 1 for array in self.arrays)

    @property
    def rows(self) -> int:
        return sum(self.sizes)

    @cached_property
    def candidate(self) -> Candidate:
        """The family as one array, for whoever gives out the roles."""
        widest = max(self.arrays, key=lambda array: array.shape[:1])
        shape = (self.rows, *widest.shape[1:]) if widest.shape else ()
        return Candidate(self.key, shape, widest.dtype, self.path)

    @property
    def title(self) -> str:
        """Its key; with the files' name where that is what numbers its parts."""
        return self.key if "*" in self.key else f"{PurePath(self.path).name}::{self.key}"

    def label(self, numbers: Numbers) -> str:
        """A part by its number, as a person would say it."""
        pairs = zip(self.words, numbers, strict=True)
        return " ".join(f"{word if word in PARTS else 'part'} {number}" for word, number in pairs)

    def only(self, numbers: Collection[Numbers], path: str = "", key: str = "") -> Family:
        """Some of the parts, under another name."""
        parts = {at: array for at, array in self.parts.items() if at in numbers}
        return replace(self, path=path or self.path, key=key or self.key, parts=parts)

    def like(self, other: Family) -> bool:
        """Whether each part has as many rows as the part of the same number there."""
        return self.parts.keys() == other.parts.keys() and self.sizes == other.sizes


@dataclass(frozen=True, slots=True)
class _Named:
    array: LazyArray
    texts: tuple[str, ...]
    """The name without its numbers, one text more than there are numbers."""
    numbers: Numbers


def families(arrays: Iterable[LazyArray]) -> list[Family]:
    """Every set of two or more arrays that are parts of one by their names."""
    alike: dict[tuple[object, ...], list[_Named]] = {}
    for array in arrays:
        pieces = NUMBER.split(f"{array.path}\0{array.key}")
        named = _Named(array, tuple(pieces[::2]), tuple(map(int, pieces[1::2])))
        alike.setdefault((named.texts, len(array.shape), _kind(array.dtype)), []).append(named)
    return [family for group in alike.values() if len(group) > 1 for family in _apart(group)]


def _kind(dtype: str) -> str:
    if dtype in INTEGERS:
        return "integer"
    return "float" if dtype.startswith(("float", "bfloat")) else dtype


def _apart(group: Sequence[_Named]) -> list[Family]:
    """The families of one pattern: one for each number that stands for a thing of its own."""
    texts = group[0].texts
    columns = [*zip(*(named.numbers for named in group), strict=True)]
    varying = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    words = {place: _word(texts[place]) for place in varying}
    certain = any(words[place][0] in PARTS for place in varying)
    own = [
        place
        for place in varying
        if words[place][0] in APART
        or TOTAL.search(texts[place])
        # A number written to a word that says nothing of rows belongs to that word: vgg16.
        or (words[place][1] and not ROWS & {words[place][0], f"{words[place][0]}s"})
    ]
    counted: list[int] = []
    for place in varying:
        # A file of one array bears its number in its name and in its key.
        if place not in own and columns[place] not in [columns[other] for other in counted]:
            counted.append(place)
    totals = frozenset(
        column[0] for place, column in enumerate(columns)
        if TOTAL.search(texts[place]) and place not in varying
    )  # fmt: skip
    split: dict[Numbers, list[_Named]] = {}
    for named in group:
        split.setdefault(tuple(named.numbers[place] for place in own), []).append(named)
    result = []
    for members in split.values():
        parts = {tuple(named.numbers[place] for place in counted): named for named in members}
        if not counted or len(parts) < max(2, len(members)):
            continue  # a single one, or two of one number: 0 and 00
        ordered = sorted(parts)
        free = [place for place in varying if place not in own]
        path, key = _pattern(members[0], free)
        result.append(
            Family(
                path, key, {numbers: parts[numbers].array for numbers in ordered},
                tuple(words[place][0] for place in counted), certain or bool(totals), totals,
            )
        )  # fmt: skip
    return result


def _word(text: str) -> tuple[str, bool]:
    """The word before a number, in the singular, and whether the number is written to it."""
    match = WORD.search(text)
    if match is None:
        return "", False
    word = match[1].lower()
    return (word if word in PARTS | APART else word.removesuffix("s")), not match[2]


def _pattern(named: _Named, free: Sequence[int]) -> tuple[str, str]:
    """The name as a glob: a star in place of each number that differs between the parts."""
    pieces = NUMBER.split(f"{named.array.path}\0{named.array.key}")
    for place in free:
        pieces[2 * place + 1] = "*"
    path, _, key = "".join(pieces).partition("\0")
    return path, key


def own(candidate: Candidate) -> Candidate:
    """With the key that the array has in its file: a folder puts the file's stem before it."""
    return replace(candidate, key=candidate.key.removeprefix(f"{Path(candidate.path).stem}."))
