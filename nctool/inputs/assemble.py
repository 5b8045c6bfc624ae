"""From the arrays of each role to a Source, or the error that says which two contradict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nctool.arrays import LazyArray, Source
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.core.text import count
from nctool.inputs.labels import decode
from nctool.settings.role_options import DEFAULT_IGNORED


def assemble(
    features: LazyArray | None,
    labels: LazyArray | None,
    weight: Tensor | None,
    bias: Tensor | None,
    *,
    ood: LazyArray | None = None,
    names: Sequence[str] | None = None,
    ignore: Sequence[int] = DEFAULT_IGNORED,
    **extra: Any,
) -> Source:
    """Check that the roles fit each other, read the labels, and make a Source."""
    check_shapes(features, labels, weight, bias, ood)
    rows = None if weight is None else len(weight)
    if labels is None:
        known = names if names is not None and len(names) == rows else map(str, range(rows or 0))
        notices = (*extra.pop("notices", ()), *_unlabelled(features))
        return Source(features, None, tuple(known), weight, bias, ood, notices=notices, **extra)
    decoded = decode(labels, head_rows=rows, ignore=ignore, names=names)
    notices = (*extra.pop("notices", ()), *decoded.notices)
    return Source(
        features, decoded.index, decoded.names, weight, bias, ood, decoded.ignored,
        notices=notices, **extra,
    )  # fmt: skip


def _unlabelled(features: LazyArray | None) -> Iterator[Notice]:
    if features is not None:
        samples, dim = features.shape
        yield Notice(
            "features-without-labels",
            f"the features {features.key!r} ({samples:,} × {dim:,}) have no labels and are not "
            "used: without labels there are no class means",
            "give the labels too: another file, --labels 'KEY', or labels= in Python",
            {"samples": samples, "dim": dim},
        )


def without(source: Source, rows: Tensor) -> Source:
    """The same source with these rows, which are not finite, left out."""
    assert source.labels is not None
    labels = source.labels.clone()
    labels[rows] = -1
    notice = Notice(
        "non-finite-rows",
        f"{count(len(rows), 'row')} of the features with NaN or infinity left out "
        f"(first: row {int(rows[0]):,})",
        "look at how these samples were made; everything here is about the others",
        {"rows": len(rows), "first": int(rows[0])},
    )
    return replace(
        source, labels=labels, ignored=source.ignored + len(rows),
        notices=(*source.notices, notice),
    )  # fmt: skip


def cosine_head(source: Source, scale: float) -> Source:
    """The same source with the head a cosine head decides by: rows of one length, no bias."""
    if source.weight is None:
        return source
    rows = source.weight.double()
    length = rows.norm(dim=1, keepdim=True)
    # A row of zeros has no direction; it stays zero instead of 0/0.
    rows = torch.where(length > 0, scale * rows / length, 0.0)
    return replace(source, weight=rows.to(source.weight.dtype), bias=None)


def check_shapes(
    features: LazyArray | None,
    labels: LazyArray | None,
    weight: Tensor | None,
    bias: Tensor | None,
    ood: LazyArray | None,
) -> None:
    """Raise where the shapes of two roles contradict each other, with both numbers."""
    if features is not None and len(features.shape) != 2:
        message = f"features {features.key!r} have shape {features.shape}, expected (samples, dim)"
        raise InputError("features-shape", message, "flatten or pool them to one vector per sample")
    if features is not None and 0 in features.shape:
        message = f"features {features.key!r} are empty: {features.shape}"
        hint = "save one row per sample, or name another array with --features"
        raise InputError("no-features", message, hint)
    if features is not None and labels is not None and labels.shape[0] != features.shape[0]:
        message = f"{features.shape[0]:,} features against {labels.shape[0]:,} labels"
        hint = "name arrays of the same split with --features and --labels"
        raise InputError("labels-against-features", message, hint)
    if ood is not None and features is not None and ood.shape[1:] != features.shape[1:]:
        raise InputError(
            "ood-against-features",
            f"out-of-distribution features have shape {ood.shape}, expected (samples, "
            f"{features.shape[1]})",
            "take them from the same layer",
        )
    if weight is None:
        return
    if weight.ndim != 2:
        message = f"the head has shape {tuple(weight.shape)}, expected (classes, dim)"
        raise InputError("head-shape", message, "name the classifier weight with --head")
    if features is not None and features.shape[1] != weight.shape[1]:
        raise InputError(
            "features-against-head",
            f"features have d = {features.shape[1]:,} but the head has d = {weight.shape[1]:,}",
            "name the layer that feeds the head with --features, or another --head",
        )
    if bias is not None and tuple(bias.shape) != (len(weight),):
        message = f"the bias has shape {tuple(bias.shape)} but the head has {len(weight):,} rows"
        raise InputError("bias-against-head", message, "name it with --bias, or say --bias none")


def head_weight(array: LazyArray, scale: LazyArray | None, *, transposed: bool) -> Tensor:
    """The head as (K, D), from a plain, weight-normalised, convolutional or transposed weight."""
    weight = _loaded(array)
    if scale is not None:
        # Weight normalisation: a length per row, and a direction. In float64, because the sum of
        # squares of a row in half precision overflows.
        flat = weight.flatten(1)
        length = flat.double().norm(dim=1, keepdim=True)
        weight = (_loaded(scale).reshape(-1, 1).double() * flat.double() / length).to(weight.dtype)
    if weight.ndim > 2:
        # A convolution over one pixel: (K, d, 1, 1), or (1, 1, d, K) where channels come last.
        outer = set(weight.shape[:-2]) == {1}
        weight = weight.reshape(weight.shape[-2:]) if outer else weight.flatten(1)
    if transposed:
        weight = weight.T.contiguous()
    return weight if weight.is_floating_point() else weight.double()


def head_bias(array: LazyArray | None) -> Tensor | None:
    return None if array is None else floating(array).flatten()


def floating(array: LazyArray) -> Tensor:
    """The whole array; whole numbers as float64."""
    loaded = _loaded(array)
    return loaded if loaded.is_floating_point() else loaded.double()


def _loaded(array: LazyArray) -> Tensor:
    whole = array.whole()
    assert isinstance(whole, Tensor)
    return whole
