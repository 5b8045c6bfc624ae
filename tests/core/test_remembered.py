"""Answers that are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nctool.core.remembered import MOST, forget, remembered


# The same content is asked once, whoever holds it, and other content, type or shape anew.
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1, True), (1, 1.0, False), (True, 1, False), ((1.0, 2.0), (1.0, 2.0), True),
        (np.arange(4), np.arange(4), True), (np.arange(4), np.arange(4.0), False),
        (np.arange(4), np.arange(4)[::-1], False),
        (np.arange(4), np.arange(4).reshape(2, 2), False),
        (np.arange(8)[::2], np.array([0, 2, 4, 6]), True),
    ],
)  # fmt: skip
def test_content(first: Any, second: Any, same: bool) -> None:
    ask = remembered(lambda value: [value])
    assert (ask(first) is ask(second)) == same and ask(first) is ask(first)


# An array that was changed since is another question.
def test_changed() -> None:
    sizes = np.arange(3)
    before = remembered(lambda each: int(each.sum()))
    assert before(sizes) == 3
    sizes[0] = 5
    assert before(sizes) == 8


# Options count, and no more than so many answers are kept.
def test_bounded() -> None:
    asked: list[str] = []

    @remembered
    def ask(value: str, *, twice: bool = False) -> str:
        asked.append(value)
        return 2 * value if twice else value

    assert ask("a") != ask("a", twice=True)
    for number in range(MOST):
        ask(f"b{number}")
    ask("a")
    assert asked.count("a") == 3


# What is forgotten is asked again.
def test_forget() -> None:
    ask = remembered(lambda value: [value])
    first = ask(1)
    assert ask(1) is first
    forget()
    assert ask(1) is not first


# An error is no answer.
def test_error() -> None:
    tries: list[int] = []

    @remembered
    def fails(value: int) -> None:
        tries.append(value)
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):
            fails(1)
    assert len(tries) == 2
