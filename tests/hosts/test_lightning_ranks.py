"""Lightning on two processes: each has a share of the samples, and the numbers are those of all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.hosts.by_hand import SAMPLES, Network, agree, by_hand, samples

ROOT = Path(__file__).parents[2]


# Both the validation, which repeats a sample so that shares are even, and a loader of one's own.
def test_two_processes(tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason="pip install 'nctool[lightning]'")
    words = [sys.executable, "-m", "tests.hosts.lightning_ranks", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    state = torch.load(tmp_path / "state.pt")
    assert state["counts"] == [SAMPLES, SAMPLES] and SAMPLES % 2
    network = Network()
    network.load_state_dict(state["network"])
    state["validation"].pop("nc/collapse/weakest")  # of one look, and so without NC4
    agree(state["validation"], by_hand(network, *samples(1)), many=40)
    agree(state["given"], by_hand(network, *samples(2)), "given/", many=60)
