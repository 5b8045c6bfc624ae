"""What a file of sums holds: the sums by fact, and everything that decides what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from nctool.core.notice import Notice
from nctool.core.text import count, printable
from nctool.report.plain import of_keys

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Part:
    """Samples that were passed over in one go."""

    id: str
    """Of their features and labels: the same samples have the same one."""
    samples: int
    ignored: int
    path: str
    """Of the features; empty for arrays in memory."""
    key: str
    sources: tuple[str, ...] = ()
    """What was typed to name them, options of the roles included."""
    name: str = ""
    """Of the file that their sums were first written to, without its suffix."""
    rows: tuple[int, int] | None = None
    """Which of all samples they are, where that is known."""

    @property
    def shown(self) -> str:
        return self.path or self.name or f"{self.samples:,} samples"


@dataclass(frozen=True, slots=True)
class Around:
    """The class means that residuals were taken from in the second pass."""

    means: str
    """Their digest."""
    parts: tuple[str, ...]
    """The ids of all parts that these are the means of."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the sums depend on: only those made alike can be added."""

    dim: int
    dtype: str
    """Of the features as they are stored."""
    products: str
    """Working precision of the sums over a block."""
    center: str
    unit_features: bool
    bias_decides: bool
    logit_scale: float | None = None
    seed: int = 0
    """By which rows were chosen for what sums cannot tell."""


@dataclass(frozen=True, slots=True, repr=False)
class Statistics:
    """Sums over samples, mergeable; ``nctool.readers.statistics_file`` says how they are stored."""

    conditions: Conditions
    names: tuple[str, ...]
    """Of all classes, with samples or without."""
    parts: tuple[Part, ...]
    first: Mapping[str, Tensor]
    """Of the first pass, by fact and place."""
    second: Mapping[str, Tensor] = field(default_factory=dict)
    """Of the pass around the class means."""
    whole: Mapping[str, Tensor] = field(default_factory=dict)
    """What takes all samples at once, and is lost in a merger."""
    around: Around | None = None
    means: Mapping[str, Tensor] = field(default_factory=dict)
    """The sums of the first pass that the second is around, where they are not these."""
    weight: Tensor | None = None  # (C, D)
    bias: Tensor | None = None  # (C,)
    run: Mapping[str, Any] = field(default_factory=dict)
    """Epoch, step and split, as far as they are known."""
    layer: str | None = None
    """The name of the features, where it is more than that of their file."""
    undefined: Mapping[str, str] = field(default_factory=dict)
    """Of facts that take all samples and have no value: why."""
    notices: tuple[Notice, ...] = ()
    path: str = ""

    @property
    def samples(self) -> int:
        return sum(part.samples for part in self.parts)

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(part.id for part in self.parts)

    @property
    def complete(self) -> bool:
        """Is the second pass here, over all samples that its means are the means of?"""
        return self.around is not None and frozenset(self.around.parts) == self.ids

    @property
    def sentence(self) -> str:
        """``x.ncstats: both passes over 60,000 samples of 10 classes in 512 dimensions``."""
        around, passes = self.around, "the first pass"
        if around is not None:
            some = "" if self.complete else f" ({len(self.parts)} of {len(around.parts)} parts)"
            passes = f"both passes{some}"
        parts = "" if len(self.parts) == 1 else f", {len(self.parts):,} parts"
        return (
            f"{self.path or 'sums'}: {passes} over {count(self.samples, 'sample')} of "
            f"{count(len(self.names), 'class', 'classes')} in "
            f"{count(self.conditions.dim, 'dimension')}{parts}"
        )

    def __repr__(self) -> str:
        return printable(self.sentence)


def plain(statistics: Statistics) -> dict[str, Any]:
    """What is no tensor, as JSON has it."""

    def of(value: Any) -> dict[str, Any]:
        return {each.name: getattr(value, each.name) for each in fields(value)}

    numbered = all(name == str(row) for row, name in enumerate(statistics.names))
    return {
        "conditions": of(statistics.conditions),
        "classes": len(statistics.names),
        "class_names": None if numbered else list(statistics.names),
        "parts": [of(part) for part in statistics.parts],
        "around": None if statistics.around is None else of(statistics.around),
        "run": dict(statistics.run),
        "layer": statistics.layer,
        "undefined": dict(statistics.undefined),
        "notices": [of(notice) for notice in statistics.notices],
    }


def from_plain(plain: Mapping[str, Any], groups: Mapping[str, Mapping[str, Tensor]]) -> Statistics:
    """The same from JSON and tensors; TypeError, KeyError or ValueError where it is none."""
    names, classes = plain["class_names"], plain["classes"]
    if names is None:
        names = [str(row) for row in range(classes)]
    _require(len(names) == classes and all(type(name) is str for name in names), "class_names")
    around, layer = plain["around"], plain["layer"]
    _require(layer is None or type(layer) is str, "layer")
    _require(all(type(why) is str for why in plain["undefined"].values()), "undefined")
    run = {name: plain["run"][name] for name in RUN if name in plain["run"]}
    _require(all(each is None or type(each) in RUN[name] for name, each in run.items()), "run")
    head = groups.get("head", {})
    return Statistics(
        conditions=of_keys(Conditions, plain["conditions"]),
        names=tuple(names),
        parts=tuple(of_keys(Part, part) for part in plain["parts"]),
        first=groups.get("first", {}),
        second=groups.get("second", {}),
        whole=groups.get("whole", {}),
        means=groups.get("around", {}),
        around=None if around is None else of_keys(Around, around),
        weight=head.get("weight"),
        bias=head.get("bias"),
        run=run,
        layer=layer,
        undefined=dict(plain["undefined"]),
        notices=tuple(of_keys(Notice, notice) for notice in plain["notices"]),
    )


RUN: dict[str, tuple[type, ...]] = {
    "epoch": (int, float), "step": (int,), "split": (str,), "train_error": (float, int),
}  # fmt: skip
"""What may be known of when and of what the samples are."""


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"its {what} cannot be")
