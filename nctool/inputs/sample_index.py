"""The rows of parts by their samples' numbers: in order, each once, and what is missing said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nctool.arrays import LazyArray, NumpyArray
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.inputs.parts import INDEX, Family
from nctool.readers.shared.joined import Joined
from nctool.readers.shared.kept_rows import in_sample_order, whole
from nctool.roles.sample_arrays import name_words

# Numbers beyond so many times the samples are ids, of which most are never given out.
MOST_IDS = 8
COMPARED = 64
IN_PARTS = "in the order of their numbers"
ALONE = "name files of one data set only; or save the index as numbers of samples, or not at all"


@dataclass(frozen=True, slots=True)
class Order:
    """Rows of the parts put one after another, by sample number; None: as they are."""

    rows: NumpyArray | None
    how: str
    notices: tuple[Notice, ...] = ()


def is_index(family: Family) -> bool:
    array = family.arrays[0]
    own = family.key.split(".")[-1].strip("*") or family.key
    integers = array.dtype.startswith(("int", "uint")) and len(array.shape) == 1
    return integers and bool(INDEX & {*name_words(own), *name_words(family.candidate.title)})


def by_index(index: Family, features: Family | None, labels: Sequence[Family]) -> Order:
    """The rows in the order of their samples; of a sample that occurs again the last one."""
    import numpy

    numbers = whole(index.arrays)
    if len(numbers) and int(numbers.min()) < 0:
        message = f"the sample index '{index.title}' holds {int(numbers.min())}, which is no number"
        raise InputError("index-contradicts", message, ALONE)
    rows = in_sample_order(numbers)
    repeated = len(numbers) - len(rows)
    notices: list[Notice] = []
    if repeated:
        last = rows[numpy.searchsorted(numbers[rows], numbers)]
        earlier = numpy.flatnonzero(last != numpy.arange(len(numbers)))
        unlike = _first_unlike(labels, earlier, last[earlier])
        other = _rows_differ([features] if features else [], earlier, last[earlier])
        if (unlike is not None or other) and _counts_within_parts(index, numbers):
            message = (
                f"'{index.title}' counts anew in each part: rows are joined in order of the parts"
            )
            hint = "save the number of each sample in the whole data set to have padding removed"
            return Order(
                None, "in the order of their numbers", (Notice("index-local", message, hint),)
            )
        if unlike is not None:
            raise _contradiction(index, labels[0], numbers, unlike, int(last[unlike]))
        notices.append(_repeated(repeated, differ=other))
    places = int(numbers[rows[-1]]) + 1 if len(rows) else 0
    if len(rows) < places <= MOST_IDS * len(rows):
        notices.append(_missing(numbers[rows], places, index))
    as_they_are = not repeated and bool((rows == numpy.arange(len(rows))).all())
    return Order(None if as_they_are else rows, f"by sample index {index.key}", tuple(notices))


def _counts_within_parts(index: Family, numbers: NumpyArray) -> bool:
    """Whether every part has numbers of its own from 0 or 1 on, as rows are counted on a rank."""
    import numpy

    start, whole_parts = 0, 0
    for size in index.sizes:
        part = numpy.sort(numbers[start : start + size])
        start += size
        if size:
            first = int(part[0])
            if first > 1 or not bool((part == numpy.arange(first, first + size)).all()):
                return False
            whole_parts += 1
    return whole_parts > 1


def _first_unlike(labels: Sequence[Family], rows: NumpyArray, others: NumpyArray) -> int | None:
    """The first of these rows whose label is not that of its other row."""
    import numpy

    for family in labels[:1]:
        if family.arrays[0].dtype == "str" or len(family.arrays[0].shape) != 1:
            continue
        values = numpy.concatenate([numpy.asarray(array.whole()) for array in family.arrays])
        unlike = rows[values[rows] != values[others]]
        if len(unlike):
            return int(unlike[0])
    return None


def _rows_differ(families: Sequence[Family], rows: NumpyArray, others: NumpyArray) -> bool:
    """Whether features differ between rows of one sample; of many some are compared."""
    import numpy

    for family in families:
        array = Joined(_full(family)).lazy(family.key, Path(family.path), "")
        for row, other in [*zip(rows.tolist(), others.tolist(), strict=True)][:COMPARED]:
            one, two = (numpy.asarray(array.rows(at, at + 1).double()) for at in (row, other))  # type: ignore[union-attr]
            if not numpy.array_equal(one, two, equal_nan=True):
                return True
    return False


def _full(family: Family) -> list[LazyArray]:
    return [array for array in family.arrays if array.shape[0]] or list(family.arrays[:1])


def _repeated(repeated: int, *, differ: bool) -> Notice:
    reason = "their samples are here again, repeated so that every rank had equally many"
    hint = ""
    if differ:
        reason = "their samples are here again with other features; the last ones count"
        hint = "features of one sample should be equal: were dropout or augmentation on?"
    message = f"{repeated:,} rows are left out: {reason}"
    return Notice("rows-repeated", message, hint, {"count": repeated, "differ": differ})


def _missing(numbers: NumpyArray, places: int, index: Family) -> Notice:
    import numpy

    missing = places - len(numbers)
    gap = numpy.flatnonzero(numbers != numpy.arange(len(numbers)))
    first = int(gap[0])
    message = (
        f"{missing:,} of the {places:,} samples up to number {places - 1:,} are in no part "
        f"(first: {first:,}), by '{index.title}'"
    )
    hint = "if this should be all of a data set, a rank or a part is missing"
    return Notice("samples-missing", message, hint, {"count": missing, "first": first})


def _contradiction(
    index: Family, labels: Family, numbers: NumpyArray, row: int, other: int
) -> InputError:
    values = Joined(_full(labels)).lazy(labels.key, Path(labels.path), "")
    one, two = (values.rows(at, at + 1).tolist()[0] for at in (row, other))
    message = (
        f"sample {int(numbers[row]):,} of '{index.title}' has the label {one} in one row and {two} "
        "in another: the index does not tell samples apart, or the parts are of different data"
    )
    return InputError("index-contradicts", message, ALONE)
