"""``nctool.estimate``: what an analysis would read, hold and cost, before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.analysis import estimates
from nctool.api import given, options
from nctool.arrays import Source
from nctool.report.estimate import Estimate
from nctool.settings.budget import Reach
from nctool.settings.compute_options import Dtype
from nctool.settings.conventions import Center, Rows
from nctool.settings.role_options import DEFAULT_IGNORED, Pool, Weights

if TYPE_CHECKING:
    from nctool.api.given import Values


def estimate(
    *sources: str | Path,
    features: Values | str | None = None,
    labels: Values | str | None = None,
    weight: Values | str | None = None,
    bias: Values | str | None = None,
    ood: Values | str | None = None,
    class_names: Sequence[str] | None = None,
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
    processes: int = 1,
) -> Estimate:
    """Say what ``nctool.analyze`` would cost; of a run or of layers, ``nctool.trajectory``.

    Takes what these take; of files only headers, labels and the head are read. The result has the
    ``seconds`` (None for a device that is not here), ``bytes_held``, ``bytes_read``, ``flops``,
    the ``stages``, what leaving metrics out saves (``savings``), and what is ``refused`` or
    ``skipped``; ``print`` it for the screen that ``nctool analyze --dry-run`` shows. Seconds and
    bytes come within a factor of two, beside what Python and torch take to start. ``processes``:
    how many would share the samples.
    """
    request = options.request(locals())
    points: Iterable[Source]
    if sources and class_names is None and all(type(each) is str or each is None for each in
                                               (features, labels, weight, bias, ood)):  # fmt: skip
        points = estimates.sources_of([str(path) for path in sources], request.roles)
    else:
        roles = {"features": features, "labels": labels, "head": weight, "bias": bias, "ood": ood}
        points = [
            given.source_of(estimate, sources, roles, request.roles, class_names, ignore_labels)
        ]
    return estimates.estimate(
        points, request.metrics, request.settings, named=[str(path) for path in sources],
        processes=processes,
    )  # fmt: skip


options.document(estimate, *options.GROUPS, omit=given.ARRAYS)
