"""``nctool.collect``: from a model and a loader to numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from nctool.analysis.collecting import Collecting
from nctool.analysis.saved_arrays import with_arrays
from nctool.api import options
from nctool.api.collected_run import Checkpoints, collected_document
from nctool.api.kept_points import Kept
from nctool.api.ranks import every_rank, several
from nctool.capture.plan import Plan
from nctool.core.errors import UsageError
from nctool.core.progress import Progress, Silent
from nctool.report import Report
from nctool.report.trajectory import Trajectory
from nctool.settings.budget import Budget, Reach
from nctool.settings.capture_options import USUAL_SPOOL, CaptureOptions
from nctool.settings.compute_options import ComputeOptions, Dtype
from nctool.settings.conventions import Center, ConventionOptions, Rows
from nctool.settings.role_options import DEFAULT_IGNORED


def collect(
    model: nn.Module,
    loader: Any,
    *,
    checkpoints: Checkpoints | None = None,
    resume: str | Path | None = None,
    out: str | Path | None = None,
    head: str | nn.Module | None = None,
    layers: str | None = None,
    labels: str | int | Callable[[Any], Any] | None = None,
    call: Callable[[nn.Module, Any], Any] | None = None,
    tokens: float | None = None,
    spool: int | str = USUAL_SPOOL,
    fp32: bool = False,
    class_names: Sequence[str] | None = None,
    ignore_labels: Sequence[int] = DEFAULT_IGNORED,
    split: str | None = None,
    epoch: float | None = None,
    step: int | None = None,
    progress: Progress | bool | None = None,
    metrics: str | Sequence[str] | None = None,
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
    ranks: bool | None = None,
) -> Report | Trajectory:
    """Run a model over a loader and measure what its head sees, together with the head.

    ``loader`` gives batches: ``(x, y)``, ``(x, ..., y)`` or dictionaries with the labels under one
    of their usual names. The model is run in eval mode without gradients, and is afterwards exactly
    as before; so is every source of randomness. Its head is the operation that explains its
    logits; the report says which. With ``layers``, the outputs of these modules are measured in the
    same pass, and the result is a trajectory over depth, whose last point is what the head sees.

    Rows are spooled, in memory while they are few, and measured as those of a file are. Where they
    do not fit, what needs the samples again is taken from a second pass, if it is the same.

    ``checkpoints``: paths, globs or the folder of a run, each with a state for this model, in any
    format that nctool reads; nothing in them is executed. Every name and shape has to match. Each
    is a point of a trajectory, with a folder of its own under ``out``; the model has its own state
    again afterwards. ``resume``: a .json or .html file, to which each point is written as it is
    done. Points that it holds already, of the same checkpoints and settings, are not run again.

    Where torch.distributed has a group, every process of it has to call this with its share of the
    samples, and all get the report of all; what a distributed sampler repeats is left out. With
    ``ranks=False`` one process measures what it is given, and may be the only one to call.

    ``call``: a function of the model and a batch that returns logits, where the model is not simply
    called with what the batch holds. ``progress``: shown on a terminal unless False.
    """
    given = locals()
    request = options.request({key: given[key] for key in given if key not in OWN})
    capture = options.capture({**given, "head": None, "labels": None, "out": None})
    plan = Plan(
        head, capture.layers, labels, call, capture.tokens, capture.fp32, request.roles.ignore_label
    )
    run = {"epoch": capture.epoch, "step": capture.step, "split": capture.split}
    folder = None if out is None else Path(out)
    ranks = several() if ranks is None else ranks
    if ranks and out is not None:
        message = "out= keeps the rows of one process, and here several have some"
        hint = "leave it out, or say ranks=False: each process then measures its own rows alone"
        raise UsageError("out-with-ranks", message, hint)
    with every_rank(ranks) as group:
        how = Collecting(plan, capture.spool, folder, class_names, run)
        kept = Kept.of(
            resume, {"model": type(model).__qualname__}, how=replace(how, out=None),
            metrics=[metric.id for metric in request.metrics], settings=request.settings,
        )  # fmt: skip
        done = collected_document(
            model, lambda: loader, how, request.metrics, request.settings,
            checkpoints=checkpoints, kept=replace(kept, writes=group.rank == 0),
            progress=shown(progress if group.rank == 0 else False), group=group,
        )  # fmt: skip
    if done.last is None:
        return done.document
    last = with_arrays(done.last)
    return done.document.with_last(last) if isinstance(done.document, Trajectory) else last


OWN = ("head", "labels", "layers")
"""Options of files that mean something else here."""

options.document(collect, CaptureOptions, ComputeOptions, ConventionOptions, Budget)


def shown(progress: Progress | bool | None) -> Progress:
    """The progress that is given, or a bar on the terminal, if there is one."""
    from nctool.render import console

    if progress is None or isinstance(progress, bool):
        return Silent() if progress is False else console.bar(enabled=True)
    return progress
