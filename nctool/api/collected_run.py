"""A model at several checkpoints: which, in which order, and a point for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import nn

from nctool.analysis.collecting import Collecting, collect_point
from nctool.analysis.measure import Analysis, Settings
from nctool.analysis.trajectories import Within
from nctool.api.kept_points import Kept, Key
from nctool.capture.known_by import known_by
from nctool.capture.states import State, borrowed, state_for
from nctool.core.array_spec import split
from nctool.core.checkpoints import Moment, moment_in_name, moment_of, train_error
from nctool.core.errors import InputError, UsageError
from nctool.core.progress import Progress, Silent
from nctool.engine.group import ALONE, Group
from nctool.inputs.opening import Opening, checkpoints_of, expanded, name_of
from nctool.metrics.metric import Metric
from nctool.readers.feature_folder import MARK
from nctool.readers.remote import Downloads
from nctool.report import Input, Report
from nctool.report.trajectory import Trajectory
from nctool.report.trends import followed

PARTS = {"collecting": 0.8, "analysis": 0.2}
"""Of the time of a point: what is left is for a second look and for the numbers."""

Checkpoints: TypeAlias = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Stage:
    """One checkpoint of the run: its weights for the model, and when they were saved."""

    label: str
    state: State
    moment: Moment

    @cached_property
    def fingerprint(self) -> str:
        return self.state.fingerprint

    @property
    def key(self) -> Key:
        return Key(self.fingerprint, self.moment.epoch, self.moment.step)

    @property
    def run(self) -> dict[str, object]:
        """Of the report: when it was saved, and the training error it was saved with."""
        return {
            "epoch": self.moment.epoch,
            "step": self.moment.step,
            "train_error": train_error(self.state.opened.metadata),
        }

    @property
    def input(self) -> Input:
        """Of the report: the file, and what of it was loaded."""
        arrays, opened = self.state.arrays, self.state.opened
        numbers = sum(prod(array.shape) for array in arrays.values())
        [dtype, *others] = dict.fromkeys(array.dtype for array in arrays.values())
        reason = f"all {len(arrays):,} arrays of the model, by name and shape"
        return Input(
            "model", opened.where, self.state.prefix, opened.format, (numbers,),
            "mixed" if others else dtype, self.fingerprint, "argument", reason,
        )  # fmt: skip


Collect: TypeAlias = "Callable[[Stage, str | None, Progress], Analysis]"
"""Measures the model as it is now; rows go into the folder, if one is given."""


@dataclass(frozen=True, slots=True)
class Done:
    """A document, and the analysis of its last point with that report, unless it was kept."""

    document: Report | Trajectory
    last: Analysis | None


def collected_document(
    model: nn.Module,
    loaders: Callable[[], Any],
    how: Collecting,
    metrics: Sequence[Metric],
    settings: Settings,
    *,
    checkpoints: Checkpoints | None,
    kept: Kept,
    progress: Progress | None = None,
    keep_last: bool = True,
    group: Group = ALONE,
) -> Done:
    """The model as it is, or at each of its checkpoints; ``loaders`` is called for every pass."""

    def alone(how: Collecting, stage: Stage | None = None) -> Done:
        result = collect_point(model, loaders(), how, metrics, settings, progress, group)
        last = result if isinstance(result, Analysis) else result.last
        report = kept.marked(last.report if stage is None else _of_stage(last.report, stage))
        depth = None
        if not isinstance(result, Analysis):
            points = result.trajectory.points
            if stage is not None:
                points = tuple(
                    replace(each, report=_of_stage(each.report, stage)) for each in points
                )
            depth = replace(result.trajectory, points=points).with_last(report)
        kept.write(depth or report)
        return Done(depth or report, replace(last, report=report))

    if checkpoints is None:
        return alone(how)
    stages = stages_of(model, checkpoints)
    out = None if how.out is None else str(how.out)
    if how.plan.layers is not None:
        (stage, *others), (folder, *_) = stages, _folders(out, stages)
        if others:
            message = f"layers at {len(stages):,} checkpoints make no trajectory: it has one axis"
            raise UsageError("layers-and-checkpoints", message, "give one of the checkpoints")
        here = None if folder is None else Path(folder)
        with borrowed(model) as load:
            load(stage.state)
            return alone(replace(how, out=here, run={**how.run, **stage.run}), stage)
    loader = loaders()
    if isinstance(loader, Iterator) and len(stages) > 1 and loaders() is loader:
        message = f"the loader is a {type(loader).__name__}, which can be read once only"
        hint = "each checkpoint reads all of it: give what makes its own iterator, as a list does"
        raise InputError("loader-once", message, hint)

    if kept.path is not None:
        kept = kept.about(_known_by_all(model, loader, group))

    def collect(stage: Stage, folder: str | None, inner: Progress) -> Analysis:
        out = None if folder is None else Path(folder)
        here = replace(how, out=out, run={**how.run, **stage.run})
        result = collect_point(model, loaders(), here, metrics, settings, inner, group)
        assert isinstance(result, Analysis)  # without layers
        return result

    return collected_run(
        model, stages, collect, kept=kept, out=out, progress=progress, keep_last=keep_last
    )


def _known_by_all(model: nn.Module, loader: Any, group: Group) -> str | None:
    """The same on all ranks, each of which has samples of its own."""
    here = torch.tensor([*(known_by(model, loader) or "").encode()], dtype=torch.uint8)
    return "".join(bytes(each.tolist()).decode() for each in group.gather(here)) or None


def stages_of(
    model: nn.Module, checkpoints: Checkpoints, downloads: Downloads | None = None
) -> tuple[Stage, ...]:
    """The checkpoints in the order of the training; all of them fit the model, by headers."""
    downloads = downloads or Downloads()
    given = [checkpoints] if isinstance(checkpoints, str | Path) else checkpoints
    opening = Opening(downloads)
    places = [place for each in given for place in _places(str(each), downloads)]
    if not places:
        message = "there are no checkpoints in what was given as such"
        raise UsageError("checkpoints-missing", message, "give paths, a glob, or a run's folder")
    stages = [_stage(model, opening, *place) for place in dict.fromkeys(places)]
    if all(stage.moment.known for stage in stages):
        stages.sort(key=lambda stage: stage.moment.order)
    return tuple(stages)


def collected_run(
    model: nn.Module,
    stages: Sequence[Stage],
    collect: Collect,
    *,
    kept: Kept,
    out: str | None = None,
    progress: Progress | None = None,
    keep_last: bool = True,
) -> Done:
    """A point for each checkpoint, written as it is done; those that are kept are not run again.

    Without ``keep_last`` the last one is run in any case, for the arrays behind its report. The
    model has its own weights again afterwards.
    """
    known = kept.points()
    folders = _folders(out, stages)
    again = [
        stage.key not in known or not _finished(folder) or (stage is stages[-1] and not keep_last)
        for stage, folder in zip(stages, folders, strict=True)
    ]
    analysis: Analysis | None = None
    reports: list[Report] = []
    with (
        borrowed(model) as load,
        (progress or Silent()).task("checkpoints", sum(again)) as advance,
    ):
        for stage, folder, to_run in zip(stages, folders, again, strict=True):
            if not to_run:
                reports.append(known[stage.key])
                continue
            load(stage.state)
            within = Within(advance, stage.label, PARTS)
            analysis = collect(stage, folder, within)
            reports.append(kept.marked(_of_stage(analysis.report, stage)))
            within.finish()
            if len(reports) < len(stages):
                kept.write_part(_joined(reports, stages), len(stages))
    run = kept.said(_joined(reports, stages), again.count(False))
    document = run.last if len(stages) == 1 else run
    kept.write(document)
    last = replace(analysis, report=run.last) if analysis and again[-1] else None
    return Done(document, last)


def _of_stage(report: Report, stage: Stage) -> Report:
    """The report of a point, with the file that it is about first among its inputs."""
    return replace(
        report,
        inputs=(stage.input, *report.inputs),
        warnings=(*stage.state.notices, *report.warnings),
    )


def _joined(reports: Sequence[Report], stages: Sequence[Stage]) -> Trajectory:
    return followed(reports, [stage.label for stage in stages[: len(reports)]])


def _places(given: str, downloads: Downloads) -> list[tuple[tuple[str, ...], str | None]]:
    """Paths, and after ``::`` which of several states a file holds; of a run all checkpoints.

    A checkpoint may be several files of one moment.
    """
    path, prefix = split(given)
    path, state = (path, prefix) if path else (prefix, None)
    return [
        (files, state)
        for each in expanded([path])
        for files in checkpoints_of(each, downloads) or ((each,),)
    ]


def _stage(model: nn.Module, opening: Opening, files: tuple[str, ...], prefix: str | None) -> Stage:
    parts = [part for path in files for part in opening.open(path)]
    arrays = tuple(array for part in parts for array in part.arrays)
    opened = replace(parts[0], arrays=arrays)
    state = state_for(model, opened, prefix)
    name, above = name_of(files[0]), Path(files[0]).parent.name
    stem = name if opened.path.is_dir() else Path(name).stem
    moment = moment_of(stem, opened.metadata)
    if not moment.known:  # epoch=3/model.pt
        moment = moment_in_name(above)
        name = f"{above}/{name}" if moment.known else name
    return Stage(name, state, moment)


def _folders(out: str | None, stages: Sequence[Stage]) -> list[str | None]:
    """A folder for the rows of each, named as a run's folders are; none without ``out``."""
    if out is None or len(stages) == 1:  # one moment is no run: its rows are the folder
        return [out] * len(stages)
    names = [_moment_name(stage.moment) for stage in stages]
    if len(set(names)) < len(names) or not all(names):
        names = [stage.label.replace("/", "-") for stage in stages]
    return [str(Path(out) / name) for name in names]


def _finished(folder: str | None) -> bool:
    """Whether the rows are where they were asked for."""
    return folder is None or (Path(folder) / MARK).is_file()


def _moment_name(moment: Moment) -> str:
    if moment.epoch is not None:
        return f"epoch={moment.epoch}"
    return "" if moment.step is None else f"step={moment.step}"
