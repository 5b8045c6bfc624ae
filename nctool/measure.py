"""Source and settings in, Report out."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from time import perf_counter

import torch
from torch import Tensor

import nctool
from nctool.arrays import Source
from nctool.conventions import Convention
from nctool.errors import ResourceError
from nctool.evidence import Evidence, Need
from nctool.gather import Engine, Gatherer, Overflow, available, extreme
from nctool.metrics.metric import Measured, Metric, Undefined
from nctool.metrics.shared import understatement
from nctool.notice import Notice
from nctool.progress import Progress, Silent
from nctool.report import ClassValue, Distribution, Report, Result
from nctool.statistics.distribution import spread

WORST = 5
BELOW_NOISE = "below-noise-floor"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to compute; what to compute is the metrics' business."""

    convention: Convention
    device: str = "auto"
    dtype: str | None = None
    threads: int | None = None
    deterministic: bool = False
    per_class: bool = False
    seed: int = 0


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
    with exact_products(settings):
        engine = choose_engine(source, settings)
        try:
            gatherer = Gatherer(
                source, settings.convention, need, engine, progress or Silent()
            )
            evidence = gatherer.gather()
        except Overflow:
            engine = Engine(engine.device, torch.float64)
            gatherer = Gatherer(
                source, settings.convention, need, engine, progress or Silent()
            )
            evidence = gatherer.gather()
        except torch.OutOfMemoryError as problem:
            raise ResourceError(
                "out-of-memory",
                f"{engine.device} ran out of memory",
                "use --device cpu, or fewer classes at a time with --metrics",
            ) from problem
        full = tuple(_result(one, source, evidence) for one in metrics)
    gatherer.timing["total"] = perf_counter() - start
    results = full if settings.per_class else tuple(replace(one, per_class=None) for one in full)
    report = _report(source, evidence, results, settings, engine, gatherer.timing)
    return Analysis(report, evidence, full)


@contextmanager
def exact_products(settings: Settings) -> Iterator[None]:
    """Full float32 products, the asked threads and determinism; the caller's own afterwards."""
    precision = torch.get_float32_matmul_precision()
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    torch.set_float32_matmul_precision("highest")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if settings.deterministic:
        torch.use_deterministic_algorithms(True)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def choose_engine(source: Source, settings: Settings) -> Engine:
    """float64 throughout where the features are stored so; float32 products otherwise."""
    device = choose_device(settings.device)
    work = torch.float32
    finest = settings.convention.unit_features or extreme(source.features, source.weight)
    stored = {source.features.dtype if source.features is not None else None}
    if settings.dtype == "float64" or finest or "float64" in stored:
        work = torch.float64
    if settings.dtype == "float32" and not finest:
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
            f"device {name!r} is not available here ({_first_line(problem)})",
            "use --device cpu; see what is here with: nctool doctor",
        ) from problem
    return device


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__


def _result(one: Metric, source: Source, evidence: Evidence) -> Result:
    """Compute one metric, or say why there is nothing to compute."""

    def outcome(**fields: object) -> Result:
        values: dict[str, object] = {
            "id": one.id, "title": one.title, "definition": one.definition, "value": None,
            "status": "ok", "reason": None, "ideal": one.ideal,
            "toward_collapse": one.toward_collapse, "needs": one.needs,
            "definition_version": one.version,
        }  # fmt: skip
        return Result(**(values | fields))  # type: ignore[arg-type]

    if available(source, one.need) != one.need:
        has = {
            "features": source.features is not None,
            "labels": source.labels is not None,
            "head": source.weight is not None,
            "ood": source.ood is not None,
        }
        missing = " and ".join(name for name in one.needs if not has[name])
        return outcome(status="skipped", reason=f"needs {missing}")
    try:
        found = one.measure(evidence)
    except Undefined as why:
        return outcome(status="undefined", reason=str(why))
    if not torch.isfinite(torch.tensor(found.value)):
        return outcome(status="undefined", reason="the result is not a finite number")
    flags = found.flags
    if found.noise_floor is not None and abs(found.value) <= found.noise_floor:
        flags += (BELOW_NOISE,)
    return outcome(
        value=found.value,
        floor=found.floor,
        best_known=found.best_known,
        null_value=found.null_value,
        noise_floor=found.noise_floor,
        distribution=_distribution(found),
        worst=_worst(one, found, evidence),
        per_class=_all_classes(found, evidence),
        flags=flags,
    )


