"""The end of a command that measured something: arrays, gates, outputs, exit code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nctool.cli import gate_rules
from nctool.report.gates import judged
from nctool.report.trajectory import Trajectory

if TYPE_CHECKING:
    from nctool.analysis.measure import Analysis
    from nctool.cli.outputs import Outputs
    from nctool.report import Report
    from nctool.report.gates import Demands


def leave_with(
    document: Report | Trajectory,
    last: Analysis | None,
    outputs: Outputs,
    demands: Demands,
    baseline: Report | None,
    *,
    per_class: bool,
) -> None:
    """Write all that was asked for, and exit with the code of the outcome.

    ``last`` is the analysis of the last point, for the arrays behind it, if it was made now.
    """
    from nctool.analysis.saved_arrays import Behind, save_arrays

    if outputs.arrays is not None and last is not None:
        report = document.last if isinstance(document, Trajectory) else document
        report = replace(report, arrays=save_arrays(outputs.arrays, last))
        document = document.with_last(report) if isinstance(document, Trajectory) else report
    judgement = judged(document, demands, baseline)
    outputs.deliver(judgement, None if last is None else Behind(last), per_class=per_class)
    gate_rules.leave(judgement)
