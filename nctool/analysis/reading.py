"""What a pass reads: samples of files, sums of samples that were seen, the share of a process."""

from __future__ import annotations

import torch

from nctool.arrays import Source
from nctool.core.progress import Progress
from nctool.engine.device import Engine
from nctool.engine.fact import Blocks, Missing
from nctool.engine.group import Group
from nctool.engine.seen import SeenSamples, look
from nctool.engine.solve import Read, Running
from nctool.facts.samples import with_products
from nctool.settings.conventions import Convention


def reading(group: Group) -> Read:
    """A pass of which every process makes its share."""

    def read(source: Blocks, running: Running) -> Running:
        running = look(source, running)
        group.merge(running)
        return running

    return read


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