def _distribution(found: Measured) -> Distribution | None:
    if found.distribution is not None:
        return found.distribution
    return None if found.per_class is None else spread(found.per_class.double())


def _worst(one: Metric, found: Measured, evidence: Evidence) -> tuple[ClassValue, ...] | None:
    """The classes furthest from collapse, worst first."""
    if found.per_class is None:
        return None
    order = torch.sort(found.per_class, descending=one.worst_is == "up", stable=True).indices
    classes = found.classes or evidence.present
    return tuple(
        ClassValue(classes[row], evidence.names[classes[row]], float(found.per_class[row]))
        for row in order[:WORST].tolist()
    )


def _all_classes(found: Measured, evidence: Evidence) -> tuple[float | None, ...] | None:
    """One value per stored class; None where a class has none."""
    if found.per_class is None:
        return None
    values: list[float | None] = [None] * len(evidence.names)
    for row, index in enumerate(found.classes or evidence.present):
        values[index] = float(found.per_class[row])
    return tuple(values)


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
            "threads": settings.threads or torch.get_num_threads(),
            "world_size": 1,
            "deterministic": settings.deterministic,
            "seed": settings.seed,
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


def notices(
    source: Source, evidence: Evidence, results: tuple[Result, ...]
) -> Iterator[Notice]:
    """What a reader of these numbers ought to know."""
    count = evidence.count
    if count is None:
        return
    empty = len(source.names) - evidence.classes
    if empty:
        gone = sorted(set(range(len(source.names))) - set(evidence.present))
        yield Notice(
            "empty-classes",
            f"{empty:,} of {len(source.names):,} classes have no sample "
            f"({', '.join(source.names[one] for one in gone[:3])}{' …' if empty > 3 else ''}): "
            f"K = {evidence.classes:,} for everything about means",
            data={"empty": empty},
        )
    single = int((count == 1).sum())
    if single:
        yield Notice(
            "single-sample-classes",
            f"{single:,} classes have one sample: their within-class variance is zero "
            "by construction, which looks like collapse",
            data={"single": single},
        )
    spectrum = evidence.spectrum
    if spectrum is not None and 0 < spectrum.rank < spectrum.full:
        yield Notice(
            "rank-deficient-means",
            f"the class means span {spectrum.rank} of {spectrum.full} possible directions "
            f"(cut-off {spectrum.cutoff:.3g}): nc1.pinv looks at these only",
            "read nc1.trace_ratio beside it",
            {"rank": spectrum.rank, "possible": spectrum.full, "cutoff": spectrum.cutoff},
        )
    yield from _sampling(evidence)
    if evidence.feature_storage is not None:
        dtype = evidence.feature_storage.dtype
        if dtype in ("float16", "bfloat16"):
            yield Notice(
                "half-precision",
                f"features are stored in {dtype}: spreads under {evidence.feature_storage.eps:.1g}"
                " of the feature length are rounding",
                "save features in float32 to see deeper collapse",
                {"dtype": dtype},
            )
    low = [one.id for one in results if BELOW_NOISE in one.flags]
    if low:
        yield Notice(
            "below-noise-floor",
            f"under what storage rounding alone would give: {', '.join(low)}",
            "read these as zero, or save features with more digits",
            {"metrics": low},
        )


def _sampling(evidence: Evidence) -> Iterator[Notice]:
    """Fewer samples per class make NC1 look more collapsed: say how much."""
    if evidence.classes < 2 or not evidence.spectrum or not evidence.spectrum.rank:
        return
    share = understatement(evidence)
    if share is None or share <= 0.05:
        return
    size = evidence.samples / evidence.classes
    much = "by an unknown factor" if share >= 1 else f"by about {share:.0%}"
    yield Notice(
        "few-samples",
        f"{size:,.0f} samples per class: sampling error of the class means makes NC1 look "
        f"more collapsed than it is {much} (nc1.trace_ratio)",
        "compare only runs with the same number of samples per class",
        {"understatement": share, "samples_per_class": size},
    )
