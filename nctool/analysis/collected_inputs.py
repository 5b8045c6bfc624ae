"""What a report says of features that a model computed: from which of its operations, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor

from nctool.arrays import LazyArray
from nctool.capture.watched import Watched
from nctool.inputs.fingerprint import fingerprint
from nctool.report import Input

COLLECTED = "collected"


def inputs_of(
    watched: Watched,
    layer: str,
    place: str,
    rows: LazyArray,
    labels: LazyArray | None,
    head: tuple[Tensor | None, Tensor | None],
) -> tuple[Input, ...]:
    """Every role; ``place`` is the folder that rows were kept in, or "" for the model alone.

    Without ``labels`` the rows are gone, and have no fingerprint.
    """
    return tuple(_inputs(watched, layer, place, rows, labels, head))


def _inputs(
    watched: Watched,
    layer: str,
    place: str,
    rows: LazyArray,
    labels: LazyArray | None,
    head: tuple[Tensor | None, Tensor | None],
) -> Iterator[Input]:
    model, name = type(watched.own).__name__, watched.place
    place = place or model
    asked: Literal["auto", "argument"] = "auto" if watched.plan.head is None else "argument"
    key = f"output of {layer}" if layer else f"input of {name or 'the head'}"
    reason = f"collected from {model}, {key}"
    mark = None if labels is None else fingerprint(rows)
    by = "argument" if layer else asked
    yield Input("features", place, key, COLLECTED, rows.shape, rows.dtype, mark, by, reason)
    if labels is not None:
        by = "auto" if watched.plan.labels is None else "argument"
        yield Input(
            "labels", place, "labels", COLLECTED, labels.shape, labels.dtype, fingerprint(labels),
            by, "collected with the features, of the same batches",
        )  # fmt: skip
    for role, part, values in zip(("head", "bias"), ("weight", "bias"), head, strict=True):
        if values is not None:
            held = _held(f"{name}.{part}" if name else part, values)
            yield Input(
                role, place, held.key, COLLECTED, held.shape, held.dtype, fingerprint(held), asked,
                str(watched.site),
            )  # fmt: skip


def _held(key: str, values: Tensor) -> LazyArray:
    kind = str(values.dtype).removeprefix("torch.")
    return LazyArray(key, tuple(values.shape), kind, "", COLLECTED, lambda i, j: values[i:j])
