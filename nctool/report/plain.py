"""Between values and what JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any


def refuse(token: str) -> None:
    """For ``parse_constant``: JSON has no NaN and no infinity."""
    raise ValueError(f"{token} is no JSON number")


def of_keys(kind: type[Any], plain: Mapping[str, Any]) -> Any:
    """A dataclass from the keys that it has; lists become tuples, other keys are left alone."""
    # What is left out of comparisons is no part of the value, and no file decides it.
    names = {field.name for field in fields(kind) if field.compare}
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain.items()
            if name in names
        }
    )


def json_object(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): json_safe(value) for key, value in plain.items()}


def json_safe(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null, and a status says why."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return json_object(value)
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    return value
