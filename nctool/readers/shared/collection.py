"""What a walk through the tree of a file finds: arrays, plain facts, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nctool.arrays import LazyArray, NumpyArray, Opened
from nctool.core.notice import Notice
from nctool.readers.shared.pile import MOST_TEXT_BYTES

MOST_FACTS = 10_000
LONGEST_TEXT = 4096


@dataclass(slots=True)
class Collection:
    """``ignored`` counts by kind what is no array and no fact."""

    path: Path
    format: str
    arrays: dict[str, LazyArray] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)

    def keep(self, array: LazyArray) -> None:
        if array.key in self.arrays:
            self.ignored[f"second array named {array.key}"] += 1
        else:
            self.arrays[array.key] = array

    def state(self, key: str, value: object) -> None:
        """Keep a plain fact, if it is of a kind and size that can be shown."""
        if isinstance(value, str):
            value = value.encode("utf-8", "backslashreplace").decode()
        long = isinstance(value, str) and len(value) > LONGEST_TEXT
        # JSON has no larger integers that every reader of it takes.
        wide = isinstance(value, int) and not -(2**63) <= value < 2**64
        if long or wide or len(self.facts) >= MOST_FACTS:
            self.ignored["overlong value"] += 1
        else:
            self.facts[key or "value"] = value

    def opened(self, notices: tuple[Notice, ...]) -> Opened:
        return Opened(self.path, self.format, tuple(self.arrays.values()), self.facts, notices)


def array_of(items: Sequence[object], kinds: set[type]) -> NumpyArray | None:
    """Numbers, truth values or texts of these types as an array; None for anything else."""
    import numpy

    if kinds == {str}:
        longest = max(len(str(item)) for item in items)
        return numpy.array(items) if 4 * longest * len(items) <= MOST_TEXT_BYTES else None
    if not kinds or (not kinds <= {int, float} and kinds != {bool}):
        return None
    dtype = "bool" if kinds == {bool} else "int64" if kinds == {int} else "float64"
    try:
        return numpy.array(items, dtype=dtype)
    except OverflowError:  # an integer of more than 64 bits
        return None
