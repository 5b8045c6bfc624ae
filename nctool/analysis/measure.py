"""Source and settings in, Report out."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter

import torch
from torch import Tensor

from nctool.analysis.bootstrap import with_intervals
from nctool.analysis.data import DESCRIBED, describe
from nctool.analysis.diagnostics import noticed, notices
from nctool.analysis.reading import seen_before
from nctool.analysis.results import result_of
from nctool.analysis.shares import class_share, share
from nctool.analysis.stages import seconds
from nctool.arrays import Source
from nctool.core.errors import ResourceError
from nctool.core.progress import Progress, Silent
from nctool.core.version import __version__
from nctool.engine.arithmetic import exact_products
from nctool.engine.device import Engine, choose_device, described
from nctool.engine.group import ALONE, Group
from nctool.engine.memory import memory_errors
from nctool.engine.samples import extreme
from nctool.engine.seen import look
from nctool.engine.solve import State, solve, start
from nctool.facts import graph
from nctool.facts.inputs import Inputs
from nctool.inputs.assemble import cosine_head, without
from nctool.metrics.metric import Metric
from nctool.report import Report, Result
from nctool.settings.budget import DEFAULT_BUDGET, Budget
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import Convention


@dataclass(frozen=True, slots=True)
class Settings:
    """How to compute; what to compute is the metrics' business."""

    convention: Convention
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    budget: Budget = DEFAULT_BUDGET
    origin: Mapping[str, str] = field(default_factory=dict)
    """Of each setting that a file or a variable decided: which."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The report, and the facts behind it for whoever wants arrays."""

    report: Report
    facts: State
    results_by_class: tuple[Result, ...]
    """The same results, each with its value for every class."""


def measure(
    source: Source,
    metrics: Sequence[Metric],
    settings: Settings,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> Analysis:
    """Settle the facts that the metrics name, and say all there is to say about the run."""
    begin = perf_counter()
    if settings.convention.logit_scale is not None:
        source = cosine_head(source, settings.convention.logit_scale)
    device = choose_device(settings.compute.device)
    with exact_products(settings.compute), memory_errors(device):
        engine = choose_engine(source, settings, group)
        inputs = inputs_of(source, settings, engine, progress or Silent(), group)
        known = seen_before(
            source, settings.convention, settings.budget, engine, progress or Silent()
        )
        if _in_order(source):
            # A model that repeats its input, as untrained ones with a tied head do, is right
            # about the row before: that is no other order of the rows.
            known = {**known, "misalignment": None}
        first = start(graph(), inputs, wanted_of(metrics), riders(), "sample_sums", known)
        facts = solve(first, look, group)
        if (samples := facts.value("samples")) is not None:
            samples.forget()
        options, source = settings.compute, as_read(source, facts)
        full = tuple(result_of(metric, facts) for metric in metrics)
        if options.bootstrap:
            counts = facts.value("class_counts")
            full = with_intervals(full, counts, options.bootstrap, settings.budget.seed)
    timing = seconds(facts) | {"total": perf_counter() - begin}
    shown = full if options.per_class else tuple(replace(result, per_class=None) for result in full)
    report = _report(source, facts, shown, settings, timing, group)
    return Analysis(report, facts, full)


def wanted_of(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The facts that metrics name."""
    wanted = {need.fact: None for metric in metrics for need in metric.facts if not need.soft}
    if "head_decisions" in graph().closure(wanted):
        wanted["misalignment"] = None
    return tuple(wanted)


def riders() -> tuple[str, ...]:
    """Facts that every report on samples has, whatever was asked for."""
    return (*DESCRIBED, *noticed(), "all_points[means]")


def inputs_of(
    source: Source,
    settings: Settings,
    engine: Engine,
    progress: Progress,
    group: Group = ALONE,
) -> dict[str, object]:
    """What facts start from; arrays that are not there are left out."""
    arrays = {
        "features": source.features,
        "labels": source.labels,
        "head": source.weight,
        "bias": source.bias,
        "ood": source.ood,
    }
    split = source.run.get("split")
    given: Inputs = {
        "class_names": source.names,
        "split": None if split is None else str(split),
        "convention": settings.convention,
        "budget": settings.budget,
        "engine": engine,
        "progress": progress,
        "group": group,
    }
    if source.features is not None:
        given["share"] = share(source, group)
        if (classes := class_share(source, settings.budget, engine, group)) is not None:
            given["class_share"] = classes
    return {name: array for name, array in arrays.items() if array is not None} | dict(given)


def as_read(source: Source, facts: State) -> Source:
    """Without the rows that were left out for not being finite."""
    labels = facts.known["labels"]
    if source.labels is None or not isinstance(labels, Tensor) or labels is source.labels:
        return source
    return without(source, torch.nonzero((labels < 0) & (source.labels >= 0)).flatten())


def choose_engine(source: Source, settings: Settings, group: Group = ALONE) -> Engine:
    device = choose_device(settings.compute.device)
    beyond = extreme(source.features, source.weight, share(source, group), group)
    work = work_of(source, settings, beyond=beyond)
    if device.type == "mps":  # whatever the products are of, sums are of float64
        raise ResourceError(
            "no-float64", "this device has no float64, which these inputs need", "use --device cpu"
        )
    return Engine.on(device, work)


def work_of(source: Source, settings: Settings, *, beyond: bool) -> torch.dtype:
    """float64 throughout where the features are stored so; float32 products otherwise.

    ``beyond``: whether their squares leave the range of float32.
    """
    finest = settings.convention.unit_features or beyond
    stored = {source.features.dtype if source.features is not None else None}
    asked = settings.compute.dtype
    if source.gathered is not None:
        # The tables of these sums are of that precision: with others, they would be corrected for
        # a rounding that never was.
        stored, asked = {source.gathered.work}, None
    if asked == "float32" and not finest:
        return torch.float32
    double = asked == "float64" or finest or "float64" in stored
    return torch.float64 if double else torch.float32


def _report(
    source: Source,
    facts: State,
    results: tuple[Result, ...],
    settings: Settings,
    timing: dict[str, float],
    group: Group,
) -> Report:
    convention = settings.convention
    engine = facts.value("engine")
    train_error = source.run.get("train_error")
    return Report(
        run={
            "id": secrets.token_hex(4),
            "epoch": source.run.get("epoch"),
            "step": source.run.get("step"),
            "split": source.run.get("split"),
            **({} if train_error is None else {"train_error": train_error}),
        },
        inputs=source.inputs,
        data=describe(source, facts),
        settings={
            "profile": convention.profile,
            "convention": convention.paper,
            "center": convention.center,
            "accumulate": "float64",
            "products": str(engine.work).removeprefix("torch."),
            "device": str(engine.device),
            "threads": settings.compute.threads or torch.get_num_threads(),
            "world_size": group.size,
            "deterministic": settings.compute.deterministic,
            **asdict(settings.budget),
            "bootstrap": settings.compute.bootstrap,
            "alpha": convention.alpha,
            "beta": convention.beta,
            "unit_rows": convention.unit_rows,
            "logit_scale": convention.logit_scale,
            "from": dict(settings.origin),
        },
        metrics=results,
        tool={"name": "nctool", "version": __version__},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        environment={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "platform": platform.platform(terse=True),
            **described(engine.device),
        },
        warnings=(*source.notices, *notices(facts, results)),
        timing_s={name: round(value, 6) for name, value in timing.items()},
    )


def _in_order(source: Source) -> bool:
    """Whether labels are the tokens that follow, taken from the inputs of the same rows."""
    return any(notice.slug == "next-token-labels" for notice in source.notices)
