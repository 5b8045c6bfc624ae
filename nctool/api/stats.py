"""``nctool.stats``: sums over samples, in a file that is merged and measured later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.analysis.summing import Called, statistics_of
from nctool.api import given, options
from nctool.core import files
from nctool.inputs.summed import read
from nctool.readers.shared.statistics import Statistics
from nctool.readers.statistics_file import write_statistics
from nctool.settings.conventions import Center
from nctool.settings.option import as_typed
from nctool.settings.role_options import DEFAULT_IGNORED, Pool, Weights

if TYPE_CHECKING:
    from nctool.api.given import Values


def stats(
    *sources: str | Path,
    out: str | Path,
    around: str | Path | None = None,
    shard: bool = False,
    features: Values | str | None = None,
    labels: Values | str | None = None,
    weight: Values | str | None = None,
    bias: Values | str | None = None,
    class_names: Sequence[str] | None = None,
    ignore_labels: Sequence[int] = DEFAULT_IGNORED,
    weights: Weights = "raw",
    split: str | None = None,
    classes: str | int | None = None,
    pool: Pool | None = None,
    transpose_head: bool = False,
    device: str = "auto",
    threads: int | None = None,
    deterministic: bool = False,
    logit_scale: float | None = None,
    profile: str | None = None,
    center: Center | None = None,
    seed: int = 0,
    memory: int | str = 4 << 30,
) -> Statistics:
    """Write sums over the samples of files, or of arrays in memory, to the file ``out``.

    ``nctool.analyze`` measures that file as the samples, and its size does not grow with them.
    ``shard=True``: these are one of several shards, of which the first pass alone is of use. Once
    their files are merged, ``around=`` that file each is summed again, and the results are merged.
    """
    request = options.request(locals())
    roles = {"features": features, "labels": labels, "head": weight, "bias": bias}
    source = given.source_of(stats, sources, roles, request.roles, class_names, ignore_labels)
    target, means = str(out), None if around is None else read(str(around))
    files.check_writable(target, [*map(str, sources), *([str(around)] if around else [])])
    typed = (*map(str, sources), *as_typed(request.roles)) if sources else ()
    statistics = statistics_of(
        source,
        request.settings,
        shard=shard,
        around=means,
        called=Called(typed, Path(target).stem),
    )
    return write_statistics(target, statistics)


options.document(stats, *options.GROUPS, omit=given.ARRAYS)
