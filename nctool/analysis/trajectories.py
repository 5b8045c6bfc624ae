"""The same measurement again and again: over the checkpoints of a run, or over its layers.

Each point is measured as it would be alone, while the next is opened; nothing but its report is
kept. What only the whole trajectory tells comes after.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from nctool.analysis.ahead import InTurn, Load
from nctool.analysis.measure import Analysis, Settings
from nctool.analysis.together import measure_together
from nctool.arrays import LazyArray
from nctool.core import checkpoints as runs
from nctool.core.errors import InputError
from nctool.core.progress import Advance, Progress, Silent
from nctool.core.text import natural
from nctool.engine.group import ALONE, Group
from nctool.inputs.opening import checkpoints_of, name_of, printable_name
from nctool.inputs.sources import inspect, load
from nctool.metrics.metric import Metric
from nctool.readers.remote import Downloads
from nctool.report import Report
from nctool.report.trajectory import Trajectory
from nctool.report.trends import followed
from nctool.settings.role_options import RoleOptions


@dataclass(frozen=True, slots=True)
class MeasuredTrajectory:
    """A trajectory, and the analysis of its last point for whoever wants its arrays."""

    trajectory: Trajectory
    last: Analysis


@dataclass(frozen=True, slots=True)
class Upcoming:
    """One point to come: its name, and how it is opened."""

    label: str
    load: Load


def points_of_run(
    sources: Sequence[str], options: RoleOptions, downloads: Downloads | None = None
) -> tuple[Upcoming, ...]:
    """The checkpoints of a run folder, or of several files of one run; none for anything else.

    Other files that are named beside a run folder belong to each of its checkpoints.
    """
    downloads = downloads or Downloads()
    series = [checkpoints_of(source, downloads) for source in sources]
    folders = [place for place, checkpoints in enumerate(series) if checkpoints]
    if len(folders) == 1:
        rest = [source for place, source in enumerate(sources) if place != folders[0]]
        checkpoints = series[folders[0]]
    else:
        rest, checkpoints = [], () if folders else _together(sources)
    return tuple(
        Upcoming(_label(parts), _loading([*parts, *rest], options, downloads))
        for parts in checkpoints
    )


def points_of_layers(
    sources: Sequence[str], options: RoleOptions, downloads: Downloads | None = None
) -> tuple[Upcoming, ...]:
    """Feature arrays of one checkpoint, by the numbers in their names; the head is the last's."""
    assert options.layers is not None
    widths = (2, 3) if options.pool else (2,)
    layers = [
        array
        for file in inspect(sources, options, downloads).opened
        for array in file.arrays
        if fnmatchcase(array.key, options.layers)
        and len(array.shape) in widths
        and array.dtype.startswith(("float", "bfloat"))
    ]
    if len(layers) < 2:
        raise InputError(
            "too-few-layers",
            f"--layers {options.layers!r} names {len(layers)} feature arrays, "
            "and a course needs two",
            "see what there is with: nctool inspect SOURCE",
        )
    layers.sort(key=lambda layer: natural(layer.key))
    *inner, last = layers
    return (
        *(
            Upcoming(layer.key, _loading(sources, _at(layer, options, head="none"), downloads))
            for layer in inner
        ),
        Upcoming(last.key, _loading(sources, _at(last, options, head=options.head), downloads)),
    )


def measure_points(
    points: Sequence[Upcoming],
    metrics: Sequence[Metric],
    settings: Settings,
    progress: Progress | None = None,
    *,
    depth: bool = False,
    group: Group = ALONE,
) -> MeasuredTrajectory:
    """Measure every point, with one pass of progress over all of them."""
    reports: list[Report] = []
    progress, last = progress or Silent(), None
    in_turn = InTurn([point.load for point in points], settings.budget.memory)
    with progress.task("checkpoints", len(points)) as advance, in_turn:
        for point in points:
            within = Within(advance, point.label, {"analysis": 1.0})
            last = None  # what it holds goes first: this point and the next are all that is open
            source = in_turn.next(progress, within.say)
            last = measure_together(source, metrics, settings, within, group)
            reports.append(last.report)
            within.finish()
    assert last is not None
    trajectory = followed(reports, [point.label for point in points], depth=depth)
    return MeasuredTrajectory(trajectory, last)


def _together(sources: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Several files of one run, in order: of each moment one or more."""
    named = {Path(printable_name(source)): source for source in sources}
    if len(named) < len(sources):  # a name that comes twice is one moment
        return ()
    points = runs.as_one_run(list(named))
    return tuple(tuple(named[path] for path in point.paths) for point in points)


def _label(parts: Sequence[str]) -> str:
    """The name of a checkpoint; of one in parts, the numbers left out that tell those apart."""
    first, *others = (re.split(r"(\d+)", name_of(part)) for part in parts)
    alike = [pieces for pieces in others if pieces[::2] == first[::2]]
    different = [len({pieces[place] for pieces in (first, *alike)}) > 1
                 for place in range(len(first))]  # fmt: skip
    pairs = zip(first, different, strict=True)
    return "".join("*" if differs else piece for piece, differs in pairs)


def _loading(sources: Sequence[str], options: RoleOptions, downloads: Downloads | None) -> Load:
    shared = downloads or Downloads()
    return lambda progress: load(sources, options, replace(shared, progress=progress))


def _at(layer: LazyArray, options: RoleOptions, *, head: str | None) -> RoleOptions:
    return replace(options, features=f"{layer.path}::{layer.key}", head=head)


@dataclass(slots=True)
class Within:
    """The tasks of one point, told as notes of the whole.

    Of a task that takes ``parts`` of a point's time, each step counts for the whole, so that the
    time left is known before the first point is done.
    """

    advance: Advance
    label: str
    parts: Mapping[str, float] = field(default_factory=dict)
    moved: float = 0.0
    """Of this point, as far as the whole was told."""

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        done = 0.0

        def inner(amount: float, note: str = "") -> None:
            nonlocal done
            done += amount
            step = self.parts.get(title, 0.0) * amount / max(total, 1)
            step = min(step, 1 - self.moved)
            self.moved += step
            self.advance(step, f"{self.label}: {note or title} {done / max(total, 1):.0%}")

        yield inner

    def say(self, note: str) -> None:
        """What is waited for."""
        self.advance(0, f"{self.label}: {note}" if note else self.label)

    def finish(self) -> None:
        """The point is done."""
        self.advance(1 - self.moved)
        self.moved = 1.0
