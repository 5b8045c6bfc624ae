"""What torchrun starts, as the README shows it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import nctool
from tests.cli.shell import DIGITS, ROOT, environment

CHECKPOINTS = [DIGITS / f"epoch={epoch}.safetensors" for epoch in ("0100", "1000")]


# The README's line, on two checkpoints: each point by both ranks, and the first alone prints.
def test_readme(tmp_path: Path) -> None:
    (line,) = re.findall(r"`(torchrun [^`]*)`", (ROOT / "README.md").read_text("utf-8"))
    program, *words = shlex.split(line.replace("per-node 4", "per-node 2"))
    assert program == "torchrun" and words.pop() == "runs/7"
    out = tmp_path / "run.json"
    run = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words, *map(str, CHECKPOINTS),
         "--split", "train", "--metrics", "nc1,gnc2", "--json", "-", "-o", str(out)],
        cwd=ROOT, env=environment({"PYTHONPATH": str(ROOT)}), capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == json.loads(out.read_text())
    shared = nctool.load(out)
    assert isinstance(shared, nctool.Trajectory)
    alone = nctool.trajectory(CHECKPOINTS, split="train", metrics="nc1,gnc2", device="cpu")
    assert shared.last.settings["world_size"] == 2 and alone.last.settings["world_size"] == 1
    # Of float32 features, whose first pass rounds where samples are cut.
    for metric in ("nc1.pinv", "nc1.cdnv", "gnc2.margin.weights"):
        assert shared[metric] == pytest.approx(alone[metric], rel=1e-7)
