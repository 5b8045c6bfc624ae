"""Messages of what is estimated and not measured."""

from __future__ import annotations

from collections.abc import Callable

import torch

import nctool
from nctool.analysis.estimates import refuse
from nctool.cli import dry_run
from nctool.cli.outputs import Outputs
from nctool.settings.gate_options import GateOptions

MODULES = {"dry_run": "cli/dry_run.py", "estimates": "analysis/estimates.py"}


def with_outputs() -> None:
    gates = GateOptions(gate=("collapse.weakest >= 0.9",))
    dry_run.check(Outputs(output=("page.html",)), gates, save_roles=False, settled=())


def too_large() -> None:
    refuse(nctool.estimate(weight=torch.empty(4000, 4), memory="64MiB", device="cpu"))


CASES: dict[str, Callable[[], object]] = {
    "dry_run.dry-run-alone": with_outputs,
    "estimates.memory-too-small": too_large,
}
