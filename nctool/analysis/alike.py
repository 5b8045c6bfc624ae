"""May the sums of two files be added? If not, the error that says what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace

from nctool.core.errors import InputError
from nctool.inputs.statistics import numbered, padded
from nctool.readers.shared.statistics import Statistics


def aligned(parts: Iterable[Statistics]) -> tuple[Statistics, ...]:
    """The same, with as many classes each, once they are known to belong together.

    Classes that are row numbers may end early where the last of them have no sample; every other
    difference in names is refused, another order too: it would have to be guessed which is meant.
    """
    whole = tuple(parts)
    first = whole[0]
    for other in whole[1:]:
        require_alike(first, other)
    names = max((each.names for each in whole), key=len)
    return tuple(
        each
        if each.names == names
        else replace(each, names=names, first=padded(each.first, len(names)))
        for each in whole
    )


def require_alike(one: Statistics, other: Statistics) -> None:
    """Raise at the first thing that makes them sums of different things."""
    pair = f"{_named(one)} and {_named(other)}"
    if said := _against(one, other, _dimensions):
        raise InputError(
            "merge-dimensions",
            f"{pair} are of features of different width: {said}",
            "merge shards of the same features; other layers are files of their own",
        )
    if said := _against(one, other, _head):
        raise InputError(
            "merge-heads",
            f"{pair} were made with different heads: {said}",
            "merge shards of one network at one moment, each summed with its head",
        )
    if said := _classes(one, other):
        raise InputError(
            "merge-classes",
            f"{pair} are of different classes: {said}",
            "give all of them the same names, in one order, with --classes FILE",
        )
    if said := _against(one, other, _precision):
        raise InputError(
            "merge-precision",
            f"{pair} are of different precision: {said}",
            "save all shards of the features in one type, and sum them all with nctool stats",
        )
    if said := _against(one, other, _conventions):
        raise InputError(
            "merge-conventions",
            f"{pair} were made under different conventions: {said}",
            "give each nctool stats the same --profile, --center and --logit-scale",
        )
    if said := _against(one, other, _layer):
        raise InputError(
            "merge-layers",
            f"{pair} are of different layers: {said}",
            "merge shards of one layer; name it with --features where there are several",
        )
    if said := _against(one, other, _moment):
        raise InputError(
            "merge-moments",
            f"{pair} are of different moments: {said}",
            "merge shards of one moment; several moments are a run: nctool analyze FILE FILE",
        )


def require_apart(parts: Iterable[Statistics]) -> None:
    """Raise where the same samples are in two of them, or in one twice."""
    seen: dict[str, tuple[Statistics, str]] = {}
    for each in parts:
        for part in each.parts:
            if part.samples and part.id in seen:
                before, shown = seen[part.id]
                raise InputError(
                    "merge-twice",
                    f"{_named(before)} and {_named(each)} both hold the samples of {shown}"
                    + (f", here {part.shown}" if part.shown != shown else ""),
                    "give each shard once: samples counted twice make classes look tighter",
                )
            seen[part.id] = each, part.shown


def _named(statistics: Statistics) -> str:
    return f"'{statistics.path}'" if statistics.path else "sums in memory"


def _head(statistics: Statistics) -> str:
    if statistics.weight is None:
        return "no head"
    digest = hashlib.sha256()
    for tensor in (statistics.weight, statistics.bias):
        if tensor is not None:
            digest.update(repr((str(tensor.dtype), tuple(tensor.shape))).encode())
            digest.update(tensor.double().contiguous().numpy().tobytes())
    bias = "" if statistics.bias is None else " with bias"
    return f"head {digest.hexdigest()[:8]}{bias}"


def _against(one: Statistics, other: Statistics, of: Callable[[Statistics], str]) -> str:
    """Both of what differs; nothing where they are the same."""
    return "" if of(one) == of(other) else f"{of(one)} against {of(other)}"


def _dimensions(statistics: Statistics) -> str:
    return f"d = {statistics.conditions.dim:,}"


def _layer(statistics: Statistics) -> str:
    return repr(statistics.layer)


def _classes(one: Statistics, other: Statistics) -> str:
    if one.weight is None and numbered(one.names) and numbered(other.names):
        return ""
    if len(one.names) != len(other.names):
        return f"K = {len(one.names):,} against K = {len(other.names):,}"
    for row, (name, again) in enumerate(zip(one.names, other.names, strict=True)):
        if name != again:
            return f"class {row} is {name!r} against {again!r}"
    return ""


def _precision(statistics: Statistics) -> str:
    return f"{statistics.conditions.dtype} summed in {statistics.conditions.products}"


def _conventions(statistics: Statistics) -> str:
    made = statistics.conditions
    words = [f"{made.center} centre"]
    words += ["features on the sphere"] * made.unit_features
    words += ["decisions without the bias"] * (not made.bias_decides)
    words += [] if made.logit_scale is None else [f"logit scale {made.logit_scale:g}"]
    return ", ".join(words)


def _moment(statistics: Statistics) -> str:
    run = statistics.run
    known = [
        f"{name} {run[name]}" for name in ("epoch", "step", "split") if run.get(name) is not None
    ]
    return ", ".join(known) or "no epoch, step or split known"
