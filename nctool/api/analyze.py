"""``nctool.analyze``: the same analysis as the command, on arrays or on files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from nctool.analysis.saved_arrays import with_arrays
from nctool.analysis.together import measure_together
from nctool.api import options
from nctool.api.ranks import every_rank
from nctool.arrays import LazyArray, Source
from nctool.core.errors import InputError, UsageError
from nctool.inputs.assemble import assemble, floating
from nctool.inputs.sources import load
from nctool.report import Input, Report
from nctool.settings.budget import Reach
from nctool.settings.compute_options import Dtype
from nctool.settings.conventions import Center, Rows
from nctool.settings.role_options import DEFAULT_IGNORED, Pool, RoleOptions, Weights

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Values: TypeAlias = Tensor | ArrayLike

ARRAYS = ("features", "labels", "weight", "bias", "ood")
"""The keywords that are arrays, or keys where paths are given."""


def analyze(
    *sources: str | Path,
    features: Values | str | None = None,
    labels: Values | str | None = None,
    weight: Values | str | None = None,
    bias: Values | str | None = None,
    ood: Values | str | None = None,
    class_names: Sequence[str] | None = None,
    ignore_labels: Sequence[int] = DEFAULT_IGNORED,
    metrics: str | Sequence[str] | None = None,
    weights: Weights = "raw",
    split: str | None = None,
    classes: str | int | None = None,
    pool: Pool | None = None,
    transpose_head: bool = False,
    per_class: bool = False,
    device: str = "auto",
    dtype: Dtype | None = None,
    threads: int | None = None,
    bootstrap: int = 500,
    deterministic: bool = False,
    logit_scale: float | None = None,
    profile: str | None = None,
    center: Center | None = None,
    margin_rows: Rows = "unit",
    alpha: float = 1.0,
    beta: float = 1.0,
    seed: int = 0,
    gap: float = 1e-6,
    margin: Reach = "all",
    memory: int | str = 4 << 30,
    ranks: bool = False,
    select: str | None = None,
) -> Report:
    """Measure files, or arrays in memory.

    With ``sources`` (paths), the roles are found by name and shape as the command does, and
    ``features``, ``labels``, ``weight``, ``bias`` and ``ood`` may name keys. Without, they are the
    arrays: tensors, numpy arrays or nested lists of shape (N, d), (N,), (K, d), (K,) and (M, d);
    any of them may be missing. ``weight`` is what the command calls ``--head``. Of the folder of a
    run the last checkpoint is measured; ``nctool.trajectory`` measures all.

    With ``ranks`` every process of torch.distributed's group calls it with the same arguments; each
    reads its share, and all get the same report. Without, a process measures for itself, so that
    one rank of a training script may measure alone.

    ``select`` is the former name of ``metrics``.
    """
    if select is not None:
        warnings.warn("select is called metrics now", DeprecationWarning, stacklevel=2)
        metrics = select
    request = options.request(locals())
    roles = {"features": features, "labels": labels, "head": weight, "bias": bias, "ood": ood}
    with every_rank(ranks) as group:
        if sources:
            _check_keys(roles)
            source = load([str(path) for path in sources], request.roles)
            if class_names is not None:
                source = replace(source, names=tuple(class_names))
        else:
            _check_in_memory(request.roles)
            source = _from_arrays(roles, class_names, ignore_labels)
        analysis = measure_together(source, request.metrics, request.settings, None, group)
    return with_arrays(analysis)


options.document(analyze, *options.GROUPS, omit=ARRAYS)


def _check_keys(roles: Mapping[str, Any]) -> None:
    wrong = [role for role, value in roles.items() if value is not None and type(value) is not str]
    if wrong:
        message = f"{', '.join(wrong)} given as an array together with paths"
        raise UsageError("arrays-with-paths", message, "give paths and keys, or arrays only")


def _check_in_memory(roles: RoleOptions) -> None:
    """What says how to read files has no meaning for arrays that are already here."""
    idle = [
        name
        for name, declared in options.in_python(analyze, RoleOptions)
        if name not in (*ARRAYS, "ignore_labels")
        and getattr(roles, declared.name) != declared.default
    ]
    if idle:
        message = f"{', '.join(idle)} given, which says how to read files, but no path"
        hint = "give paths, or arrays as they are to be measured and no more"
        raise UsageError("paths-missing", message, hint)


def _from_arrays(
    roles: Mapping[str, Any], names: Sequence[str] | None, ignore: Sequence[int]
) -> Source:
    arrays = {role: _held(role, value) for role, value in roles.items() if value is not None}
    inputs = tuple(
        Input(
            role, "", array.key, array.format, array.shape, array.dtype, None, "argument",
            "given by the caller",
        )
        for role, array in arrays.items()
    )  # fmt: skip
    weight, bias = (floating(arrays[role]) if role in arrays else None for role in ("head", "bias"))
    return assemble(
        arrays.get("features"),
        arrays.get("labels"),
        weight,
        bias,
        ood=arrays.get("ood"),
        names=names,
        ignore=ignore,
        inputs=inputs,
    )


def _held(role: str, value: Any) -> LazyArray:
    """An array in memory as a LazyArray, so that it is measured as one of a file is."""
    if isinstance(value, Tensor):
        tensor = value.detach()
    else:
        array = np.asarray(value)
        # longdouble is float64 on some platforms, and then nothing is lost.
        if array.dtype.kind == "c" or array.dtype == np.longdouble != np.float64:
            message = f"{role} are {array.dtype}: only real numbers up to float64 are measured"
            raise InputError("unsupported-dtype", message, "convert them to float64")
        # torch has tensors of native byte order only.
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
