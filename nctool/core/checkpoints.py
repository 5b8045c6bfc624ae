"""Folders that hold one run's checkpoints: which files, and at which epoch or step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EPOCHS = ("epoch", "ep", "e")
STEPS = ("step", "iter", "iteration", "checkpoint", "ckpt", "s")
MOMENTS = frozenset(EPOCHS + STEPS)
"""Words before a number that say when something was saved."""


def _numbered(words: Sequence[str]) -> re.Pattern[str]:
    # A letter before would be another word's end: "stage4" is no epoch 4, "features2" no step.
    return re.compile(rf"(?:^|[^a-z])(?:{'|'.join(words)})[=_\- ]?(\d+)", re.IGNORECASE)


EPOCH, STEP = _numbered(EPOCHS), _numbered(STEPS)
ONE_ARRAY = ".npy"
"""Files of one array each: features and labels of a moment are two of them."""

LOGGED = re.compile(
    r"train(?:ing)?[_/. -]?(?:top-?1[_/. -]?)?(?:(?P<error>err|error)|acc|accuracy)(?:[_@]?1)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """When in training something was saved, as far as it is known."""

    epoch: int | None = None
    step: int | None = None

    @property
    def known(self) -> bool:
        return self.epoch is not None or self.step is not None

    @property
    def order(self) -> tuple[int, int]:
        return (self.epoch if self.epoch is not None else -1), self.step or 0

    def __str__(self) -> str:
        named = {"epoch": self.epoch, "step": self.step}
        words = (f"{name} {count}" for name, count in named.items() if count is not None)
        return ", ".join(words) or "unknown"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file or folder of a run, or several of one moment, as every rank writes its own."""

    path: Path
    moment: Moment
    beside: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        return self.path, *self.beside


def moment_of(name: str, metadata: Mapping[str, object]) -> Moment:
    """What the file says of itself, or else what its name says."""
    named = moment_in_name(name)
    epoch = _number(metadata.get("epoch"))
    step = _number(metadata.get("global_step", metadata.get("step")))
    return Moment(named.epoch if epoch is None else epoch, named.step if step is None else step)


def moment_in_name(name: str) -> Moment:
    epoch, step = EPOCH.search(name), STEP.search(name)
    return Moment(int(epoch[1]) if epoch else None, int(step[1]) if step else None)


def checkpoints(folder: Path) -> tuple[Checkpoint, ...]:
    """The run's checkpoints in order; empty when this folder is not a run.

    A run is a folder with two or more entries of one kind whose names carry an epoch or a step.
    Entries of one and the same moment are no run by themselves: they are parts of what it holds.
    """
    alike: dict[str, list[Checkpoint]] = {}
    for entry in sorted(folder.iterdir()):
        moment = moment_in_name(entry.stem if entry.is_file() else entry.name)
        if entry.name.isdecimal() and entry.is_dir():  # as Orbax names its steps
            moment = Moment(step=int(entry.name))
        if moment.known and not entry.name.startswith("."):
            alike.setdefault(_kind(entry) + _shape(entry), []).append(Checkpoint(entry, moment))
    runs = [series for series in alike.values() if len(_moments(series)) > 1]
    largest = max(runs, key=len, default=[])
    if not largest:
        return ()
    kind = _kind(largest[0].path)
    if len(_moments(largest)) < len(largest) or kind == ONE_ARRAY:
        of_kind = (series for series in runs if _kind(series[0].path) == kind)
        largest = [checkpoint for series in of_kind for checkpoint in series]
    return _in_order(largest)


def _kind(entry: Path) -> str:
    return entry.suffix if entry.is_file() else "/"


def _shape(path: Path) -> str:
    """The name without its numbers."""
    return re.sub(r"\d+", "#", path.name)


def _moments(series: Iterable[Checkpoint]) -> set[Moment]:
    return {checkpoint.moment for checkpoint in series}


def _in_order(series: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """By their moments, those of one moment together; of fewer than two moments nothing."""
    together: dict[Moment, list[Path]] = {}
    for checkpoint in series:
        together.setdefault(checkpoint.moment, []).append(checkpoint.path)
    moments = sorted(together, key=lambda moment: moment.order)
    points = (Checkpoint(together[at][0], at, tuple(together[at][1:])) for at in moments)
    return tuple(points) if len(moments) > 1 else ()


def as_one_run(paths: Sequence[Path]) -> tuple[Checkpoint, ...]:
    """Paths that are checkpoints of one run: at each of its moments names of the same kinds.

    Where a name carries no moment, that of its folder counts: ``epoch=3/rank0.npz``.
    """
    named = [moment_in_name(path.stem) for path in paths]
    moments = [
        own if own.known else moment_in_name(path.parent.name)
        for own, path in zip(named, paths, strict=True)
    ]
    series = [Checkpoint(path, moment) for path, moment in zip(paths, moments, strict=True)]
    shapes: dict[Moment, list[str]] = {}
    for checkpoint in series:
        shapes.setdefault(checkpoint.moment, []).append(_shape(checkpoint.path))
    same = len({tuple(sorted(names)) for names in shapes.values()}) == 1
    return _in_order(series) if same and all(moment.known for moment in moments) else ()


def train_error(metadata: Mapping[str, object]) -> float | None:
    """The training error that a checkpoint was saved with, as a share; None if it says none."""
    for name, value in metadata.items():
        match = LOGGED.fullmatch(name)
        if match is None or isinstance(value, bool):
            continue
        try:
            share = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
        whole = 100.0 if share > 1 else 1.0  # a percentage; 1 itself is taken as all, not 1 %
        error = share / whole if match["error"] else 1 - share / whole
        if 0 <= error <= 1:
            return error
    return None


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)) and value == int(value):
        return int(value)
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    return None
