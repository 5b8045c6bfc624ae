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
ROUNDING = 1e-12
"""Numbers this small are what rounding left: they differ from machine to machine."""


def check_text(name: str, found: str, *, update: bool) -> None:
    """The text is the file's, letter for letter."""
    path = FOLDER / name
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, "utf-8")
    assert path.is_file(), f"no {name}: make it with --update-golden"
    stored = path.read_text("utf-8")
    if found != stored:
        lines = unified_diff(
            stored.splitlines(), found.splitlines(), "stored", "found", lineterm=""
        )
        pytest.fail("\n".join([f"{name} is not what it was", *lines]), pytrace=False)


def check_json(name: str, found: JSON, *, update: bool) -> None:
    """The same keys, words and whole numbers, and numbers as close as two machines get."""
    path = FOLDER / name
    if update:
        path.write_text(json.dumps(rounded(found), indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert path.is_file(), f"no {name}: make it with --update-golden"
    moved = list(differences(json.loads(path.read_text("utf-8")), found))
    if moved:
        pytest.fail("\n".join([f"{name} is not what it was", *moved]), pytrace=False)


def rounded(value: JSON) -> JSON:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def differences(expected: JSON, found: JSON, path: str = "") -> Iterator[str]:
    """Every place at which the two are not the same."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if list(expected) != list(found):
            yield f"{path}: keys {list(found)}, expected {list(expected)}"
        for key in expected.keys() & found.keys():
            yield from differences(expected[key], found[key], f"{path}/{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{path}: {len(found)} items, expected {len(expected)}"
        for place, (left, right) in enumerate(zip(expected, found, strict=False)):
            yield from differences(left, right, f"{path}/{_name(left) or place}")
    elif isinstance(expected, float) and isinstance(found, float):
        if not math.isclose(expected, found, rel_tol=RELATIVE, abs_tol=ROUNDING):
            yield f"{path}: {found}, expected {expected}"
    elif type(expected) is not type(found) or expected != found:
        yield f"{path}: {found!r}, expected {expected!r}"


def _name(item: JSON) -> JSON:
    return item.get("id") if isinstance(item, dict) else None
