"""What stands for samples that were seen, and cannot be read."""

from __future__ import annotations

import torch

from nctool.arrays import Source
from nctool.core.progress import Progress
from nctool.engine.device import Engine
from nctool.engine.fact import Missing
from nctool.engine.seen import SeenSamples
from nctool.facts.samples import with_products
from nctool.settings.conventions import Convention


def seen_before(
    source: Source, convention: Convention, engine: Engine, progress: Progress
) -> dict[str, object]:
    """Facts that stand for samples which were seen elsewhere; none where they can be read."""
    gathered = source.gathered
    if gathered is None:
        return {}
    unit, labels = convention.unit_features, gathered.labels
    samples = SeenSamples.of(
        gathered.dim, gathered.dtype, engine, progress, unit,
        torch.empty(0, dtype=torch.int32) if labels is None else labels,
        gathered.sums, gathered.again, gathered.why,
    )  # fmt: skip
    return {
        "samples": samples,
        "features": samples.features,
        "with_products": with_products(),
        "labels": Missing(("labels",), gathered.why) if labels is None else labels,
    }
