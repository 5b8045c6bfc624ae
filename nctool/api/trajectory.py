"""``nctool.trajectory``: one run at several moments, or one network at several depths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nctool.api import options
from nctool.core.errors import InputError, UsageError
from nctool.report import Report
from nctool.report.documents import is_document, read
from nctool.report.trajectory import Trajectory
from nctool.report.trends import followed
from nctool.settings.budget import Reach
from nctool.settings.compute_options import Dtype
from nctool.settings.conventions import Center, Rows
from nctool.settings.role_options import DEFAULT_IGNORED, Pool, Weights


def trajectory(
    *sources: str | Path | Report | Sequence[str | Path | Report],
    features: str | None = None,
    labels: str | None = None,
    weight: str | None = None,
    bias: str | None = None,
    ood: str | None = None,
    ignore_labels: Sequence[int] = DEFAULT_IGNORED,
    layers: str | None = None,
    metrics: str | Sequence[str] | None = None,
    weights: Weights = "raw",
    split: str | None = None,
    classes: str | int | None = None,
    pool: Pool | None = None,
    transpose_head: bool = False,
    per_class: bool = False,
    device: str = "auto",
    dtype: Dtype | None = None,
    threads: int | None = None,
    bootstrap: int = 500,
    deterministic: bool = False,
    logit_scale: float | None = None,
    profile: str | None = None,
    center: Center | None = None,
    margin_rows: Rows = "unit",
    alpha: float = 1.0,
    beta: float = 1.0,
    seed: int = 0,
    gap: float = 1e-6,
    margin: Reach = "all",
    memory: int | str = 4 << 30,
) -> Trajectory:
    """Measure every checkpoint of a run, every layer of a checkpoint, or join finished reports.

    ``sources`` are a run folder or its checkpoints, measured as the command does; with ``layers``,
    a checkpoint that holds features of several layers; or reports, as values or saved files, one
    for each moment. ``run["nc1.pinv"]`` is then the course of a metric, over ``run.positions``.
    """
    whole = [
        each
        for source in sources
        for each in ([source] if isinstance(source, str | Path | Report) else source)
    ]
    saved = [each if isinstance(each, Report) else _saved(Path(each)) for each in whole]
    reports = [report for report in saved if report is not None]
    if reports and len(reports) == len(whole):
        return _joined(reports, [_label(*each) for each in enumerate(whole, 1)])
    if reports:
        message = "reports and checkpoints together make no trajectory"
        raise UsageError("reports-and-checkpoints", message, "give all of them as one or the other")
    request = options.request(locals())

    from nctool.analysis import trajectories
    from nctool.analysis.saved_arrays import with_arrays
    from nctool.inputs.sources import inspect as look

    paths = [str(each) for each in whole]
    if layers is not None:
        points = trajectories.points_of_layers(paths, request.roles)
    else:
        points = trajectories.points_of_run(paths, request.roles)
    if not points:
        look(paths, request.roles)  # what cannot be opened at all is told as that
        named = ", ".join(map(repr, paths)) or "nothing"
        message = f"{named} is no run: a trajectory needs checkpoints of two moments"
        raise InputError("no-run", message, "nctool.analyze measures a single checkpoint")
    measured = trajectories.measure_points(
        points, request.metrics, request.settings, depth=layers is not None
    )
    return measured.trajectory.with_last(with_arrays(measured.last))


options.document(trajectory, *options.GROUPS)


def _saved(path: Path) -> Report | None:
    """The report of a saved file; None where this is something to be measured."""
    if not is_document(path):
        return None
    document = read(path)
    if not isinstance(document, Report):
        message = f"{str(path)!r} is a {document.kind}, and no report of one moment"
        raise UsageError("not-single-reports", message, "nctool.load reads it as it is")
    return document


def _joined(reports: Sequence[Report], labels: Sequence[str]) -> Trajectory:
    if len(reports) < 2:
        message = "one report is one point, and a trajectory needs two"
        raise InputError("one-point", message, "give the reports of several moments")
    return followed(reports, labels)


def _label(place: int, given: str | Path | Report) -> str:
    """The name of the file of the report, or else of what it was measured from."""
    if not isinstance(given, Report):
        return Path(given).stem
    path = given.inputs[0].path if given.inputs else ""
    return Path(path).name or f"point {place}"
