"""What facts cost, counted from sizes alone: arithmetic, memory passed over and memory held.

The counts are those of the leading terms. What depends on the data (how often margins look at all
points, how many samples a coarse look leaves open) is taken as typical and marked ``rough``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TypeAlias

from nctool.core.text import amount
from nctool.engine.fact import Undefined

FEWEST_ROWS = 256
"""In a block, however wide its rows are."""
STACK = 1 << 20
"""Numbers of kept rows that are looked at together."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of one problem, as this process has it."""

    samples: int = 0
    """Those that have a class, N."""
    dim: int = 0
    classes: int = 0
    """Those that have samples, K."""
    known: int = 0
    """All that have a name."""
    rows: int = 0
    """Of the head, C."""
    unlabelled: int = 0
    itemsize: int = 4
    """Of the working precision: 4 for float32, 8 for float64."""
    stored: int = 4
    """Of a number of the features as they are stored."""
    coarse: bool = False
    """Whether products in bfloat16 are much faster here."""
    least_only: bool = False
    """Whether the least margin alone is certified."""
    unequal: int = 0
    """Different class sizes, where they differ enough to matter."""
    kept: int = 0
    """Most samples of a class that are kept for what sums cannot tell."""
    kept_rows: int = 0
    """Those of all classes."""
    fewest_rows: int = 0
    """Those that have to be kept at least."""
    facts: frozenset[str] = field(default=frozenset(), repr=False)
    """All that is computed."""
    feature_bytes: int = 8 << 20
    """Of a block of features."""
    score_bytes: int = 8 << 20
    points: int = 0
    """How many points a fact is about that has a variant for means and one for rows."""
    of_means: bool = True

    def of(self, variant: str | None) -> Shape:
        """The same for a fact of class means, or of classifier rows."""
        means = variant != "weights"
        return replace(self, points=self.classes if means else self.rows, of_means=means)

    @property
    def feature_rows(self) -> int:
        """Of a block in which nothing is held but features."""
        return self._rows(self.feature_bytes, self.dim)

    @property
    def score_rows(self) -> int:
        """Of a block beside which scores of all classes are held."""
        width = max(self.classes, self.rows if "head_rule" in self.facts else 0)
        return min(self.feature_rows, self._rows(self.score_bytes, width))

    def _rows(self, size: int, width: int) -> int:
        return max(size // max(self.itemsize * width, 1), FEWEST_ROWS)

    @property
    def stacks(self) -> float:
        """Groups of classes whose kept rows are looked at together."""
        return math.ceil(self.kept_rows * self.dim / STACK)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one fact."""

    single: float = 0.0
    """Operations of products in float32, two to a multiplication with its addition."""
    double: float = 0.0
    half: float = 0.0
    """The same in bfloat16."""
    bytes: float = 0.0
    """Read and written by what is no product, most of it in cache."""
    elements: float = 0.0
    """Numbers of which a logarithm or the like is taken, or that are sorted or scattered."""
    calls: float = 0.0
    """Of the library, each of which takes some microseconds whatever it does."""
    held: float = 0.0
    """Bytes that are given back when the fact is settled."""
    kept: float = 0.0
    """Bytes that stay until the end."""
    needed: float = 0.0
    """Bytes that ``--memory`` has to allow; where it does not, there is no value."""
    rough: bool = False
    """Whether the data decide a good part of it."""

    @property
    def flops(self) -> float:
        return self.single + self.double + self.half

    def __add__(self, other: Cost) -> Cost:
        """Of both, one after another."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in ADDED}
        return Cost(
            **sums,
            held=max(self.held, other.held),
            needed=max(self.needed, other.needed),
            rough=self.rough or other.rough,
        )

    def __mul__(self, factor: float) -> Cost:
        """Of a share of the work; what is held does not change."""
        return replace(self, **{name: getattr(self, name) * factor for name in WORK})


ADDED = tuple(each.name for each in fields(Cost) if each.name not in ("held", "needed", "rough"))
WORK = tuple(name for name in ADDED if name != "kept")

CostOf: TypeAlias = Callable[[Shape], Cost]
"""What a decorator takes: the cost of its fact for a shape."""


def product(shape: Shape, *sizes: float) -> Cost:
    """A matrix product of these three sizes in the working precision."""
    flops = 2 * math.prod(sizes)
    return Cost(double=flops) if shape.itemsize == 8 else Cost(single=flops)


def afford(needed: float, memory: float, what: str) -> None:
    """Raise unless so many bytes are allowed: the one place where ``--memory`` refuses a number."""
    if needed > memory:
        raise Undefined(f"{what} would need {amount(needed)}: --memory {enough(needed)} allows it")


def enough(needed: float) -> str:
    """What to write after ``--memory``: never less than needed."""
    mebibytes = math.ceil(needed / 2**20)
    return f"{mebibytes}MiB" if mebibytes < 1024 else f"{math.ceil(mebibytes / 1024)}GiB"
