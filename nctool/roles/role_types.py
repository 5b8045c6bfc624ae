"""The values of role-finding: what may be looked at, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nctool.core.notice import Notice
from nctool.roles.array_names import Name, parse, title

ChosenBy = Literal["auto", "flag", "config"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """All that is known of an array when roles are given out: never its contents."""

    key: str
    shape: tuple[int, ...]
    dtype: str
    path: str = ""

    @property
    def place(self) -> tuple[str, str]:
        return self.path, self.key

    @property
    def title(self) -> str:
        return title(self.key, self.path)

    @property
    def name(self) -> Name:
        return parse(self.key, self.path)

    @property
    def is_float(self) -> bool:
        return self.dtype.startswith(("float", "bfloat"))

    def is_bias_for(self, rows: int) -> bool:
        """Whether it could be the bias of a layer with so many outputs."""
        return self.shape == (rows,) and self.is_float


@dataclass(frozen=True, slots=True)
class Pick:
    """One array in one role, and why it is there.

    ``scale`` is the magnitude half of a weight-normed head: the weight is then
    ``scale * candidate / |candidate|``, row by row. ``transposed`` means rows are dimensions and
    columns are classes. ``tied`` means the head is the input embedding.
    """

    candidate: Candidate
    reason: str
    chosen_by: ChosenBy = "auto"
    transposed: bool = False
    tied: bool = False
    scale: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A head as found: its weight, its bias if it has one, and its size."""

    weight: Pick
    bias: Pick | None
    classes: int
    dim: int
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Roles:
    """Who plays what. Missing roles are None: that is no error."""

    features: Pick | None = None
    labels: Pick | None = None
    weight: Pick | None = None
    bias: Pick | None = None
    split: str | None = None
    splits: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
