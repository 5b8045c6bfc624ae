"""One measurement by all processes of a group, once all are known to be given the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import torch
from torch import Tensor

from nctool.analysis.forecast import forecast
from nctool.analysis.measure import Analysis, Settings, measure
from nctool.arrays import LazyArray, Source
from nctool.core.errors import InputError
from nctool.core.progress import Progress, Stages
from nctool.core.version import __version__
from nctool.engine.group import ALONE, Group
from nctool.metrics.metric import Metric

LOOKS = 16
"""Rows of an array whose content is compared, evenly spread."""


def measure_together(
    source: Source,
    metrics: Sequence[Metric],
    settings: Settings,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> Analysis:
    """What all processes measure of the same source, each its share."""
    if group.size > 1:
        check_same(_given(source, metrics, settings), group)
        if source.gathered is not None and source.share is None:
            # Sums of a file, which all have read: added up they would count for each process.
            group = ALONE
    return measure_by_stage(source, metrics, settings, progress, group)


def measure_by_stage(
    source: Source,
    metrics: Sequence[Metric],
    settings: Settings,
    progress: Progress | None = None,
    group: Group = ALONE,
) -> Analysis:
    """The same as ``measure``, told as one task whose stages have the shares that are foretold.

    So the time left is that of the whole, from the start.
    """
    if progress is None:
        return measure(source, metrics, settings, None, group)
    shares = forecast(source, metrics, settings, processes=group.size).shares
    with progress.task("analysis", 1) as advance:
        return measure(source, metrics, settings, Stages(advance, shares), group)


def check_same(given: Mapping[str, str], group: Group) -> None:
    """Raise unless all processes are given what the first is."""
    content = torch.frombuffer(bytearray(json.dumps(given).encode()), dtype=torch.uint8)
    first, *others = (json.loads(bytes(each.tolist())) for each in group.gather(content))
    for rank, other in enumerate(others, 1):
        for name, value in first.items():
            if other[name] != value:
                raise InputError(
                    "ranks-differ",
                    f"rank {rank} is given other {name} than rank 0",
                    "start every rank with the same command and the same files",
                )


def _given(source: Source, metrics: Sequence[Metric], settings: Settings) -> dict[str, str]:
    """What decides the numbers, by the name under which a difference is told."""
    # Threads and devices may differ.
    compute = settings.compute
    ways = (settings.convention, settings.budget, compute.dtype, compute.bootstrap)
    return {
        "versions of nctool or torch": f"{__version__} {torch.__version__}",
        "settings": _digest(repr(ways).encode()),
        "metrics": _digest(",".join(metric.id for metric in metrics).encode()),
        "features": _array(source.features, whole=source.share is None),
        "labels": _tensor(source.labels),
        "classes": _digest("\0".join(source.names).encode()),
        "head weights": _tensor(source.weight),
        "head biases": _tensor(source.bias),
        "out-of-distribution features": _array(source.ood, whole=True),
    }


def _array(array: LazyArray | None, *, whole: bool) -> str:
    """Its shape and, where this process can read all of it, some rows."""
    if array is None:
        return "none"
    text = f"{array.shape} {array.dtype}"
    if not whole:
        return text
    total = array.shape[0]
    places = sorted({total * look // LOOKS for look in range(LOOKS)})
    rows = [array.rows(row, row + 1) for row in places if row < total]
    return f"{text} {_tensor(torch.cat([row for row in rows if isinstance(row, Tensor)]))}"


def _tensor(values: Tensor | None) -> str:
    if values is None:
        return "none"
    content = values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return f"{tuple(values.shape)} {values.dtype} {_digest(content.tobytes())}"


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
