"""The Python face: the same analysis as the command, on arrays or on files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from nctool import metrics
from nctool.analysis.measure import Settings, check_settings, measure
from nctool.arrays import LazyArray, Source
from nctool.core.errors import InputError, UsageError
from nctool.inputs import labels as classes
from nctool.inputs.assemble import assemble
from nctool.inputs.sources import Wishes, load
from nctool.report import Input, Report
from nctool.roles import Request
from nctool.settings import conventions
from nctool.settings.budget import DEFAULT_BUDGET, Budget, Reach, in_bytes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Values: TypeAlias = Tensor | ArrayLike


def analyze(
    *sources: str | Path,
    features: Values | str | None = None,
    labels: Values | str | None = None,
    weight: Values | str | None = None,
    bias: Values | str | None = None,
    ood: Values | str | None = None,
    class_names: Sequence[str] | None = None,
    ignore_labels: Sequence[int] = classes.DEFAULT_IGNORED,
    split: str | None = None,
    select: str | None = None,
    profile: str | None = None,
    center: conventions.Center | None = None,
    device: str = "auto",
    dtype: str | None = None,
    threads: int | None = None,
    deterministic: bool = False,
    per_class: bool = False,
    gap: float = DEFAULT_BUDGET.gap,
    margin: Reach = "all",
    margin_rows: Literal["unit", "raw"] = "unit",
    memory: int | str = DEFAULT_BUDGET.memory,
    seed: int = 0,
    bootstrap: int = 0,
    alpha: float = 1.0,
    beta: float = 1.0,
    logit_scale: float | None = None,
) -> Report:
    """Measure files, or arrays in memory.

    With ``sources`` (paths), the roles are found by name and shape as the command does, and
    ``features``, ``labels``, ``weight``, ``bias`` and ``ood`` may name keys. Without, they are the
    arrays: tensors, numpy arrays or nested lists of shape (N, d), (N,), (K, d), (K,) and (M, d);
    any of them may be missing. ``select`` takes comma-separated globs of metric ids.
    """
    roles = {"features": features, "labels": labels, "head": weight, "bias": bias, "ood": ood}
    chosen = metrics.select(select)
    held = in_bytes(memory) if isinstance(memory, str) else memory
    settings = Settings(
        conventions.resolve(
            profile, center, alpha=alpha, beta=beta, unit_rows=margin_rows == "unit",
            logit_scale=logit_scale,
        ),
        device, dtype, threads, deterministic, per_class,
        Budget(gap, margin, held, seed), bootstrap,
    )  # fmt: skip
    check_settings(settings)
    if sources:
        source = _from_files(sources, roles, split, tuple(ignore_labels))
        if class_names is not None:
            source = replace(source, names=tuple(class_names))
    else:
        source = _from_arrays(roles, class_names, ignore_labels)
    return measure(source, chosen, settings).report


def _from_files(
    sources: Sequence[str | Path],
    roles: Mapping[str, Any],
    split: str | None,
    ignore: tuple[int, ...],
) -> Source:
    wrong = [role for role, value in roles.items() if value is not None and type(value) is not str]
    if wrong:
        raise UsageError(
            "arrays-with-paths",
            f"{', '.join(wrong)} given as an array together with paths",
            "give paths and keys, or arrays only",
        )
    request = Request(roles["features"], roles["labels"], roles["head"], roles["bias"], split=split)
    return load([str(one) for one in sources], Wishes(request, roles["ood"], ignore=ignore))


def _from_arrays(
    roles: Mapping[str, Any], names: Sequence[str] | None, ignore: Sequence[int]
) -> Source:
    arrays = {role: _held(role, value) for role, value in roles.items() if value is not None}
    inputs = tuple(
        Input(
            role, "", one.key, one.format, one.shape, one.dtype, None, "argument",
            "given by the caller",
        )
        for role, one in arrays.items()
    )  # fmt: skip
    return assemble(
        arrays.get("features"),
        arrays.get("labels"),
        _tensor(arrays.get("head")),
        _tensor(arrays.get("bias")),
        ood=arrays.get("ood"),
        names=names,
        ignore=ignore,
        inputs=inputs,
    )


def _held(role: str, value: Any) -> LazyArray:
    """An array in memory, in the same clothes as one in a file."""
    if isinstance(value, Tensor):
        tensor = value.detach()
    else:
        array = np.asarray(value)
        if array.dtype.kind == "c" or array.dtype == np.longdouble != np.float64:
            raise InputError(
                "unsupported-dtype",
                f"{role} are {array.dtype}: only real numbers up to float64 are measured",
                "convert them to float64",
            )
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype.kind in "USO":
            text = array.astype(str)
            return LazyArray(role, text.shape, "str", "", "memory", lambda i, j: text[i:j])
        with warnings.catch_warnings():
            # A read-only array is fine: nothing here ever writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            tensor = torch.from_numpy(np.ascontiguousarray(array))
    if role != "labels" and not tensor.is_floating_point():
        tensor = tensor.double()
    name = str(tensor.dtype).removeprefix("torch.")
    return LazyArray(role, tuple(tensor.shape), name, "", "memory", lambda i, j: tensor[i:j])


def _tensor(array: LazyArray | None) -> Tensor | None:
    if array is None:
        return None
    whole = array.whole()
    assert isinstance(whole, Tensor)
    return whole if whole.is_floating_point() else whole.double()
