"""Source and settings in, Report out."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from time import perf_counter

import torch
from torch import Tensor

import nctool
from nctool.analysis.bootstrap import with_intervals
from nctool.analysis.diagnostics import notices
from nctool.analysis.results import result_of
from nctool.arrays import Source
from nctool.core.errors import ResourceError
from nctool.core.progress import Progress, Silent
from nctool.engine.evidence import Evidence, Need
from nctool.engine.gather import Gathering, available
from nctool.engine.sweeps import BrokenRows, Engine, Overflow, extreme
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
    """The report, and the evidence behind it for whoever wants arrays."""

    report: Report
    evidence: Evidence
    results_by_class: tuple[Result, ...]
    """The same results, each with its value for every class."""


def measure(
    source: Source,
    metrics: Sequence[Metric],
    settings: Settings,
    progress: Progress | None = None,
) -> Analysis:
    """Gather what the metrics need, compute them, and say all there is to say about the run."""
    start = perf_counter()
    need = reduce(or_, (one.need for one in metrics), Need(0))
    if settings.convention.logit_scale is not None:
        source = cosine_head(source, settings.convention.logit_scale)
    with exact_products(settings.compute):
        engine = choose_engine(source, settings)
        wanted = available(source, need)
        try:
            gathering = Gathering(
                source, settings.convention, wanted, engine, progress or Silent(), settings.budget
            )
            evidence = _gathered(gathering)
        except torch.OutOfMemoryError as problem:
            raise ResourceError(
                "out-of-memory",
                f"{engine.device} ran out of memory",
                "use --device cpu, or fewer classes at a time with --metrics",
            ) from problem
        source, engine = gathering.source, gathering.engine
        full = tuple(result_of(one, source, evidence) for one in metrics)
        if settings.compute.bootstrap:
            full = with_intervals(
                full, evidence.count, settings.compute.bootstrap, settings.budget.seed
            )
    gathering.timing |= evidence.seconds
    gathering.timing["total"] = perf_counter() - start
    results = (
        full if settings.compute.per_class else tuple(replace(one, per_class=None) for one in full)
    )
    report = _report(source, evidence, results, settings, engine, gathering.timing)
    return Analysis(report, evidence, full)


def _gathered(gathering: Gathering) -> Evidence:
    """In float64 where float32 overflows, and without rows that are not finite."""
    while True:
        try:
            return gathering.gather()
        except Overflow:
            gathering.engine = Engine(gathering.engine.device, torch.float64)
        except BrokenRows as found:
            gathering.source = without(gathering.source, found.rows)


@contextmanager
def exact_products(options: ComputeOptions) -> Iterator[None]:
    """Full float32 products, the asked threads and determinism; the caller's own afterwards."""
    precision = torch.get_float32_matmul_precision()
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_float32_matmul_precision("highest")
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.deterministic:
        torch.use_deterministic_algorithms(True)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)
        if options.deterministic:
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)


def choose_engine(source: Source, settings: Settings) -> Engine:
    """float64 throughout where the features are stored so; float32 products otherwise."""
    device = choose_device(settings.compute.device)
    work = torch.float32
    finest = settings.convention.unit_features or extreme(source.features, source.weight)
    stored = {source.features.dtype if source.features is not None else None}
    if settings.compute.dtype == "float64" or finest or "float64" in stored:
        work = torch.float64
    if settings.compute.dtype == "float32" and not finest:
        work = torch.float32
    if device.type == "mps" and work == torch.float64:
        raise ResourceError(
            "no-float64", "this device has no float64, which these inputs need", "use --device cpu"
        )
    return Engine(device, work)


def choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, dtype=torch.float64, device=device)
    except (RuntimeError, AssertionError, TypeError) as problem:
        raise ResourceError(
            "no-such-device",
            f"device {name!r} is not available here",
            "use --device cpu; see what is here with: nctool doctor",
        ) from problem
    return device


def _report(
    source: Source,
    evidence: Evidence,
    results: tuple[Result, ...],
    settings: Settings,
    engine: Engine,
    timing: dict[str, float],
) -> Report:
    convention = settings.convention
    return Report(
        run={
            "id": secrets.token_hex(4),
            "epoch": source.run.get("epoch"),
            "step": source.run.get("step"),
            "split": source.run.get("split"),
            **{name: one for name in ("train_error",) if (one := source.run.get(name)) is not None},
        },
        inputs=source.inputs,
        data=_data(source, evidence),
        settings={
            "profile": convention.profile,
            "convention": convention.paper,
            "center": convention.center,
            "accumulate": "float64",
            "products": str(engine.work).removeprefix("torch."),
            "device": str(engine.device),
            "threads": settings.compute.threads or torch.get_num_threads(),
            "world_size": 1,
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
        tool={"name": "nctool", "version": nctool.__version__},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        environment={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "platform": platform.platform(terse=True),
        },
        warnings=(*source.notices, *notices(source, evidence, results)),
        timing_s={name: round(value, 6) for name, value in timing.items()},
    )


def _data(source: Source, evidence: Evidence) -> dict[str, object]:
    count: Tensor | None = evidence.count
    spectrum = evidence.spectrum
    absent = len(source.names) - evidence.classes if count is not None else None
    return {
        "n": evidence.samples if count is not None else None,
        "d": evidence.dim or None,
        "k": evidence.classes if count is not None else len(source.names),
        "ignored": source.ignored,
        "class_counts": {
            "min": None if count is None else int(count.min()),
            "max": None if count is None else int(count.max()),
            "empty": absent,
            "single": None if count is None else int((count == 1).sum()),
        },
        "rank_of_means": None if spectrum is None else spectrum.rank,
        "rank_cutoff": None if spectrum is None else spectrum.cutoff,
        "rank_possible": None if spectrum is None else spectrum.full,
        "condition_of_means": _condition(evidence),
        "between_trace": evidence.between,
        "within_trace": evidence.within,
    }


def _condition(evidence: Evidence) -> float | None:
    spectrum = evidence.spectrum
    if spectrum is None or not spectrum.rank:
        return None
    return float(spectrum.singular[0] / spectrum.singular[spectrum.rank - 1])
