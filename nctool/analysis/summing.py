"""A Source in, sums out: of the first pass over its samples, and of the second around class means.

Everything is summed in float64: shards cut the samples otherwise than the whole does, and only so
do they merge to the same digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from nctool.analysis.alike import aligned
from nctool.analysis.measure import Settings
from nctool.analysis.passes import Passes, Sums
from nctool.analysis.whole import WHOLE, of_fact
from nctool.arrays import Source
from nctool.core.errors import InputError
from nctool.core.progress import Progress
from nctool.engine.arithmetic import exact_products
from nctool.engine.fact import Undefined
from nctool.engine.solve import State
from nctool.inputs.assemble import cosine_head
from nctool.inputs.fingerprint import fingerprint
from nctool.readers.shared.statistics import Around, Conditions, Part, Statistics

PRODUCTS_SHARE = 8
"""One part in so many of the memory is for outer products of residuals."""
CHEAP_DIM = 1024
"""Up to here these are summed beside a second pass, too, for files that are merged all the same.

In float64, raw and on the sphere, 25 us a row at D = 512 and 370 at 2048, on one core; the passes
without them take 30 and 110. Float32 would be half, and shards would differ in the ninth digit.
"""
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Called:
    """How a user says what was summed, for commands to come."""

    sources: tuple[str, ...] = ()
    """The sources and options of roles, as they were typed."""
    name: str = ""
    """Of the file of sums, without its suffix."""


def statistics_of(
    source: Source,
    settings: Settings,
    progress: Progress | None = None,
    *,
    shard: bool = False,
    around: Statistics | None = None,
    called: Called = Called(),
) -> Statistics:
    """The sums of all samples of a source.

    Those of a ``shard`` end with the first pass; the second is ``around`` the class means of all
    shards, or else around its own.
    """
    settings = replace(settings, compute=replace(settings.compute, dtype="float64"))
    if around is not None and source.weight is None:
        source = replace(source, weight=around.weight, bias=around.bias)
    scale = settings.convention.logit_scale
    measured = source if scale is None else cosine_head(source, scale)
    conditions = _conditions(source, settings)
    with exact_products(settings.compute):
        passes = Passes(measured, settings, progress)
        fits = 4 * 8 * conditions.dim**2 * PRODUCTS_SHARE <= settings.budget.memory
        alone = shard or source.features is None
        cheap = around is None and conditions.dim <= CHEAP_DIM
        first = passes.first(products=fits and (alone or cheap))
        part = _part(source, passes.source.ignored, first, called)
        statistics = Statistics(
            conditions, source.names, (part,), first, weight=source.weight, bias=source.bias,
            run=dict(source.run), layer=_layer(source), notices=passes.source.notices,
        )  # fmt: skip
        if around is not None:
            statistics, around = aligned((statistics, around))
            _require_part(part, around)
            passes.source = replace(passes.source, names=statistics.names)
            second = passes.second(around.first)[0] if part.samples else {}
            digest = digest_of_means(around.first)
            own = digest == digest_of_means(first)
            return replace(
                statistics, second=second, around=Around(digest, tuple(sorted(around.ids))),
                means={} if own else means_of(around.first),
            )  # fmt: skip
        if shard or source.features is None or source.share is not None:
            return statistics
        second, state = passes.second(first, WHOLE)
        whole, undefined = _of_whole(state)
        return replace(
            statistics, second=second, whole=whole, undefined=undefined,
            around=Around(digest_of_means(first), (part.id,)),
        )  # fmt: skip


def means_of(first: Sums) -> dict[str, Tensor]:
    """What a second pass needs of the first: all but the products."""
    return {
        name: tensor
        for name, tensor in first.items()
        if name.startswith("sample_sums/") and not name.endswith("products")
    }


def digest_of_means(first: Sums) -> str:
    return _digest(first["sample_sums/count"], first["sample_sums/mean"])


def _digest(*tensors: Tensor) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:32]


def _conditions(source: Source, settings: Settings) -> Conditions:
    gathered, features, convention = source.gathered, source.features, settings.convention
    if gathered is not None:
        kind = gathered.dim, gathered.dtype, gathered.work
    elif features is not None and source.labels is not None:
        kind = features.shape[1], features.dtype, "float64"
    else:
        raise InputError(
            "no-samples",
            "there are no features with labels here: nothing to sum",
            "give them: nctool inspect SOURCE shows what a source holds",
        )
    return Conditions(
        *kind, convention.center, convention.unit_features, convention.bias_decides,
        convention.logit_scale, settings.budget.seed,
    )  # fmt: skip


def _require_part(part: Part, around: Statistics) -> None:
    if part.id not in around.ids:
        named = ", ".join(each.shown for each in around.parts[:SHOWN])
        raise InputError(
            "not-a-part",
            f"{part.shown} is none of the parts of '{around.path}': {named}"
            + (" …" if len(around.parts) > SHOWN else ""),
            "a second pass goes over the samples of the first: merge its sums into that first",
        )


def _of_whole(state: State) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Facts that take all samples at once; of those without a value the reason."""
    values: dict[str, Tensor] = {}
    undefined: dict[str, str] = {}
    for name in WHOLE:
        value: Any = state.known.get(name)
        if isinstance(value, Undefined):
            undefined[name] = str(value)
        elif state.value(name) is not None:
            values |= of_fact(name, value)
    return values, undefined


def _part(source: Source, ignored: int, first: Mapping[str, Tensor], called: Called) -> Part:
    samples = int(first["sample_sums/count"].sum())
    features, labels = source.features, source.labels
    if features is None or labels is None:
        return Part(digest_of_means(first), samples, ignored, "", "", called.sources, called.name)
    key = hashlib.sha256(f"{fingerprint(features)} {_digest(labels)}".encode()).hexdigest()[:32]
    return Part(key, samples, ignored, features.path, features.key, called.sources, called.name)


def _layer(source: Source) -> str | None:
    """The name of the features, unless it is but that of their file."""
    features = source.features
    if features is None or features.format == "memory" or Path(features.path).stem == features.key:
        return None
    return features.key
