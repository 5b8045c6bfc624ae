"""Between values and what JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints


def refuse(token: str) -> None:
    """For ``parse_constant``: JSON has no NaN and no infinity."""
    raise ValueError(f"{token} is no JSON number")


def of_keys(kind: Any, plain: Mapping[str, Any]) -> Any:
    """A dataclass from the keys that it has; lists become tuples, other keys are left alone.

    A value of another type than its field's is refused here: no reader of the number expects it.
    """
    types = _types(kind)
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plain.items()
        if name in types
    }
    for name, value in values.items():
        if not is_of(value, types[name]):
            raise TypeError(f"{name} is {type(value).__name__}")
    return kind(**values)


@cache
def _types(kind: Any) -> dict[str, Any]:
    """The type of every field that a file decides: what no comparison sees is no part of it."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.compare}


def is_of(value: object, hint: Any) -> bool:
    """Is a value from JSON of this annotated type? Of mappings only that they are such.

    None stands for a number that JSON cannot hold, and any text for words that a later version has.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is UnionType:
        return any(is_of(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        each = parts[:1] * len(value) if parts[1:] == (...,) else parts
        return len(each) == len(value) and all(map(is_of, value, each))
    if hint in (int, float):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (hint is float and (value is None or isinstance(value, float)))
    return isinstance(value, origin or hint)


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
