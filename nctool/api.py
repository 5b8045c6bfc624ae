"""The Python face: the same analysis as the command, on arrays or on files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import numpy as np
import torch
from torch import Tensor

from nctool import metrics
from nctool.analysis.measure import Settings, measure
from nctool.arrays import LazyArray, Source
from nctool.core.errors import InputError, UsageError
from nctool.inputs.assemble import assemble
from nctool.inputs.sources import load
from nctool.report import Input, Report
from nctool.settings.budget import Budget, BudgetKeywords
from nctool.settings.compute_options import ComputeKeywords, ComputeOptions
from nctool.settings.conventions import ConventionKeywords, ConventionOptions, resolve
from nctool.settings.option import build, options_of
from nctool.settings.role_options import DEFAULT_IGNORED, RoleKeywords, RoleOptions
from nctool.settings.signature import with_keywords

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Values: TypeAlias = Tensor | ArrayLike


class Options(RoleKeywords, ComputeKeywords, ConventionKeywords, BudgetKeywords, total=False):
    """What ``analyze`` can be told beside the arrays themselves; all of it has a default."""


@with_keywords(Options, RoleOptions, ComputeOptions, ConventionOptions, Budget)
def analyze(
    *sources: str | Path,
    features: Values | str | None = None,
    labels: Values | str | None = None,
    weight: Values | str | None = None,
    bias: Values | str | None = None,
    ood: Values | str | None = None,
    class_names: Sequence[str] | None = None,
    ignore_labels: Sequence[int] = DEFAULT_IGNORED,
    select: str | None = None,
    **options: Unpack[Options],
) -> Report:
    """Measure files, or arrays in memory.

    With ``sources`` (paths), the roles are found by name and shape as the command does, and
    ``features``, ``labels``, ``weight``, ``bias`` and ``ood`` may name keys. Without, they are the
    arrays: tensors, numpy arrays or nested lists of shape (N, d), (N,), (K, d), (K,) and (M, d);
    any of them may be missing. ``select`` takes comma-separated globs of metric ids.
    """
    roles = {"features": features, "labels": labels, "head": weight, "bias": bias, "ood": ood}
    chosen = metrics.select(select)
    convention = resolve(build(ConventionOptions, options))
    settings = Settings(convention, build(ComputeOptions, options), build(Budget, options))
    role_options = build(RoleOptions, {**options, "ignore_label": ignore_labels})
    if sources:
        source = _from_files(sources, roles, role_options)
        if class_names is not None:
            source = replace(source, names=tuple(class_names))
    else:
        _check_in_memory(role_options)
        source = _from_arrays(roles, class_names, ignore_labels)
    return measure(source, chosen, settings).report


def _from_files(
    sources: Sequence[str | Path], roles: Mapping[str, Any], options: RoleOptions
) -> Source:
    wrong = [role for role, value in roles.items() if value is not None and type(value) is not str]
    if wrong:
        raise UsageError(
            "arrays-with-paths",
            f"{', '.join(wrong)} given as an array together with paths",
            "give paths and keys, or arrays only",
        )
    return load([str(source) for source in sources], replace(options, **roles))


def _check_in_memory(options: RoleOptions) -> None:
    """What says how to read files has no meaning for arrays that are already here."""
    idle = [
        declared.name
        for declared in options_of(RoleOptions)
        if declared.name in RoleKeywords.__annotations__
        and getattr(options, declared.name) != declared.default
    ]
    if idle:
        raise UsageError(
            "paths-missing",
            f"{', '.join(idle)} given, which says how to read files, but no path",
            "give paths, or arrays as they are to be measured and no more",
        )


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
    """An array in memory as a LazyArray, so that it is measured as one of a file is."""
    if isinstance(value, Tensor):
        tensor = value.detach()
    else:
        array = np.asarray(value)
        # longdouble is float64 on some platforms, and then nothing is lost.
        if array.dtype.kind == "c" or array.dtype == np.longdouble != np.float64:
            raise InputError(
                "unsupported-dtype",
                f"{role} are {array.dtype}: only real numbers up to float64 are measured",
                "convert them to float64",
            )
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


def _tensor(array: LazyArray | None) -> Tensor | None:
    if array is None:
        return None
    whole = array.whole()
    assert isinstance(whole, Tensor)
    return whole if whole.is_floating_point() else whole.double()
