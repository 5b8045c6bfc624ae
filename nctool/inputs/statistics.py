"""From sums of a file to a Source that is measured as its samples would be."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.arrays import Gathered, Source
from nctool.core.errors import InputError
from nctool.core.text import count
from nctool.engine.packing import Packed
from nctool.readers.shared.statistics import Part, Statistics
from nctool.report import Input

if TYPE_CHECKING:
    from torch import Tensor

SHAPES = {
    "count": "K", "mean": "KD", "scatter": "K", "unit_mean": "KD", "inverse_norm": "K",
    "zero_rows": "", "products": "DD", "unit_products": "DD",
}  # fmt: skip
"""Of the sums of the first pass, by their names."""
LATER = ("center", "bias_decides", "logit_scale", "seed")
"""Settings that the sums of later passes depend on."""
UNORDERED = (
    "it compares rows of different shards, which sums do not hold: nctool analyze the samples"
)
NAMED_PARTS = 3


def source_of(statistics: Statistics) -> Source:
    """The sums in place of samples, with what passes are there and why others are not."""
    check(statistics)
    complete = statistics.complete
    first = dict(statistics.first)
    if complete:
        # These are the means that residuals were taken from; the others differ by rounding.
        first |= statistics.means
    groups = [first, statistics.second if complete else {}]
    where = statistics.path or "memory"
    sums: dict[str, object] = {
        fact: Packed(fact, tensors, where) for group in groups for fact, tensors in by_fact(group)
    }
    conditions = statistics.conditions
    made = {"unit_features": conditions.unit_features}
    if complete:
        made |= {name: getattr(conditions, name) for name in LATER}
    gathered = Gathered(
        sums, conditions.dim, conditions.dtype, conditions.products, why(statistics),
        made=made,
        settled={
            **statistics.undefined,
            **{fact: Packed(fact, each, where) for fact, each in by_fact(statistics.whole)},
        },
        unordered=UNORDERED if complete else "",
    )  # fmt: skip
    return Source(
        None, None, statistics.names, statistics.weight, statistics.bias,
        ignored=sum(part.ignored for part in statistics.parts),
        inputs=inputs(statistics), run=statistics.run, notices=statistics.notices,
        gathered=gathered,
    )  # fmt: skip


def by_fact(sums: Mapping[str, Tensor]) -> list[tuple[str, dict[str, Tensor]]]:
    """Tensors by the fact that their names begin with."""
    facts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in sums.items():
        facts.setdefault(name.partition("/")[0], {})[name] = tensor
    return list(facts.items())


def inputs(statistics: Statistics) -> tuple[Input, ...]:
    """What a report says of where its numbers come from."""
    conditions, samples = statistics.conditions, statistics.samples
    named = ", ".join(part.shown for part in statistics.parts[:NAMED_PARTS])
    more = len(statistics.parts) - NAMED_PARTS
    of = f"sums of {count(len(statistics.parts), 'part')}: {named}" + (
        f" and {more:,} more" if more > 0 else ""
    )
    key = statistics.layer or "sums"
    place = statistics.path, "ncstats"
    features = Input(
        "features", place[0], key, place[1], (samples, conditions.dim), conditions.dtype,
        digest(statistics.parts), "auto", of,
    )  # fmt: skip
    if statistics.weight is None:
        return (features,)
    kind = str(statistics.weight.dtype).removeprefix("torch.")
    shape = tuple(statistics.weight.shape)
    return features, Input(
        "head", place[0], "head/weight", place[1], shape, kind, None, "auto",
        "the head that the sums were made with",
    )  # fmt: skip


def digest(parts: tuple[Part, ...]) -> str:
    """Of the samples of all parts, in whatever order."""
    import hashlib

    return (
        "parts:"
        + hashlib.sha256(" ".join(sorted(each.id for each in parts)).encode()).hexdigest()[:16]
    )


def why(statistics: Statistics) -> str:
    """Why there is no second look, and what makes one."""
    path, parts, around = statistics.path or "M.ncstats", statistics.parts, statistics.around
    if statistics.complete:
        again = command(parts[0], None, path)
        if "head_decisions/0" in statistics.second:
            return f"these sums were made by another version of nctool; again: {again}"
        with_head = again.replace(" -o ", " MODEL -o ")
        return f"these sums were made without a head; with it: {with_head}"
    if around is not None:
        missing = len(frozenset(around.parts) - statistics.ids)
        return (
            f"the second pass is around the means of {count(len(around.parts), 'part')}, of which "
            f"{missing} {'is' if missing == 1 else 'are'} missing here: nctool merge all of them"
        )
    if len(parts) == 1:
        return f"these are the sums of the first pass; for both: {command(parts[0], None, path)}"
    return (
        f"these are the sums of the first pass; for each of the {len(parts)} parts run "
        f"{command(parts[0], path)}, nctool merge the results, and analyze that"
    )


def commands(statistics: Statistics) -> list[str]:
    """What to type, so that the second pass goes around these class means."""
    path = statistics.path or "M.ncstats"
    names = second_names(statistics.parts)
    return [
        command(part, path, name) for part, name in zip(statistics.parts, names, strict=True)
    ] + [f"nctool merge {' '.join(map(shlex.quote, names))} -o {shlex.quote(path)}"]


def second_names(parts: tuple[Part, ...]) -> list[str]:
    """A file for the second pass of each part; no two alike."""
    stems = [part.name or Path(part.path).stem or "part" for part in parts]
    return [
        f"{stem}.second.ncstats" if stems.count(stem) == 1 else f"{stem}-{place}.second.ncstats"
        for place, stem in enumerate(stems, 1)
    ]


def command(part: Part, around: str | None, target: str | None = None) -> str:
    sources = " ".join(map(shlex.quote, part.sources)) if part.sources else "SOURCE"
    target = target or second_names((part,))[0]
    middle = "" if around is None else f" --around {shlex.quote(around)}"
    return f"nctool stats {sources}{middle} -o {shlex.quote(target)}"


def numbered(names: tuple[str, ...]) -> bool:
    return all(name == str(row) for row, name in enumerate(names))


def padded(sums: Mapping[str, Tensor], classes: int) -> dict[str, Tensor]:
    """The sums of the first pass, with no samples of further classes."""
    out = dict(sums)
    for name, tensor in sums.items():
        if name.startswith("sample_sums/") and "K" in SHAPES[name.partition("/")[2]]:
            out[name] = tensor.new_zeros(classes, *tensor.shape[1:])
            out[name][: len(tensor)] = tensor
    return out


def check(statistics: Statistics) -> None:
    """Raise unless these can be sums over samples, as far as that shows without knowing them."""
    for problem in _problems(statistics):
        raise InputError(
            "sums-do-not-fit",
            f"'{statistics.path}' holds no sums over samples: {problem}",
            "the file is damaged; make it again from the samples with nctool stats",
        )


def _problems(statistics: Statistics) -> Iterator[str]:
    """What cannot be, the first of which makes the next ones pointless."""
    first, sizes = statistics.first, {"K": len(statistics.names), "D": statistics.conditions.dim}
    for name in ("count", "mean", "scatter"):
        if f"sample_sums/{name}" not in first:
            yield f"there is no sample_sums/{name}"
    for name, tensor in (*first.items(), *statistics.means.items()):
        if name == "row_signatures" and tensor.ndim == 1:
            continue
        shape = tuple(sizes[size] for size in SHAPES.get(name.removeprefix("sample_sums/"), ()))
        yield from _unless_shape(name, tensor, shape)
    counts, scatter = first["sample_sums/count"], first["sample_sums/scatter"]
    if bool((counts < 0).any()) or bool((counts != counts.round()).any()):
        yield "numbers of samples are negative or not whole"
    if bool((scatter < 0).any()):
        yield "squared distances are negative"
    if min((min(part.samples, part.ignored) for part in statistics.parts), default=0) < 0:
        yield "a part has a negative number of samples"
    if int(counts.sum()) != statistics.samples:
        yield f"its parts have {statistics.samples:,} samples, its sums {int(counts.sum()):,}"
    present = int((counts > 0).sum())
    for name, tensor in statistics.whole.items():
        if name.startswith(("pair_distances", "kernels")):
            yield from _unless_shape(name, tensor, (present,))
    if statistics.weight is not None:
        yield from _unless_shape("head/weight", statistics.weight, (sizes["K"], sizes["D"]))
    if statistics.bias is not None:
        yield from _unless_shape("head/bias", statistics.bias, (sizes["K"],))
    yield from _of_second(statistics)


def _of_second(statistics: Statistics) -> Iterator[str]:
    """Numbers that would lead out of a table, or count what cannot be there."""
    second, rows = statistics.second, len(statistics.names)
    pairs, counts = (second.get(f"head_decisions/{place}") for place in (2, 3))
    if pairs is not None and counts is not None:
        if pairs.shape != counts.shape or bool((counts < 1).any()):
            yield "wrong decisions and how often they came do not go together"
        if len(pairs) and not 0 <= int(pairs.min()) <= int(pairs.max()) < rows**2:
            yield "a decision is none of the classes"
    for name in ("logit_margins", "cosine_margins"):
        values, counts, dropped = (
            second.get(f"{name}/0/values/{part}") for part in ("values", "counts", "dropped")
        )
        if values is None or counts is None or dropped is None:
            continue
        if dropped.ndim or not 0 <= int(dropped) < 64:
            yield f"{name} lack more digits than there are"
        if len(counts) not in (0, len(values)) or bool((counts < 1).any()):
            yield f"{name} and how often they came do not go together"
        if not len(values) and statistics.samples:
            yield f"there are no {name}"


def _unless_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> Iterator[str]:
    if tuple(tensor.shape) != shape:
        yield f"{name} has shape {tuple(tensor.shape)}, expected {shape}"
