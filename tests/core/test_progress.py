"""A whole told by stages whose shares are known moves as they do, and to its end once."""

from __future__ import annotations

import pytest

from nctool.core.progress import Silent, Stages, stage


# A task moves its stage by its part of the stage's share; what it left out comes with the end.
def test_shares() -> None:
    told: list[tuple[float, str]] = []
    stages = Stages(lambda amount, note="": told.append((amount, note)), {"first": 0.75, "b": 0.25})
    with stage(stages, "first"), stages.task("class means", 10) as advance:
        advance(2)
        advance(4, "almost")
    with stage(stages, "b"):
        pass
    with stage(stages, "unknown"):
        pass
    assert [note for _, note in told] == ["class means", "class means: almost", "", ""]
    assert [amount for amount, _ in told] == pytest.approx([0.15, 0.3, 0.3, 0.25])


# What is read again, or more than was said, does not move past the end.
def test_again() -> None:
    done = 0.0

    def advance(amount: float, note: str = "") -> None:
        nonlocal done
        done += amount

    stages = Stages(advance, {"pass": 1.0})
    for _ in range(2):
        with stage(stages, "pass"), stages.task("class means", 2) as step:
            for _ in range(5):
                step(1)
    assert done == pytest.approx(1.0)


# Progress without stages is left alone.
def test_silent() -> None:
    with stage(Silent(), "pass"), stage(None, "pass"):
        pass
