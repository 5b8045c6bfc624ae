"""``nctool collect``: from a model and a loader of the user's own to a report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nctool.cli import defaults, gate_rules, set_values, user_code, user_model
from nctool.cli.command import argument, only, with_options
from nctool.cli.interruption import interruptible
from nctool.cli.outputs import Outputs
from nctool.cli.result import leave_with
from nctool.cli.shell import note, with_exit_codes
from nctool.cli.user_code import Address
from nctool.core.text import count
from nctool.settings.budget import Budget
from nctool.settings.capture_options import CaptureOptions
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions, resolve
from nctool.settings.gate_options import GateOptions
from nctool.settings.option import Option
from nctool.settings.role_options import RoleOptions

if TYPE_CHECKING:
    from nctool.api.kept_points import Kept

NAMED = "file.py:object or package.module:object, a value or a function that makes it."


@with_exit_codes
@with_options
def collect(
    context: typer.Context,
    model: Annotated[str, argument(f"The model: {NAMED}", "MODEL")],
    loader: Annotated[str, argument(f"Batches of inputs and labels: {NAMED}", "LOADER")],
    capture: CaptureOptions,
    roles: Annotated[RoleOptions, only("ignore_label")],
    compute: ComputeOptions,
    convention: ConventionOptions,
    budget: Budget,
    gates: GateOptions,
    outputs: Outputs,
    checkpoints: Annotated[
        list[str] | None,
        argument("State dicts of the model: files, globs or the folder of a run.", "[CKPT...]"),
    ] = None,
    classes: Annotated[
        str | None,
        Option("Names of the classes: one per line, JSON, or a tokenizer.", metavar="FILE"),
    ] = None,
    set: Annotated[
        tuple[str, ...],
        Option(
            "An argument of the functions that make model and loader (repeatable).",
            metavar="KEY=VALUE",
            usual=True,
        ),
    ] = (),
) -> None:
    """Run your own model over your own data, and measure it: this runs YOUR CODE.

    Examples:
      nctool collect train.py:make_model train.py:make_loader runs/7 -o run.json
      nctool collect train.py:Net train.py:loader best.pt --set width=64
      nctool collect pkg.models:net pkg.data:test --split test --out feats/test

    MODEL and LOADER are imported and run as python runs them; of checkpoints nothing is executed.
    What the head is given is measured together with the head, in evaluation mode. Of several
    checkpoints each is written to -o FILE.json as it is done: the same command goes on from there.
    """
    outputs.check(checkpoints or ())
    both = user_code.address(model), user_code.address(loader)
    values = set_values.parsed(set)
    config = context.obj
    demands = gate_rules.demands_of(config, gates)
    baseline = gate_rules.baseline_of(config, gates.baseline)
    if not (outputs.machine or outputs.quiet):
        files = " and ".join(dict.fromkeys(each.module for each in both))
        note(f"this runs your own code, as python would: {files}")

    from nctool import metrics as catalogue
    from nctool.render import console

    chosen = catalogue.select(compute.metrics)

    from nctool.analysis.collecting import Collecting
    from nctool.analysis.measure import Settings
    from nctool.api.collected_run import collected_document
    from nctool.api.kept_points import Kept
    from nctool.capture.plan import Plan
    from nctool.inputs.class_names import named
    from nctool.inputs.sources import vocabulary_at

    settings = Settings(resolve(convention), compute, budget, defaults.origins(context))
    plan = Plan(
        head=capture.head, layers=capture.layers, labels=capture.labels, tokens=capture.tokens,
        fp32=capture.fp32, ignored=roles.ignore_label,
    )  # fmt: skip
    names = None if classes is None else named(vocabulary_at(classes), None)[0]
    out = None if capture.out is None else Path(capture.out)
    moment = {"epoch": capture.epoch, "step": capture.step, "split": capture.split}
    how = Collecting(plan, capture.spool, out, names, moment)
    kept = Kept.of(
        outputs.loadable, _provenance(both, values), how=replace(how, out=None),
        metrics=[metric.id for metric in chosen], settings=settings,
    )  # fmt: skip
    bar = interruptible(console.bar(enabled=outputs.bar))
    with user_code.running(both), _said_when_interrupted(kept):
        network, loaders = user_model.made(*both, values, compute.device)
        done = collected_document(
            network, loaders, how, chosen, settings, checkpoints=checkpoints or None, kept=kept,
            progress=bar, keep_last=outputs.arrays is None,
        )  # fmt: skip
    leave_with(done.document, done.last, outputs, demands, baseline, per_class=compute.per_class)


def _provenance(addresses: Sequence[Address], values: Mapping[str, Any]) -> dict[str, Any]:
    """Which code it was, for the report and to know its points again."""
    files = dict.fromkeys(each.file for each in addresses if each.file is not None)
    return {
        "model": addresses[0].text,
        "loader": addresses[1].text,
        "set": {key: repr(value) for key, value in sorted(values.items())},
        "code": {
            str(file): hashlib.sha256(file.read_bytes()).hexdigest()[:16]
            for file in files
            if file.is_file()
        },
    }


@contextmanager
def _said_when_interrupted(kept: Kept) -> Iterator[None]:
    """After Ctrl-C, where the points are that were done."""
    try:
        yield
    except KeyboardInterrupt:
        if points := kept.done():
            note(
                f"interrupted: {count(points, 'point')} in {kept.path}",
                "the same command goes on from there",
            )
        raise
