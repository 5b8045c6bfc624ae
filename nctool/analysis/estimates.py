"""From sources to an Estimate: what an analysis would read, hold and cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache

import torch

from nctool.analysis.forecast import FIRST, SECOND, Forecast, forecast, needed_facts
from nctool.analysis.measure import Settings, work_of
from nctool.analysis.stages import stage_of
from nctool.analysis.trajectories import Upcoming, points_of_layers, points_of_run
from nctool.arrays import Source
from nctool.core.errors import ResourceError
from nctool.core.metric_names import naming
from nctool.core.progress import Silent
from nctool.core.text import amount
from nctool.core.version import __version__
from nctool.engine import rates as machine
from nctool.engine.arithmetic import exact_products
from nctool.engine.cost import Cost, enough
from nctool.engine.device import Engine, choose_device
from nctool.engine.graph import Need
from nctool.engine.rates import TYPICAL, Rates
from nctool.facts import graph
from nctool.inputs.sources import load
from nctool.metrics import registry
from nctool.metrics.metric import Metric
from nctool.readers.remote import Downloads
from nctool.report.estimate import Estimate, Refusal, Saving, Stage
from nctool.settings.role_options import RoleOptions

SHORT = 1.0
"""Seconds of the whole, up to which timing this machine would take longer than it tells."""
WORTH_SAVING = 0.03
"""Of the whole: what saves less is not worth leaving out."""
MOST_SAVINGS = 3
FEW = 0.2
"""Of all metrics, how many may be proposed to be left out."""
OVER_SAMPLES = (FIRST, SECOND)

Costs = Mapping[str, Cost]
"""By fact, over all points."""


def sources_of(
    paths: Sequence[str], roles: RoleOptions, downloads: Downloads | None = None
) -> Iterator[Source]:
    """What is measured of these paths, one point after another."""
    points: Sequence[Upcoming] = ()
    if roles.layers is not None:
        points = points_of_layers(paths, roles, downloads)
    else:
        points = points_of_run(paths, roles, downloads)
    for point in points:
        yield point.load(downloads.progress if downloads else Silent())
    if not points:
        yield load(paths, roles, downloads)


def estimate(
    sources: Iterable[Source],
    metrics: Sequence[Metric],
    settings: Settings,
    *,
    named: Sequence[str] = (),
    processes: int = 1,
) -> Estimate:
    """Of one source, or of all points of a trajectory, which are measured one after another."""
    forecasts: list[Forecast] = []
    with exact_products(settings.compute):
        for source in sources:
            engine, why = _engine(source, settings)
            forecasts.append(forecast(source, metrics, settings, engine, processes))
        largest = max(forecasts, key=lambda each: TYPICAL.seconds(each.whole))
        rates, why = _rates(forecasts, largest, engine, why)
    costs: dict[str, Cost] = {}
    for each in forecasts:
        for step in each.steps:
            costs[step.fact] = costs.get(step.fact, Cost()) + step.cost
    skipped = _skipped(forecasts[-1], metrics)
    measured = [
        metric for metric in metrics if not any(metric.id in each for each in skipped.values())
    ]
    savings = _savings(source, measured, costs, rates)
    last, whole = forecasts[-1], _sum(costs.values())
    stage, held = largest.peak
    return Estimate(
        tool={"name": "nctool", "version": __version__},
        sources=tuple(named),
        points=len(forecasts),
        processes=processes,
        device=str(engine.device) if engine else settings.compute.device,
        data={
            "n": last.samples or None,
            "d": last.shape.dim,
            "k": last.shape.classes or None,
            "rows": last.shape.rows or None,
            "dtype": source.features.dtype if source.features else None,
        },
        passes=last.passes,
        bytes_per_pass=_per_pass(last),
        bytes_read=sum(
            _per_pass(each) * sum(over in OVER_SAMPLES for over in each.passes)
            for each in forecasts
        ),
        flops={"float32": whole.single, "float64": whole.double, "bfloat16": whole.half},
        seconds=_seconds(rates, whole),
        bytes_held=round(held),
        bytes_allowed=settings.budget.memory,
        largest=stage and stage_of(stage),
        stages=_stages(forecasts, rates),
        savings=savings,
        leave_out=_leaving_out(savings[0].metrics, metrics, skipped) if savings else None,
        refused=_refused(last, measured),
        skipped=skipped,
        metrics={
            metric.id: _seconds(rates, _of_facts(costs, needed_facts(source, [metric])))
            for metric in metrics
        },
        rates={"from": why, **({} if rates is None else asdict(rates))},
    )  # fmt: skip


def _engine(source: Source, settings: Settings) -> tuple[Engine | None, str]:
    """Where it would run; none where that device is not here, and why."""
    work = work_of(source, settings, beyond=False)
    try:
        return Engine.on(choose_device(settings.compute.device), work), ""
    except ResourceError as problem:
        return None, f"{problem.message}: nothing can be timed"


def _rates(
    forecasts: Sequence[Forecast], largest: Forecast, engine: Engine | None, why: str
) -> tuple[Rates | None, str]:
    """What this machine does in a second, and where that is known from."""
    if engine is None:
        return None, why
    typical = TYPICAL.with_threads(torch.get_num_threads())
    whole = _sum(each.whole for each in forecasts)
    if typical.seconds(whole) < SHORT:
        return typical, "typical: timing this machine would take longer than all of it"
    return machine.measured(engine, largest.shape), "measured now"


def _sum(costs: Iterable[Cost]) -> Cost:
    return sum(costs, Cost())


def _seconds(rates: Rates | None, cost: Cost) -> float | None:
    return None if rates is None else rates.seconds(cost)


def _of_facts(costs: Costs, facts: frozenset[str]) -> Cost:
    return _sum(cost for fact, cost in costs.items() if fact in facts)


def _per_pass(point: Forecast) -> int:
    """Bytes of the features, as they are stored, by all processes together."""
    read = any(over in OVER_SAMPLES for over in point.passes)
    return point.samples * point.shape.dim * point.shape.stored if read else 0


def _stages(forecasts: Sequence[Forecast], rates: Rates | None) -> tuple[Stage, ...]:
    """Under the names that a report books its times, in order."""
    costs: dict[str, Cost] = {}
    held: dict[str, float] = {}
    for each in forecasts:
        for stage, cost in each.stages.items():
            name = stage_of(stage)
            costs[name] = costs.get(name, Cost()) + cost
            held[name] = max(held.get(name, 0.0), each.peaks[stage])
    return tuple(
        Stage(name, _seconds(rates, cost), cost.flops, held[name], cost.rough)
        for name, cost in costs.items()
    )


def _savings(
    source: Source, metrics: Sequence[Metric], costs: Costs, rates: Rates | None
) -> tuple[Saving, ...]:
    """By fact: leaving out all that need it saves it, and what else only these need."""
    by_time = rates or TYPICAL
    whole = by_time.seconds(_sum(costs.values()))
    if whole < SHORT:
        return ()
    seen: set[object] = set()
    savings: list[tuple[float, Saving]] = []
    for fact in sorted(costs, key=lambda name: -by_time.seconds(costs[name])):
        base = fact.partition("[")[0]
        users = _users(metrics, base)
        # What most of an analysis rests on is no choice; and one thing is not told twice.
        if not 0 < len(users) <= FEW * len(metrics) or base in seen or users in seen:
            continue
        seen.update((base, users))
        needed = needed_facts(source, [metric for metric in metrics if metric.id not in users])
        saved = _sum(cost for name, cost in costs.items() if name not in needed)
        weight = by_time.seconds(saved)
        if weight >= WORTH_SAVING * whole:
            savings.append((weight, Saving(base, _seconds(rates, saved), saved.flops, users)))
    savings.sort(key=lambda each: -each[0])
    return tuple(saving for _, saving in savings[:MOST_SAVINGS])


def _leaving_out(
    out: Sequence[str], metrics: Sequence[Metric], skipped: Mapping[str, Sequence[str]]
) -> str | None:
    """For ``--metrics``: all but these; those without inputs may be named or not."""
    idle = {name for names in skipped.values() for name in names}
    kept = [metric.id for metric in metrics if metric.id not in idle.union(out)]
    return naming(kept, [name for name in registry() if name not in idle]) if kept else None


def _refused(last: Forecast, metrics: Sequence[Metric]) -> tuple[Refusal, ...]:
    """By what needs more memory than is allowed."""
    users = (
        (step, tuple(metric.id for metric in metrics if step.fact in _closure(metric.facts)))
        for step in last.refused
    )
    return tuple(Refusal(step.fact, round(step.cost.needed), ids) for step, ids in users if ids)


def _users(metrics: Sequence[Metric], base: str) -> tuple[str, ...]:
    """Metrics that have a variant of this fact made."""
    return tuple(
        metric.id
        for metric in metrics
        if base in {fact.partition("[")[0] for fact in _closure(metric.facts)}
    )


@cache
def _closure(needs: tuple[Need, ...]) -> frozenset[str]:
    return graph().closure(need.fact for need in needs if not need.soft)


def _skipped(last: Forecast, metrics: Sequence[Metric]) -> dict[str, tuple[str, ...]]:
    """By the inputs that are not there, or the samples that are gone."""
    skipped: dict[str, tuple[str, ...]] = {}
    for metric in metrics:
        if last.missing.isdisjoint(need.fact for need in metric.facts if _hard(need)):
            continue
        absent = [name for name in metric.needs if name in last.missing]
        needs = " and ".join(absent) or "a second look at the samples"
        skipped[needs] = (*skipped.get(needs, ()), metric.id)
    return skipped


def _hard(need: Need) -> bool:
    return not (need.soft or need.optional)


def refuse(estimate: Estimate) -> None:
    """Raise where --memory would leave a number without a value."""
    if estimate.refused:
        names = [metric for refusal in estimate.refused for metric in refusal.metrics]
        metrics = [registry()[name] for name in estimate.metrics]
        rest = _leaving_out(names, metrics, estimate.skipped)
        out = f", or leave them out: --metrics '{rest}'" if rest else ""
        raise ResourceError(
            "memory-too-small",
            f"{amount(estimate.needed)} needed for {', '.join(names)}, and --memory allows "
            f"{amount(estimate.bytes_allowed)}",
            f"allow it with --memory {enough(estimate.needed)}{out}",
        )
