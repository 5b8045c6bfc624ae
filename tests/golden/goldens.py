"""Comparing with a file that a person has read: exactly, or up to the last digits of numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import TypeAlias

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | float | int | bool | None"

DIGITS = 6
# Another CPU sums float32 products in another order. Between float32 and float64 products no number
# of the digits moves by more than 2e-6 of its size; half a unit of the last stored digit is 5e-6.
RELATIVE = 2e-5
REGENERATE = "python -m tests.regenerate writes it"
ROUNDING = 1e-12
"""Numbers this small are what rounding left: they differ from machine to machine."""


def check_text(name: str, text: str, *, regenerate: bool) -> None:
    """The text is the file's, letter for letter."""
    path = FOLDER / name
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.is_file(), f"no {name}: {REGENERATE}"
    stored = path.read_text("utf-8")
    if text != stored:
        lines = unified_diff(stored.splitlines(), text.splitlines(), "stored", "now", lineterm="")
        pytest.fail("\n".join([f"{name} is not what it was", *lines]), pytrace=False)


def check_json(name: str, document: JSON, *, regenerate: bool) -> None:
    """The same keys, words and whole numbers, and numbers as close as two machines get."""
    path = FOLDER / name
    if regenerate:
        path.write_text(json.dumps(rounded(document), indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert path.is_file(), f"no {name}: {REGENERATE}"
    moved = list(differences(json.loads(path.read_text("utf-8")), document))
    if moved:
        pytest.fail("\n".join([f"{name} is not what it was", *moved]), pytrace=False)


def rounded(value: JSON) -> JSON:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def differences(expected: JSON, actual: JSON, path: str = "") -> Iterator[str]:
    """Every place at which the two are not the same."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if list(expected) != list(actual):
            yield f"{path}: keys {list(actual)}, expected {list(expected)}"
        for key in expected.keys() & actual.keys():
            yield from differences(expected[key], actual[key], f"{path}/{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        by_id = identified(expected), identified(actual)
        if by_id[0] and by_id[1]:
            yield from _differences_by_id(by_id[0], by_id[1], path)
            return
        if len(expected) != len(actual):
            yield f"{path}: {len(actual)} items, expected {len(expected)}"
        for place, (left, right) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(left, right, f"{path}/{place}")
    elif isinstance(expected, float) and isinstance(actual, float):
        if not math.isclose(expected, actual, rel_tol=RELATIVE, abs_tol=ROUNDING):
            yield f"{path}: {actual}, expected {expected}"
    elif type(expected) is not type(actual) or expected != actual:
        yield f"{path}: {actual!r}, expected {expected!r}"


def identified(items: list[JSON]) -> dict[str, JSON]:
    """The items by their ids, in order; nothing unless every item has one of its own."""
    ids = [item.get("id") for item in items if isinstance(item, dict)]
    names = [name for name in ids if isinstance(name, str)]
    return dict(zip(names, items, strict=True)) if len(set(names)) == len(items) else {}


def _differences_by_id(
    expected: dict[str, JSON], actual: dict[str, JSON], path: str
) -> Iterator[str]:
    """Metrics may join between those there were; none may go, move or change."""
    order = [name for name in actual if name in expected]
    if order != list(expected):
        yield f"{path}: of the expected, in this order: {order}, expected {list(expected)}"
    for name in order:
        yield from differences(expected[name], actual[name], f"{path}/{name}")
