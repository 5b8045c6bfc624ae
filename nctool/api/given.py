"""What a function in Python is given to measure: arrays in memory, or files and keys in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from nctool.api import options
from nctool.arrays import LazyArray, Source
from nctool.core.errors import InputError, UsageError
from nctool.inputs.assemble import assemble, floating
from nctool.inputs.sources import load
from nctool.report import Input
from nctool.settings.role_options import RoleOptions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Values: TypeAlias = Tensor | ArrayLike

ARRAYS = ("features", "labels", "weight", "bias", "ood")
"""The keywords that are arrays, or keys where paths are given."""


def source_of(
    function: Callable[..., Any],
    sources: Sequence[str | Path],
    roles: Mapping[str, Any],
    role_options: RoleOptions,
    class_names: Sequence[str] | None,
    ignore_labels: Sequence[int],
) -> Source:
    """Of files, or of arrays by role where there are none."""
    if not sources:
        _check_in_memory(function, role_options)
        return _from_arrays(roles, class_names, ignore_labels)
    _check_keys(roles)
    source = load([str(path) for path in sources], role_options)
    return source if class_names is None else replace(source, names=tuple(class_names))


def _check_keys(roles: Mapping[str, Any]) -> None:
    wrong = [role for role, value in roles.items() if value is not None and type(value) is not str]
    if wrong:
        message = f"{', '.join(wrong)} given as an array together with paths"
        raise UsageError("arrays-with-paths", message, "give paths and keys, or arrays only")


def _check_in_memory(function: Callable[..., Any], roles: RoleOptions) -> None:
    """What says how to read files has no meaning for arrays that are already here."""
    idle = [
        name
        for name, declared in options.in_python(function, RoleOptions)
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
