"""Classes by name, in a reason or beside a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def class_list(class_names: tuple[str, ...], classes: Sequence[int]) -> str:
    """Up to three classes by name."""
    names = [class_names[index] for index in classes[:3]]
    more = f" and {len(classes) - 3} more" if len(classes) > 3 else ""
    return ", ".join(names) + more


def class_entry(class_names: tuple[str, ...], index: int) -> dict[str, Any]:
    """A class as the JSON has it."""
    return {"class": index, "name": class_names[index]}
