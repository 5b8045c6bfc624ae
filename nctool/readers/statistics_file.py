"""Files of sums over samples (``.ncstats``): what ``nctool stats`` writes and everything reads.

The container is one safetensors file. Its metadata hold one text, under ``nctool_stats``: JSON with

    format       1. A reader refuses a later one, and reads every earlier one for ever.
    nctool       the version that wrote the file
    sha256       of the content, see below
    conditions   what sums depend on: dim, dtype (of the stored features), products (precision of
                 sums over a block), center, unit_features, bias_decides, logit_scale, seed.
                 Sums are added only where all of these are the same.
    classes      how many there are, K; class_names: their names, or null for 0, 1, 2, ...
    parts        the samples that the sums are of, one object for each pass: id (a digest of
                 features and labels: the same samples twice are refused), samples, ignored, path,
                 key, sources, name, rows
    around       null without a second pass, else means (digest of the class means that residuals
                 were taken from) and parts (ids of all parts that these are the means of). The
                 sums of the second pass say nothing before all of them are here.
    run          epoch, step, split, train_error; layer: the name of the features, or null
    undefined    of facts that take all samples and have no value: the reason
    notices      slug, message, hint, data

Tensors are named by group, fact and place, as ``first/sample_sums/mean``:

    first/       sums of the first pass. ``sample_sums``: count, scatter, inverse_norm (K,), mean,
                 unit_mean (K, D), products, unit_products (D, D): of each class how many, the mean,
                 squared distances to it; the mean of 1/|x| and of x/|x|; outer products of
                 residuals of all classes, and of those of x/|x|; zero_rows: features of zeros.
                 ``row_signatures`` (S,), optional: the smallest signatures of whole rows, by which
                 copies in different files are counted.
    second/      sums of the pass around the class means, by fact
    around/      ``sample_sums`` of these means, where they are not those of ``first``
    whole/       what takes all samples at once; left out when files are merged
    head/        weight (K, D) and bias (K,), as stored

Sums are float64, int64 or int32, and finite. Nothing is divided by a number of samples but the
means. ``sha256`` is taken over the tensors in the order of their names (name, dtype and shape as
``name float64 2x3``, a line feed, then the bytes, little-endian, row by row), and then over the
JSON without its sha256, keys sorted, no spaces.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.core.files import replacing
from nctool.core.version import __version__
from nctool.readers import FIRST, Reader
from nctool.readers.safetensors_files import is_single, open_file
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.statistics import Statistics, from_plain, plain
from nctool.report.plain import json_safe, refuse

if TYPE_CHECKING:
    from torch import Tensor

NAME = "ncstats"
KEY = "nctool_stats"
FORMAT = 1
BEGINNING = f'{{"__metadata__":{{"{KEY}":'.encode()
GROUPS = ("first", "second", "around", "whole", "head")
SUMS = ("float64", "int64", "int32")


def recognises(path: Path, head: bytes) -> bool:
    return is_single(head) and head[8:].startswith(BEGINNING)


def open_statistics(path: Path) -> Opened:
    """Headers only; the arrays are the sums."""
    with edge(path, NAME):
        opened = open_file(path)
        described = _described(path, opened)
        return replace(opened, format=NAME, metadata={"statistics": described} | described["run"])


def statistics_in(opened: Opened) -> Statistics:
    """The content, once its checksum is known to hold."""
    path = opened.path
    with edge(path, NAME):
        described: dict[str, Any] = dict(opened.metadata["statistics"])  # type: ignore[call-overload]
        tensors: dict[str, Tensor] = {array.key: array.whole() for array in opened.arrays}  # type: ignore[misc]
        if described.pop("sha256") != _digest(described, tensors):
            raise corrupt(path, NAME, "its content is not what its checksum is of")
        groups: dict[str, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            group, _, name = key.partition("/")
            kind = str(tensor.dtype).removeprefix("torch.")
            if group not in GROUPS or (group != "head" and kind not in SUMS):
                raise corrupt(path, NAME, f"'{shown(key)}' of type {kind} is no sum")
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise corrupt(path, NAME, f"'{shown(key)}' is not finite")
            groups.setdefault(group, {})[name] = tensor
        return replace(from_plain(described, groups), path=opened.where)


def write_statistics(target: str, statistics: Statistics) -> Statistics:
    """Whole or not at all; the same, as they are in that file."""
    from safetensors.torch import save_file

    head = {"weight": statistics.weight, "bias": statistics.bias}
    groups: dict[str, Mapping[str, Tensor]] = {
        "first": statistics.first,
        "second": statistics.second,
        "around": statistics.means,
        "whole": statistics.whole,
        "head": {name: tensor for name, tensor in head.items() if tensor is not None},
    }
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    described = json_safe({"format": FORMAT, "nctool": __version__, **plain(statistics)})
    described["sha256"] = _digest(described, tensors)
    with replacing(target) as draft:
        save_file(tensors, draft, {KEY: _text(described)})
    return replace(statistics, path=target)


def _described(path: Path, opened: Opened) -> dict[str, Any]:
    described = json.loads(str(opened.metadata[KEY]), parse_constant=refuse)
    if described["format"] != FORMAT:
        message = f"'{shown(path)}' has format {shown(described['format'])} of sums, not {FORMAT}"
        hint = "a later nctool wrote it: pip install -U nctool"
        raise InputError("statistics-format", message, hint)
    if not isinstance(described["run"], dict) or not isinstance(described["sha256"], str):
        raise TypeError("run or sha256 is of another type")
    # Refused here, so that what is inspected is what can be read, and no name is made of a number
    # of classes that is only claimed.
    shapes = {array.key: array.shape for array in opened.arrays}
    if shapes.get("first/sample_sums/count") != (described["classes"],):
        raise ValueError("it does not count the samples of its classes")
    from_plain(described, {})
    return dict(described)


def _digest(described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        kind = str(tensor.dtype).removeprefix("torch.")
        shape = "x".join(map(str, tensor.shape))
        digest.update(f"{name} {kind} {shape}\n".encode())
        if tensor.numel():
            flat = tensor.contiguous().flatten().view(torch.uint8)
            digest.update(flat.numpy().data)
    digest.update(_text(described).encode())
    return digest.hexdigest()


def _text(described: Mapping[str, Any]) -> str:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), allow_nan=False)


READER = Reader(
    NAME, recognises, open_statistics, covers="sums over samples (.ncstats)", turn=FIRST
)
