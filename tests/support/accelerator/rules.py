"""What CUDA does otherwise than a CPU: refusals, and operations that make the host wait.

From the documentation of torch 2.11: ``torch.use_deterministic_algorithms``, the notes on CUDA
semantics, and the kernels' need to know a size before they can go on.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

WAITS = {
    # What is asked for is a number on the host.
    "_local_scalar_dense": 1, "equal": 1,
    # The size of the result is not known before.
    "nonzero": 1, "masked_select": 1, "_unique2": 1, "unique_dim": 1, "unique_consecutive": 1,
    "repeat_interleave": 1, "bincount": 2, "histc": 2,
    # The decompositions of cuSOLVER tell on the device whether they worked.
    "_linalg_check_errors": 1, "_linalg_svd": 1, "_linalg_eigh": 1, "cholesky_inverse": 1,
}  # fmt: skip
"""How often the host waits within an operation."""

UNORDERED = {"kthvalue", "histc", "put_", "bincount with weights", "cumsum of floats",
             "median by dimension"}  # fmt: skip
"""Refused under ``torch.use_deterministic_algorithms``."""
CUBLAS = {"mm", "mv", "bmm", "dot", "addmm", "addmv", "addbmm", "baddbmm"}

INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
"""Take indices from the host too, which they send first."""

NO_KERNEL = {"empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "detach",
             "alias", "lift_fresh", "_local_scalar_dense", "set_", "resize_"}  # fmt: skip


def refuse_places(name: str, func: Any, args: Any, hosts: list[Tensor]) -> None:
    """Operands of two devices: only a number without dimensions may be elsewhere, and indices."""
    if name in INDEXING:
        indices = [each for each in args[1] if each is not None]
        hosts = [each for each in hosts if not any(each is index for index in indices)]
    numbers = torch.Tag.pointwise in func.tags or name in {*INDEXING, "fill_", "masked_fill_"}
    if any(each.dim() or not numbers for each in hosts):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {name} found at least two "
            "devices, cuda:0 and cpu!"
        )


def refuse_disorder(name: str, func: Any, args: Any, kwargs: Any) -> None:
    """Operations without a deterministic kernel, where only such are allowed."""
    if not torch.are_deterministic_algorithms_enabled():
        return
    of_floats = bool(args) and isinstance(args[0], Tensor) and args[0].is_floating_point()
    weights = args[1] if name == "bincount" and len(args) > 1 else kwargs.get("weights")
    kinds = {name}
    kinds |= {"bincount with weights"} if weights is not None else set()
    kinds |= {"cumsum of floats"} if name.startswith("cumsum") and of_floats else set()
    kinds |= {"median by dimension"} if name == "median" and "dim" in func._overloadname else set()
    if kinds & UNORDERED:
        raise RuntimeError(f"{name} does not have a deterministic implementation on CUDA")
    if name in CUBLAS and os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in (":4096:8", ":16:8"):
        raise RuntimeError(f"{name} on CUDA >= 10.2 needs CUBLAS_WORKSPACE_CONFIG=:4096:8")


def waits_within(name: str, args: Any) -> int:
    """How often the host waits before an operation gives its result."""
    if name not in INDEXING:
        return WAITS.get(name, 0)
    masks = [each for each in args[1] if each is not None and each.dtype == torch.bool]
    # A number written where a mask says becomes masked_fill, whose size is known.
    filled = len(args) > 2 and args[2].numel() == 1 and args[2].device.type == "cpu"
    return 0 if filled else len(masks)
