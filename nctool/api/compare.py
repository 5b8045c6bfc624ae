"""``nctool.compare``: several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nctool.api.compared_runs import Measuring, Order, compared
from nctool.api.options import comma_separated
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.gates import Demands, judged
from nctool.report.tolerance import tolerance_of
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import Center, ConventionOptions


def compare(
    *runs: str | Path | Document,
    metrics: str | Sequence[str] | None = None,
    device: str = "auto",
    profile: str | None = None,
    center: Center | None = None,
    tolerance: str | Sequence[str] = (),
    baseline: str | Path | Document | None = None,
    allow_mismatch: bool = False,
    only_changed: bool = False,
    split: str | Sequence[str] = (),
    sort: Order | None = None,
    group_by: str | None = None,
) -> Comparison:
    """What differs between runs, and which is more collapsed.

    ``runs`` are reports, trajectories (their last points), saved ones, or checkpoints and run
    folders, which are measured. The first is the baseline, unless ``baseline`` names one.
    ``tolerance`` holds rules such as ``"nc1=rel:5%"``: within it a change is none, and a run that
    is less collapsed by more fails (``comparison.outcome``). ``nctool.check`` holds other rules.
    """
    limits = [tolerance] if isinstance(tolerance, str) else tolerance
    tolerances = dict(map(tolerance_of, limits))
    comparison = compared(
        runs,
        Measuring(
            ComputeOptions(metrics=comma_separated(metrics), device=device),
            ConventionOptions(profile=profile, center=center),
        ),
        baseline=baseline,
        tolerances=tolerances,
        allow_mismatch=allow_mismatch,
        only_changed=only_changed,
        split=(split,) if isinstance(split, str) else tuple(split),
        sort=sort,
        group_by=group_by,
    )
    return judged(comparison, Demands(tolerances=tolerances), None)
