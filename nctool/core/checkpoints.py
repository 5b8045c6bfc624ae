"""Folders that hold one run's checkpoints: which files, and at which epoch or step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# A letter before would be another word's end: "stage4" is no epoch 4, "features2" no step.
EPOCH = re.compile(r"(?:^|[^a-z])(?:epoch|ep|e)[=_\- ]?(\d+)", re.IGNORECASE)
STEP = re.compile(
    r"(?:^|[^a-z])(?:step|iter|iteration|checkpoint|ckpt|s)[=_\- ]?(\d+)", re.IGNORECASE
)
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
    """One file or folder of a run."""

    path: Path
    moment: Moment


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
    """
    alike: dict[str, list[Checkpoint]] = {}
    for entry in sorted(folder.iterdir()):
        moment = moment_in_name(entry.stem if entry.is_file() else entry.name)
        if entry.name.isdecimal() and entry.is_dir():  # as Orbax names its steps
            moment = Moment(step=int(entry.name))
        if moment.known and not entry.name.startswith("."):
            kind = entry.suffix if entry.is_file() else "/"
            shape = re.sub(r"\d+", "#", entry.name)
            alike.setdefault(kind + shape, []).append(Checkpoint(entry, moment))
    largest = max(alike.values(), key=len, default=[])
    return _in_order(largest)


def _in_order(series: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
    """By their moments; of fewer than two nothing, for one file is no run."""
    in_order = sorted(series, key=lambda checkpoint: checkpoint.moment.order)
    return tuple(in_order) if len(in_order) > 1 else ()


def as_one_run(paths: Sequence[Path]) -> tuple[Checkpoint, ...]:
    """Paths that are checkpoints of one run: names alike but for their moments, all different."""
    series = [Checkpoint(path, moment_in_name(path.stem)) for path in paths]
    shapes = {re.sub(r"\d+", "#", path.name) for path in paths}
    moments = {checkpoint.moment for checkpoint in series}
    different = len(moments) == len(paths) and all(moment.known for moment in moments)
    return _in_order(series) if len(shapes) == 1 and different else ()


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
