"""``nctool.analyze``: the same analysis as the command, on arrays or on files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.analysis.saved_arrays import with_arrays
from nctool.analysis.together import measure_together
from nctool.api import given, options
from nctool.api.ranks import every_rank
from nctool.report import Report
from nctool.settings.budget import Reach
from nctool.settings.compute_options import Dtype
from nctool.settings.conventions import Center, Rows
from nctool.settings.role_options import DEFAULT_IGNORED, Pool, Weights

if TYPE_CHECKING:
    from nctool.api.given import Values


def analyze(
    *sources: str | Path,
    features: Values | str | None = None,
    labels: Values | str | None = None,
    weight: Values | str | None = None,
    bias: Values | str | None = None,
    ood: Values | str | None = None,
    class_names: Sequence[str] | None = None,
    ignore_labels: Sequence[int] = DEFAULT_IGNORED,
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
    ranks: bool = False,
    select: str | None = None,
) -> Report:
    """Measure files, or arrays in memory.

    With ``sources`` (paths), the roles are found by name and shape as the command does, and
    ``features``, ``labels``, ``weight``, ``bias`` and ``ood`` may name keys. Without, they are the
    arrays: tensors, numpy arrays or nested lists of shape (N, d), (N,), (K, d), (K,) and (M, d);
    any of them may be missing. ``weight`` is what the command calls ``--head``. Of the folder of a
    run the last checkpoint is measured; ``nctool.trajectory`` measures all.

    With ``ranks`` every process of torch.distributed's group calls it with the same arguments; each
    reads its share, and all get the same report. Without, a process measures for itself, so that
    one rank of a training script may measure alone.

    ``select`` is the former name of ``metrics``.
    """
    if select is not None:
        warnings.warn("select is called metrics now", DeprecationWarning, stacklevel=2)
        metrics = select
    request = options.request(locals())
    roles = {"features": features, "labels": labels, "head": weight, "bias": bias, "ood": ood}
    with every_rank(ranks) as group:
        source = given.source_of(analyze, sources, roles, request.roles, class_names, ignore_labels)
        analysis = measure_together(source, request.metrics, request.settings, None, group)
    return with_arrays(analysis)


options.document(analyze, *options.GROUPS, omit=given.ARRAYS)
