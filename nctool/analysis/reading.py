"""What stands for samples that were seen, and cannot be read."""

from __future__ import annotations

from dataclasses import asdict, replace

import torch

from nctool.analysis.whole import of_whole
from nctool.arrays import Gathered, Source
from nctool.core.errors import InputError
from nctool.core.progress import Progress
from nctool.engine.device import Engine
from nctool.engine.fact import Missing
from nctool.engine.packing import Packed
from nctool.engine.seen import SeenSamples
from nctool.facts import graph
from nctool.facts.samples import with_products
from nctool.settings.budget import Budget
from nctool.settings.conventions import Convention


def seen_before(
    source: Source, convention: Convention, budget: Budget, engine: Engine, progress: Progress
) -> dict[str, object]:
    """Facts that stand for samples which were seen elsewhere; none where they can be read."""
    gathered = source.gathered
    if gathered is None:
        return {}
    gathered = as_asked(gathered, convention, budget)
    unit, labels = convention.unit_features, gathered.labels
    unordered = gathered.unordered or gathered.why
    samples = SeenSamples.of(
        gathered.dim, gathered.dtype, engine, progress, unit,
        torch.empty(0, dtype=torch.int32) if labels is None else labels,
        gathered.sums, gathered.again, gathered.why, source.share,
    )  # fmt: skip
    return {
        "samples": samples,
        "features": samples.features,
        **({"with_products": with_products()} if _has_products(gathered) else {}),
        "labels": Missing(("labels",), unordered) if labels is None else labels,
        **{name: of_whole(name, each, engine.device) for name, each in gathered.settled.items()},
    }


def _has_products(gathered: Gathered) -> bool:
    sums = gathered.sums.get("sample_sums")
    return not isinstance(sums, Packed) or "sample_sums/products" in sums.tensors


def as_asked(gathered: Gathered, convention: Convention, budget: Budget) -> Gathered:
    """Without the sums of later passes, where these were made under other settings."""
    made, asked = gathered.made, {**asdict(convention), "seed": budget.seed}
    other = [name for name in made if made[name] != asked[name]]
    if "unit_features" in other:
        on = {True: "on the unit sphere", False: "as they are stored"}
        raise InputError(
            "sums-of-another-convention",
            f"the sums are of features {on[not convention.unit_features]}, and these conventions "
            f"take them {on[convention.unit_features]}",
            "give the --profile they were made with, or make them again from the samples with it",
        )
    if not other:
        return gathered
    words = ", ".join(f"{OPTIONS[name]} is {made[name]}, not {asked[name]}" for name in other)
    why = f"of the sums of the second pass {words}: say so, or make them again with nctool stats"
    gathered = replace(gathered, settled={}, unordered=why)
    if other == ["seed"]:  # by which only rows were chosen
        return gathered
    over = {name: graph().nodes[name].over for name in gathered.sums}
    first = {name: sums for name, sums in gathered.sums.items() if over[name] == "samples"}
    return replace(gathered, sums=first, why=why)


OPTIONS = {
    "center": "--center", "bias_decides": "deciding with the bias", "seed": "--seed",
    "logit_scale": "--logit-scale",
}  # fmt: skip
"""What decides the settings that later passes depend on."""
