"""The Python face: the same analysis as the command, on arrays or on files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from nctool import classes, conventions, metrics
from nctool.arrays import LazyArray, Source
from nctool.errors import InputError
from nctool.measure import Settings, measure
from nctool.report import Input, Report

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Values: TypeAlias = Tensor | ArrayLike


def analyze(
    *,
    features: Values | None = None,
    labels: Values | None = None,
    weight: Values | None = None,
    bias: Values | None = None,
    ood: Values | None = None,
    class_names: Sequence[str] | None = None,
    ignore_labels: Sequence[int] = classes.DEFAULT_IGNORED,
    select: str | None = None,
    profile: str | None = None,
    center: conventions.Center | None = None,
    device: str = "auto",
    dtype: str | None = None,
    threads: int | None = None,
    deterministic: bool = False,
    per_class: bool = False,
) -> Report:
    """Measure arrays in memory: tensors, numpy arrays or nested lists.

    ``features`` (N, d), ``labels`` (N,), ``weight`` (K, d) and ``bias`` (K,); any of them may be
    missing. ``select`` takes comma-separated globs of metric ids.
    """
    arrays = {
        role: _held(role, value)
        for role, value in {
            "features": features, "labels": labels, "head": weight, "bias": bias, "ood": ood,
        }.items()
        if value is not None
    }  # fmt: skip
    head = _tensor(arrays.get("head"))
    source = assemble(
        arrays.get("features"),
        arrays.get("labels"),
        head,
        _tensor(arrays.get("bias")),
        ood=arrays.get("ood"),
        names=class_names,
        ignore=ignore_labels,
        inputs=tuple(
            Input(
                role, "", one.key, one.format, one.shape, one.dtype, None, "argument",
                "given by the caller",
            )
            for role, one in arrays.items()
        ),
    )  # fmt: skip
    settings = Settings(
        conventions.resolve(profile, center), device, dtype, threads, deterministic, per_class
    )
    return measure(source, metrics.select(select), settings).report


def assemble(
    features: LazyArray | None,
    labels: LazyArray | None,
    weight: Tensor | None,
    bias: Tensor | None,
    *,
    ood: LazyArray | None = None,
    names: Sequence[str] | None = None,
    ignore: Sequence[int] = classes.DEFAULT_IGNORED,
    **extra: Any,
) -> Source:
    """Check that the roles fit each other, read the labels, and make a Source."""
    check_shapes(features, labels, weight, bias, ood)
    if labels is None:
        known = () if weight is None else tuple(str(one) for one in range(len(weight)))
        if names is not None and weight is not None and len(names) == len(weight):
            known = tuple(names)
        return Source(features, None, known, weight, bias, ood, **extra)
    found = classes.decode(
        labels,
        head_rows=None if weight is None else len(weight),
        ignore=ignore,
        names=names,
    )
    notices = (*extra.pop("notices", ()), *found.notices)
    return Source(
        features, found.index, found.names, weight, bias, ood, found.ignored,
        notices=notices, **extra,
    )  # fmt: skip


def check_shapes(
    features: LazyArray | None,
    labels: LazyArray | None,
    weight: Tensor | None,
    bias: Tensor | None,
    ood: LazyArray | None,
) -> None:
    """Contradictions are errors with both numbers."""
    if features is not None and len(features.shape) != 2:
        raise InputError(
            "features-shape",
            f"features {features.key!r} have shape {features.shape}, expected (samples, dim)",
            "flatten or pool them to one vector per sample",
        )
    if features is not None and 0 in features.shape:
        raise InputError(
            "no-features", f"features {features.key!r} are empty: {features.shape}", ""
        )
    if features is not None and labels is not None and labels.shape[0] != features.shape[0]:
        raise InputError(
            "labels-against-features",
            f"{features.shape[0]:,} features against {labels.shape[0]:,} labels",
            "name arrays of the same split with --features and --labels",
        )
    if weight is None:
        return
    if features is not None and features.shape[1] != weight.shape[1]:
        raise InputError(
            "features-against-head",
            f"features have d = {features.shape[1]:,} but the head has d = {weight.shape[1]:,}",
            "name the layer that feeds the head with --features, or another --head",
        )
    if bias is not None and tuple(bias.shape) != (len(weight),):
        raise InputError(
            "bias-against-head",
            f"the bias has shape {tuple(bias.shape)} but the head has {len(weight):,} rows",
            "name it with --bias, or say --bias none",
        )
    if ood is not None and features is not None and ood.shape[1:] != features.shape[1:]:
        raise InputError(
            "ood-against-features",
            f"out-of-distribution features have shape {ood.shape}, expected (samples, "
            f"{features.shape[1]})",
            "take them from the same layer",
        )


def _held(role: str, value: Any) -> LazyArray:
    """An array in memory, in the same clothes as one in a file."""
    if isinstance(value, Tensor):
        tensor = value.detach()
    else:
        array = np.asarray(value)
        if array.dtype.kind in "USO":
            text = array.astype(str)
            return LazyArray(role, text.shape, "str", "", "memory", lambda i, j: text[i:j])
        tensor = torch.from_numpy(np.ascontiguousarray(array))
    name = str(tensor.dtype).removeprefix("torch.")
    return LazyArray(role, tuple(tensor.shape), name, "", "memory", lambda i, j: tensor[i:j])


def _tensor(array: LazyArray | None) -> Tensor | None:
    if array is None:
        return None
    whole = array.whole()
    assert isinstance(whole, Tensor)
    return whole if whole.is_floating_point() else whole.double()
