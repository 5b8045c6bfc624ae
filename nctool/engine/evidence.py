"""All that a metric may look at: what was gathered, in float64, and nothing else."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from nctool.core.progress import Progress, Silent
from nctool.settings.budget import DEFAULT_BUDGET, Budget
from nctool.settings.conventions import Convention

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.geometry.duality import Duality
    from nctool.geometry.pairs import Pairs
    from nctool.statistics.duplicates import Copies
    from nctool.statistics.second import Answers
    from nctool.statistics.whitening import Spectrum

T = TypeVar("T")


class Need(enum.Flag):
    """What has to be gathered before a metric can be computed."""

    SAMPLES = enum.auto()
    """Class means and within-class variances: features and labels."""
    MEAN_PAIRS = enum.auto()
    WHITENING = enum.auto()
    UNIT_MEANS = enum.auto()
    """Class means of features scaled to length one."""
    UNIT_WHITENING = enum.auto()
    NEAREST_MEAN = enum.auto()
    HEAD = enum.auto()
    WEIGHT_PAIRS = enum.auto()
    DECISIONS = enum.auto()
    """What the head decides for each sample."""
    MARGINS = enum.auto()
    OOD = enum.auto()
    ANCHORS = enum.auto()
    """Distances on the sphere from the samples to whichever points are asked for too."""
    KERNELS = enum.auto()
    """Determinants of a class's samples together with these points."""
    UNIT_SCATTER = enum.auto()
    """Within-class scatter of features scaled to length one."""
    SAMPLE_PAIRS = enum.auto()
    """Distances between samples of one class."""


FROM_SAMPLES = (
    Need.SAMPLES
    | Need.MEAN_PAIRS
    | Need.WHITENING
    | Need.UNIT_MEANS
    | Need.UNIT_WHITENING
    | Need.NEAREST_MEAN
    | Need.DECISIONS
    | Need.MARGINS
    | Need.OOD
    | Need.ANCHORS
    | Need.KERNELS
    | Need.UNIT_SCATTER
    | Need.SAMPLE_PAIRS
)
FROM_HEAD = Need.HEAD | Need.WEIGHT_PAIRS | Need.DECISIONS | Need.MARGINS


def inputs_of(need: Need) -> tuple[str, ...]:
    """The arrays a need comes down to, as a user names them."""
    names = []
    if need & FROM_SAMPLES:
        names += ["features", "labels"]
    if need & FROM_HEAD:
        names.append("head")
    if need & Need.OOD:
        names.append("ood")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Storage:
    """How finely an array is stored: what rounding alone would look like."""

    dtype: str
    eps: float
    mean_square: float
    """Mean squared length of a row."""
    dim: int

    @property
    def rounding(self) -> float:
        """Mean squared rounding error of a row: uniform within one unit in the last place."""
        smallest = 2.0**-24 if self.dtype == "float16" else 0.0
        return (self.eps**2 * self.mean_square + self.dim * smallest**2) / 12


@dataclass(frozen=True, slots=True)
class Points:
    """K points (class means, centred; or classifier rows) and what their pairs say."""

    vectors: Tensor  # (K, D)
    pairs: Pairs
    etf_deviation: float | None
    storage: Storage
    classes: tuple[int, ...]
    """The stored class index of each row."""
    centred: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """Gathered facts about one Source; a field is None when nothing asked for it."""

    convention: Convention
    names: tuple[str, ...]
    present: tuple[int, ...] = ()
    samples: int = 0
    dim: int = 0
    count: Tensor | None = None  # (K,)
    variance: Tensor | None = None  # (K,) mean squared distance to the class mean
    within: float | None = None
    between: float | None = None
    sampling: float | None = None
    """Expected part of ``between`` that is only the sampling error of the class means."""
    copies: Copies | None = None
    spectrum: Spectrum | None = None
    unit_spectrum: Spectrum | None = None
    unit_between: float | None = None
    zero_rows: int = 0
    means: Points | None = None
    weights: Points | None = None
    weight_storage: Storage | None = None
    zero_weights: tuple[int, ...] = ()
    """Rows of the head that are zero."""
    duality: Duality | None = None
    unit_duality: Duality | None = None
    duality_deviation: float | None = None
    bias_residual: Tensor | None = None  # (K,)
    answers: Answers | None = None
    ood_cosines: Tensor | None = None  # (K,)
    has_bias: bool = False
    feature_storage: Storage | None = None
    mean_inverse_norm: float | None = None
    """Mean over classes of the mean of 1/|h|."""
    unit_rounding: float = 0.0
    """Mean squared rounding error of a feature scaled to length one."""
    budget: Budget = DEFAULT_BUDGET
    progress: Progress = field(default_factory=Silent, repr=False, compare=False)
    seconds: dict[str, float] = field(default_factory=dict, repr=False, compare=False)
    """What each shared fact cost."""
    shared: dict[str | tuple[str, ...], Any] = field(
        default_factory=dict, repr=False, compare=False
    )

    def once(self, key: str | tuple[str, ...], compute: Callable[[], T]) -> T:
        """A fact of several metrics, computed when the first of them asks."""
        if key not in self.shared:
            start = perf_counter()
            self.shared[key] = compute()
            name = key if isinstance(key, str) else "_".join(map(str, key))
            self.seconds[name] = perf_counter() - start
        return cast(T, self.shared[key])

    @property
    def classes(self) -> int:
        return len(self.present)
