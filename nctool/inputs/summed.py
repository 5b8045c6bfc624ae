"""Files of sums among the sources: a Source of them, and of the head that another file may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nctool.arrays import LazyArray, Opened, Source
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.core.text import count
from nctool.inputs.opening import Opening
from nctool.readers.shared.statistics import Statistics, from_plain
from nctool.readers.statistics_file import NAME, statistics_in
from nctool.settings.role_options import RoleOptions

if TYPE_CHECKING:
    from torch import Tensor


def apart(opened: Sequence[Opened]) -> tuple[list[Opened], list[Opened]]:
    """Files of sums, and the others."""
    return (
        [file for file in opened if file.format == NAME],
        [file for file in opened if file.format != NAME],
    )


def read_all(paths: Sequence[str]) -> list[Statistics]:
    """The sums of these files, patterns of names included."""
    # Each by itself: a file that is named twice would be opened once, and not be noticed.
    opened = [file for path in paths for file in Opening().open_all([path], RoleOptions())]
    sums, others = apart(opened)
    if others:
        raise InputError(
            "no-sums",
            f"'{others[0].where}' holds no sums but is a file of the format {others[0].format}",
            "sum its samples first: nctool stats SOURCE -o F.ncstats",
        )
    return [statistics_in(file) for file in sums]


def read(path: str) -> Statistics:
    return read_all([path])[0]


def holds(file: Opened) -> Notice:
    """What a file of sums is of, from its header."""
    described = from_plain(file.metadata["statistics"], {})  # type: ignore[arg-type]
    parts = [
        {"id": part.id, "path": part.path, "samples": part.samples} for part in described.parts
    ]
    return Notice("sums", replace(described, path=file.where).sentence, data={"parts": parts})


def loaded(
    files: Sequence[Opened], beside: Source | None, ood: LazyArray | None, options: RoleOptions
) -> Source:
    """The sums of one file; ``beside`` it may lie the head."""
    from nctool.inputs.assemble import check_shapes
    from nctool.inputs.statistics import inputs, source_of

    if len(files) > 1:
        names = [str(file.where) for file in files]
        raise InputError(
            "several-sums",
            f"{len(files)} files of sums are given: {', '.join(names[:4])}"
            + (" …" if len(files) > 4 else ""),
            f"add up shards first: nctool merge {' '.join(names[:4])} -o all.ncstats",
        )
    statistics = statistics_in(files[0])
    statistics = replace(statistics, run=_run(statistics, options))
    if (beside is not None and beside.features is not None) or options.features or options.labels:
        raise InputError(
            "sums-and-samples",
            f"'{statistics.path}' holds sums over samples, and features are given beside it",
            "give the sums, or the samples; a head may lie in another file",
        )
    weight, bias = (None, None) if beside is None else (beside.weight, beside.bias)
    shape = statistics.samples, statistics.conditions.dim
    sums = LazyArray("sums", shape, statistics.conditions.dtype, "", NAME, _no_rows)
    check_shapes(sums if all(shape) else None, None, weight, bias, ood)
    if weight is not None:
        statistics = _with_head(statistics, weight, bias, beside)
    source = source_of(statistics)
    if beside is not None:
        kept = inputs(statistics)[:1] if weight is not None else inputs(statistics)
        source = replace(
            source, inputs=(*kept, *beside.inputs), notices=(*source.notices, *beside.notices)
        )
    return replace(source, ood=ood)


def _with_head(
    statistics: Statistics, weight: Tensor, bias: Tensor | None, beside: Source | None
) -> Statistics:
    """The sums with a head from another file, which has to be the one they were made with."""
    from nctool.inputs.statistics import numbered, padded

    rows, known = len(weight), len(statistics.names)
    if statistics.weight is not None:
        if not _same(statistics.weight, weight) or not _same(statistics.bias, bias):
            raise InputError(
                "sums-of-another-head",
                f"'{statistics.path}' was made with another head than the one given beside it",
                "leave the other file out, or make the sums again with it: nctool stats",
            )
        return statistics
    names = statistics.names
    if numbered(names) and known < rows:  # the last classes have no sample
        names = tuple(map(str, range(rows)))
        statistics = replace(
            statistics, first=padded(statistics.first, rows), means=padded(statistics.means, rows)
        )
    if len(names) != rows:
        raise InputError(
            "sums-against-head",
            f"'{statistics.path}' has sums of {count(known, 'class', 'classes')} but the head has "
            f"{count(rows, 'row')}",
            "name another head with --head, or make the sums again with this one: nctool stats",
        )
    if beside is not None and numbered(names):
        names = beside.names
    return replace(statistics, names=names, weight=weight, bias=bias)


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool((one.double() == other.double()).all())


def _run(statistics: Statistics, options: RoleOptions) -> dict[str, object]:
    """Epoch, step and split; a split that is asked for has to be theirs."""
    split, asked = statistics.run.get("split"), options.split
    if split is not None and asked is not None and split != asked:
        raise InputError(
            "sums-of-another-split",
            f"'{statistics.path}' holds sums over the split {split!r}, not {asked!r}",
            f"leave --split out, or make sums over it: nctool stats SOURCE --split {asked}",
        )
    return {**statistics.run, "split": split or asked}


def _no_rows(start: int, stop: int) -> Tensor:
    raise AssertionError("sums have no rows")
