"""What the caller has set, an analysis neither breaks on nor changes; its products are exact."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
import torch

from nctool.core.errors import UsageError
from nctool.engine.arithmetic import WORKSPACE, exact_products
from nctool.settings.compute_options import ComputeOptions

SETTINGS = [
    "pass",
    "old('high')",
    "old('medium')",
    "cuda.allow_tf32 = True",
    "cuda.fp32_precision = 'tf32'",
    "cuda.fp32_precision = 'ieee'",
    "mkldnn.fp32_precision = 'bf16'",
    "torch.backends.fp32_precision = 'tf32'",
    "torch.backends.mkldnn.fp32_precision = 'bf16'",
    "torch.backends.cudnn.conv.fp32_precision = 'ieee'",
    "old('high'); cuda.fp32_precision = 'ieee'",
    "old('medium'); mkldnn.fp32_precision = 'tf32'; cuda.fp32_precision = 'none'",
    "torch.backends.mkldnn.conv.fp32_precision = 'bf16'; cuda.allow_tf32 = True",
]
TRIED = """
    import torch, warnings
    from nctool.engine.arithmetic import exact_products
    from nctool.settings.compute_options import ComputeOptions

    warnings.simplefilter("ignore")
    cuda, mkldnn = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul
    old = torch.set_float32_matmul_precision

    def readable(read):
        try:
            return read()
        except RuntimeError:
            return "contradictory"

    def state():
        names = ["cuda.matmul", "mkldnn.matmul", "mkldnn.conv", "cudnn.conv", "cudnn.rnn"]
        modules = [eval("torch.backends." + name) for name in names] + [torch.backends]
        return [readable(lambda: each.fp32_precision) for each in modules] + [
            readable(torch.get_float32_matmul_precision),
            readable(lambda: cuda.allow_tf32),
            readable(lambda: torch.backends.cudnn.allow_tf32),
        ]

    def tried():
        before = state()
        with exact_products(ComputeOptions()):
            inside = state()
        assert state() == before, (before, state())
        assert inside[:2] == ["ieee"] * 2 and inside[-3:-1] == ["highest", False], inside
"""


# Whatever precisions are set, by the old names or the new ones: they are the same afterwards, and
# products meanwhile are exact, with nothing contradictory that torch would refuse to read.
@pytest.mark.skipif(
    not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="torch before 2.9"
)
def test_precision() -> None:
    # In a process of its own: what was set once, torch cannot be brought to forget.
    reset = "old('highest'); cuda.fp32_precision = mkldnn.fp32_precision = 'none'"
    general = "torch.backends.fp32_precision = torch.backends.mkldnn.fp32_precision = 'none'"
    steps = "\n".join(f"{text}\ntried()\n{general}\n{reset}" for text in SETTINGS)
    code = textwrap.dedent(TRIED) + steps
    subprocess.run([sys.executable, "-c", code], check=True)


def _with_cuda(patch: pytest.MonkeyPatch, runs: bool, config: str | None) -> None:
    patch.setattr(torch.cuda, "is_available", lambda: True)
    patch.setattr(torch.cuda, "is_initialized", lambda: runs)
    patch.delenv(WORKSPACE, raising=False)
    if config is not None:
        patch.setenv(WORKSPACE, config)


# Ordered products need a variable that cuBLAS reads when it starts: until then it is set, later
# its absence is an error at once, as is a value that does not serve.
@pytest.mark.parametrize(
    ("runs", "config", "fine"),
    [(False, None, True), (True, None, False), (True, ":4096:8", True), (True, ":16:8", True),
     (False, ":8:1", False), (False, "", False)],
)  # fmt: skip
def test_ordered_products(
    runs: bool, config: str | None, fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    _with_cuda(monkeypatch, runs, config)

    def enter() -> None:
        with exact_products(ComputeOptions(deterministic=True)):
            assert torch.are_deterministic_algorithms_enabled()

    if fine:
        enter()
        assert os.environ[WORKSPACE] == (config or ":4096:8")
    else:
        with pytest.raises(UsageError, match="before Python starts"):
            enter()
    assert not torch.are_deterministic_algorithms_enabled()


# A block that fails leaves the caller's settings as they were, too.
def test_failure() -> None:
    before: list[Callable[[], object]] = [
        torch.get_float32_matmul_precision,
        torch.get_num_threads,
        torch.is_inference_mode_enabled,
    ]
    values = [read() for read in before]
    with pytest.raises(ZeroDivisionError), exact_products(ComputeOptions(threads=1)):
        raise ZeroDivisionError
    assert [read() for read in before] == values
