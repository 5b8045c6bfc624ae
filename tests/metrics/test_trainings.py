"""What is said of real trainings, tiny and less tiny, checkpoint by checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nctool
from nctool.report.verdict import COLLAPSED_FROM

FIXTURES = Path(__file__).parents[2] / "fixtures"
WORDS = json.loads((FIXTURES / "trainings" / "words.json").read_text("utf-8"))
LAST = {
    "cross-entropy": "collapsed",
    "squared-loss": "collapsed",
    "no-decay": "partly collapsed",
    "slow": "partly collapsed",
    "wide": "collapsed",
    "two-classes": "collapsed",
    "three-classes": "collapsed",
    "unequal": "collapsed",
    "bottleneck": "partly collapsed",
    "noisy-labels": "partly collapsed",
    "labels-by-lot": "partly collapsed",
    "few-samples": "collapsed",
    "held-out": "partly collapsed",
    "strong-decay": "collapsed",
}
"""What a reader of the first papers would say of each at its end."""


# Every checkpoint keeps its word, the part it hangs on, and the way it has come.
@pytest.mark.parametrize("name", WORDS)
def test_words(name: str) -> None:
    verdict = nctool.analyze(FIXTURES / "trainings" / f"{name}.safetensors").verdict
    assert verdict is not None and verdict.way is not None
    expected = WORDS[name]
    assert (verdict.word, verdict.weakest) == (expected["word"], expected["weakest"])
    assert verdict.way == pytest.approx(expected["way"], abs=0.002)
    assert (verdict.word == "collapsed") == (verdict.way >= COLLAPSED_FROM)


# Untrained networks are not collapsed, and the others end as a reader would say.
@pytest.mark.parametrize("training", LAST)
def test_ends(training: str) -> None:
    words = [WORDS[name]["word"] for name in sorted(WORDS) if name.split("/")[0] == training]
    assert words[0] == "not collapsed" and words[-1] == LAST[training]


# The digits run: not, then partly, then collapsed from epoch 100 on.
def test_digits() -> None:
    words = {
        epoch: nctool.analyze(FIXTURES / "digits" / f"epoch={epoch:04}.safetensors").verdict
        for epoch in (0, 1, 3, 10, 30, 100, 300, 1000)
    }
    assert {epoch: verdict.word for epoch, verdict in words.items() if verdict} == {
        0: "not collapsed", 1: "not collapsed", 3: "not collapsed",
        10: "partly collapsed", 30: "partly collapsed",
        100: "collapsed", 300: "collapsed", 1000: "collapsed",
    }  # fmt: skip
    weakest = [verdict.weakest for verdict in words.values() if verdict][-4:]
    assert weakest == ["collapse.nc1", "collapse.nc1", "collapse.nc2.means", "collapse.nc2.means"]
