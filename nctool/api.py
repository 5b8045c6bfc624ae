"""The Python face: the same analysis as the command, on arrays or on files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from nctool import classes, conventions, metrics
from nctool.arrays import LazyArray
from nctool.assemble import assemble
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
