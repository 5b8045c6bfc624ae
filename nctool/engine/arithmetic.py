"""How torch computes while an analysis runs: nothing rounded away, and the caller's own settings
put back afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from nctool.core.errors import UsageError
from nctool.settings.compute_options import ComputeOptions

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
ORDERED_WORKSPACES = (":4096:8", ":16:8")
"""With these cuBLAS adds in one order (its manual, on reproducibility)."""

NOT_SET = "none"
"""Of one backend's precision: that of the more general setting."""


@contextmanager
def exact_products(options: ComputeOptions) -> Iterator[None]:
    """Full float32 products, the asked threads and determinism; the caller's own afterwards.

    Under the caller's autocast, products would be of halves.
    """
    if options.deterministic:
        require_ordered_products()
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    restore = full_precision()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.deterministic:
        torch.use_deterministic_algorithms(True)
    try:
        with torch.inference_mode(), ExitStack() as stack:
            for kind in ("cpu", "cuda", "mps"):
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        restore()
        torch.set_num_threads(threads)
        if options.deterministic:
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)


def full_precision() -> Callable[[], None]:
    """From now on float32 products are of float32; what gives the caller's own setting back.

    Since 2.9 torch has a setting for each backend beside the old one for all, and refuses to read
    the old one, on CUDA even to multiply, where they contradict each other. With every backend at
    full precision the old one can always be read, and setting it sets them all.
    """
    backends = _backends()
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee"
    general = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")

    def restore() -> None:
        torch.set_float32_matmul_precision(general)
        for backend, precision in zip(backends, before, strict=True):
            # One that followed a more general setting is to follow it again.
            backend.fp32_precision = NOT_SET
            if backend.fp32_precision != precision:
                backend.fp32_precision = precision

    return restore


def _backends() -> list[Any]:
    """Those that multiply and have a precision of their own; none before torch 2.9."""
    matmuls = [getattr(torch.backends, name).matmul for name in ("cuda", "mkldnn")
               if hasattr(getattr(torch.backends, name), "matmul")]  # fmt: skip
    return [each for each in matmuls if hasattr(each, "fp32_precision")]


def require_ordered_products() -> None:
    """cuBLAS reads what it needs for that when it starts: set it before, or say what to set."""
    found = os.environ.get(WORKSPACE)
    if found in ORDERED_WORKSPACES or not torch.cuda.is_available():
        return
    runs = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if found is None and not runs:
        os.environ[WORKSPACE] = ORDERED_WORKSPACES[0]
        return
    raise UsageError(
        "not-deterministic",
        f"products on CUDA come in no fixed order: {WORKSPACE} is "
        + (f"{found!r}" if found else "not set, and CUDA runs already"),
        f"set {WORKSPACE}={ORDERED_WORKSPACES[0]} before Python starts",
    )
