"""Raw labels to class indices: integers, floats, one-hot rows or strings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nctool.arrays import LazyArray
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.settings.role_options import DEFAULT_IGNORED

Names = Sequence[str] | None
"""Of the head's rows, or without a head of the classes there are, where they are known."""

CHUNK = 1 << 16
"""Labels read at a time."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Class index of every sample, -1 where it is left out, and what each index is called."""

    index: Tensor  # (N,) int32
    names: tuple[str, ...]
    ignored: int
    notices: tuple[Notice, ...] = ()


def decode(
    labels: LazyArray,
    *,
    head_rows: int | None = None,
    ignore: Sequence[int] = DEFAULT_IGNORED,
    names: Names = None,
) -> Decoded:
    """Labels to class indices; with a head, the index is the head's row.

    ``names`` are those of the head's rows, or say without a head which classes there are.
    """
    if names is not None and head_rows is not None:
        _check_names(names, head_rows)
    raw = _read(labels)
    if raw.dtype.kind not in "US":
        return _of_numbers(labels.key, raw, head_rows, ignore, names)
    values, index = np.unique(raw, return_inverse=True)
    words = [str(value) for value in values]
    # Numbers written as text are numbers: "10" comes after "2". More digits overflow int64.
    if all(word.isdecimal() and len(word) < 18 for word in words):
        return _of_numbers(labels.key, raw.astype(np.int64), head_rows, ignore, names)
    if names is not None and not set(words).isdisjoint(names):
        return _by_name(labels.key, words, index, names)
    return _by_order(labels.key, words, index, head_rows, 0, names)


def _of_numbers(
    key: str, raw: np.ndarray, head_rows: int | None, ignore: Sequence[int], names: Names
) -> Decoded:
    """Row numbers of the head where they can be, otherwise any numbers in ascending order."""
    keep = ~np.isin(raw, np.asarray(ignore, dtype=raw.dtype))
    ignored = int((~keep).sum())
    if not keep.any():
        message = f"labels {key!r}: all {len(raw):,} samples are ignored or there are none"
        raise InputError("no-labels", message, "check --labels and --ignore-label")
    used, index = raw[keep], np.where(keep, raw, -1)
    low, high = int(used.min()), int(used.max())
    if head_rows is not None and low >= 0 and high < head_rows:
        return _decoded(index, range(head_rows), names, ignored, *_from_one(low, head_rows))
    values, inverse = np.unique(used, return_inverse=True)
    # -1 and 1 are the classes of a binary task; other negative labels mark padding.
    if low < 0 and values.tolist() != [-1, 1]:
        message = f"labels {key!r} hold {low}, which is no class"
        hint = f"leave these samples out with --ignore-label={low}"
        raise InputError("negative-labels", message, hint)
    if head_rows is None and low >= 0:
        if names is not None and high < len(names):
            return _decoded(index, range(len(names)), names, ignored)
        # Every label in 0..max keeps its number, so that empty classes are seen and named.
        # Beyond that share they are ids, not row numbers: a table of them would be mostly gaps.
        if high < 4 * len(values) + 1000:
            return _decoded(index, range(high + 1), names, ignored)
    index[keep] = inverse
    numbers = [str(int(value)) for value in values]
    return _by_order(key, numbers, index, head_rows, ignored, names)


def _from_one(low: int, head_rows: int) -> Iterator[Notice]:
    """A notice where the lowest label is 1: labels may count from one, or class 0 is absent."""
    if low == 1 and head_rows >= 3:
        yield Notice(
            "labels-start-at-one",
            f"the lowest label is 1, and not all of 1 … {head_rows} occur: labels were taken as "
            "row numbers of the head, which start at 0",
            "if they count from one, save them minus one",
        )


def _by_name(key: str, words: list[str], index: np.ndarray, names: Sequence[str]) -> Decoded:
    """Words that are names of classes: each is the row of that name, whatever the order."""
    rows = {name: row for row, name in enumerate(names)}
    unknown = [word for word in words if word not in rows]
    if unknown:
        raise InputError(
            "labels-against-names",
            f"labels {key!r} are names of classes, but {len(unknown)} of {len(words)} "
            f"are not among the {len(names)} known ({_sample(unknown)})",
            "give the names that the labels use, in the order of the head's rows, with "
            "--classes FILE",
        )
    row_of = np.array([rows[word] for word in words], dtype=np.int32)
    notice = Notice("labels-by-name", "labels are words: each is the class of that name")
    return _decoded(row_of[index], names, names, 0, notice)


def _by_order(
    key: str, values: list[str], index: np.ndarray, rows: int | None, ignored: int, names: Names
) -> Decoded:
    """Labels that are not row numbers: sorted, they are matched with the head's rows in order."""
    if rows is not None and rows != len(values):
        raise InputError(
            "labels-against-head",
            f"labels {key!r} hold {len(values)} different values "
            f"({_sample(values)}) but the head has {rows} rows",
            "pass --ignore-label for values that are not classes, or another --head",
        )
    if rows is None:
        return _decoded(index, values, names, ignored)
    notice = Notice(
        "labels-by-order",
        f"labels are not row numbers of the head ({_sample(values)}): "
        "sorted, they were matched with its rows in order",
        "if the order differs, save labels as row numbers",
        {"values": len(values)},
    )
    return _decoded(index, values, names, ignored, notice)


def _decoded(
    index: np.ndarray, classes: Sequence[object], names: Names, ignored: int, *notices: Notice
) -> Decoded:
    """With the names that were given, as many as there are classes, or else the labels' own."""
    if names is not None:
        _check_names(names, len(classes))
    class_names = tuple(map(str, classes if names is None else names))
    return Decoded(torch.from_numpy(index.astype(np.int32)), class_names, ignored, notices)


def _check_names(names: Sequence[str], count: int) -> None:
    if len(names) != count:
        message = f"{len(names)} class names for {count} classes"
        raise InputError("class-names", message, "give one name per class with --classes FILE")


def _read(labels: LazyArray) -> np.ndarray:
    """One value per sample, as int64 or as strings."""
    if labels.dtype == "str":
        return np.asarray(labels.whole()).reshape(-1)
    rows = labels.shape[0]
    parts = []
    for start in range(0, rows, CHUNK):
        part = labels.rows(start, min(start + CHUNK, rows))
        assert isinstance(part, Tensor)
        parts.append(_integers(labels, part.cpu()))
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _integers(labels: LazyArray, part: Tensor) -> np.ndarray:
    if part.ndim == 2 and part.shape[1] == 1:
        part = part[:, 0]
    if part.ndim == 2:
        hot = part.double()
        if not bool(((hot == 0) | (hot == 1)).all() and (hot.sum(1) == 1).all()):
            raise InputError(
                "labels-not-one-hot",
                f"labels {labels.key!r} have shape {labels.shape} but their rows are not one-hot",
                "save one class index per sample, or name another array with --labels",
            )
        part = hot.argmax(1)
    if part.is_floating_point():
        whole = part.double()
        if not bool((whole == whole.round()).all()):
            raise InputError(
                "labels-not-integers",
                f"labels {labels.key!r} hold values that are not whole numbers "
                f"(first: {float(whole[whole != whole.round()][0])})",
                "save class indices, or name another array with --labels",
            )
    return np.asarray(part.to(torch.int64).numpy())


def _sample(values: list[str]) -> str:
    return ", ".join(values[:3]) + (f" … {values[-1]}" if len(values) > 3 else "")
