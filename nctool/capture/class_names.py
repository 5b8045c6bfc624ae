"""Names of classes, where a data set or a model's configuration has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from nctool.capture.batches import KEYS, Labels

DEEPEST = 8
"""Wrappers around a data set that are looked into."""


def names_of(loader: Any, model: Any, labels: Labels, classes: int) -> tuple[str, ...] | None:
    """One name for each class; None where nothing has just as many."""
    key = labels if isinstance(labels, str) else None
    for dataset in _within(getattr(loader, "dataset", None)):
        for names in _of_data_set(dataset, key):
            if len(names) == classes:
                return names
    return _of_config(getattr(model, "config", None), classes)


def _within(dataset: Any) -> Iterator[Any]:
    """A data set, and those that it wraps: the one of a subset, the first of several joined."""
    for _ in range(DEEPEST):
        if dataset is None:
            return
        yield dataset
        joined = getattr(dataset, "datasets", None)
        first = joined[0] if isinstance(joined, Sequence) and joined else None
        dataset = getattr(dataset, "dataset", None) or first


def _of_data_set(dataset: Any, key: str | None) -> Iterator[tuple[str, ...]]:
    """As torchvision (``classes``) and Hugging Face (``features``) keep them."""
    names = _texts(getattr(dataset, "classes", None))
    if names:
        yield names
    columns = getattr(dataset, "features", None)
    if not isinstance(columns, Mapping):
        return
    for column in (key, *KEYS):
        names = _texts(getattr(columns.get(column), "names", None))
        if names:
            yield names


def _texts(values: Any) -> tuple[str, ...]:
    """Of synonyms the first; empty for anything that is no list of texts."""
    if not isinstance(values, list | tuple):
        return ()
    firsts = [each[0] if isinstance(each, tuple) and each else each for each in values]
    return tuple(firsts) if all(isinstance(each, str) for each in firsts) else ()


def _of_config(config: Any, classes: int) -> tuple[str, ...] | None:
    stored = getattr(config, "id2label", None)
    if not isinstance(stored, Mapping) or len(stored) != classes:
        return None
    names = tuple(str(stored.get(row, stored.get(str(row), row))) for row in range(classes))
    # What Hugging Face writes where nobody gave names.
    return None if all(map(str.__eq__, names, map("LABEL_{}".format, count()))) else names
