"""From a model and a loader to numbers.

In order of choice: rows of one pass, in memory or on disk, which are measured as those of a file
are; where they do not fit, sums of that pass, and for what needs the samples again the loader once
more, with every random state put back and each batch compared with that of the first pass; where
it cannot be repeated, the sums alone, and the rest is skipped with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from nctool.analysis.all_ranks import of_all
from nctool.analysis.collected_rows import Keeper
from nctool.analysis.measure import Analysis, Settings
from nctool.analysis.together import measure_by_stage
from nctool.analysis.trajectories import MeasuredTrajectory
from nctool.arrays import Source
from nctool.capture.digests import Differs
from nctool.capture.forward import Forward
from nctool.capture.plan import Plan
from nctool.capture.spool import Spool
from nctool.core.progress import Progress, Silent
from nctool.engine.group import ALONE, Group
from nctool.metrics.metric import Metric
from nctool.report.trends import followed
from nctool.settings.capture_options import USUAL_SPOOL

WHY = "the rows did not fit into the spool, and {}; give more with spool="


@dataclass(frozen=True, slots=True)
class Collecting:
    """How a model is run over a loader, and what is kept of it."""

    plan: Plan = field(default_factory=Plan)
    spool: int = USUAL_SPOOL
    out: Path | None = None
    names: Sequence[str] | None = None
    run: Mapping[str, object] = field(default_factory=dict)
    """Epoch, step and split, where they are known."""


def collect_point(
    model: nn.Module,
    loader: Any,
    how: Collecting,
    metrics: Sequence[Metric],
    settings: Settings,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> Analysis | MeasuredTrajectory:
    """Measure a model as it is now; with layers, the course over depth that ends at its head."""
    shown = progress or Silent()
    with collected(model, loader, how, settings, shown) as sources:
        analyses = [
            measured(each, metrics, settings, shown, group, loader) for each in sources.values()
        ]
    if how.plan.layers is None:
        return analyses[-1]
    reports = [each.report for each in analyses]
    return MeasuredTrajectory(followed(reports, [*sources], depth=True), analyses[-1])


@contextmanager
def collected(
    model: nn.Module, loader: Any, how: Collecting, settings: Settings, progress: Progress
) -> Iterator[dict[str, Source]]:
    """The sources by layer, the head's input last; rows and second looks are gone afterwards."""
    with (
        Forward(model, loader, how.plan, progress) as forward,
        closing(Spool(how.spool, how.out)) as spool,
    ):
        once = "the loader, an iterator, can be read only once"
        why = WHY.format(once if forward.once else "no second pass was possible")
        keeper = Keeper(spool, settings, why, how.names, how.run)
        with closing(forward.batches()) as batches:
            for batch in batches:
                assert forward.watched is not None
                keeper.take(forward.watched, batch)
        watched = forward.watched
        assert watched is not None
        sources = keeper.sources(watched, None if forward.once else forward.again)
        last = "input of head" if "head" in watched.layers else "head"
        yield dict(zip((*watched.layers, last), sources, strict=True))


def measured(
    source: Source,
    metrics: Sequence[Metric],
    settings: Settings,
    progress: Progress,
    group: Group = ALONE,
    loader: Any = None,
) -> Analysis:
    """The analysis; where a second look shows other samples than the first, without it."""
    source = of_all(source, loader, group)
    try:
        return measure_by_stage(source, metrics, settings, progress, group)
    except Differs as problem:
        assert source.gathered is not None
        why = WHY.format(f"a second pass is not the first: {problem}")
        gathered = replace(source.gathered, again=None, why=why)
        return measure_by_stage(
            replace(source, gathered=gathered), metrics, settings, progress, group
        )
