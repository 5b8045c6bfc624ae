"""``--set key=value``: arguments for the user's own functions, those that each of them takes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from nctool.core.errors import UsageError
from nctool.core.text import one_line

Parameter = inspect.Parameter
BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def parsed(given: Sequence[str]) -> dict[str, Any]:
    """Values as Python literals where they are, else as text."""
    values: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip().isidentifier():
            raise UsageError(
                "bad-set", f"--set '{one_line(text)}' sets nothing", "write --set key=value"
            )
        try:
            values[key.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            values[key.strip()] = value
    return values


def shared_out(
    values: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> dict[str, dict[str, Any]]:
    """By name of a function: the values that it takes.

    A key that one of them names goes to all that name it; any other to those that take whatever
    is given to them; and one that nobody takes is refused.
    """
    known = {name: _parameters(function) for name, function in functions.items()}
    named = {key for each in known.values() for key, taken in each.items() if taken.kind in BY_NAME}
    open_ended = [
        name
        for name, each in known.items()
        if any(parameter.kind == Parameter.VAR_KEYWORD for parameter in each.values())
    ]
    for key in () if open_ended else sorted(values.keys() - named):
        near = get_close_matches(key, sorted(named), n=2, cutoff=0.5)
        known_keys = f"they take {', '.join(sorted(named))}" if named else "they take no arguments"
        verb = "takes" if len(functions) == 1 else "take"
        takers = " and ".join(functions) or "model and loader are values, which"
        message = f"--set {key}: {takers} {verb} no such argument"
        hint = f"did you mean {' or '.join(near)}? {known_keys}" if near else known_keys
        raise UsageError("unknown-argument", message, hint)
    shares: dict[str, dict[str, Any]] = {}
    for name, parameters in known.items():
        shares[name] = {
            key: _fitting(key, value, parameters.get(key))
            for key, value in values.items()
            if key in parameters or (name in open_ended and key not in named)
        }
        _check_complete(name, parameters, shares[name])
    return shares


def _parameters(function: Callable[..., Any]) -> Mapping[str, Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in, without a signature
        return {}


def _fitting(key: str, value: Any, parameter: Parameter | None) -> Any:
    """The value; a word for what is true or false would be taken for true, whatever it says."""
    if parameter is not None and isinstance(parameter.default, bool) and isinstance(value, str):
        raise UsageError(
            "bad-set", f"--set {key}={one_line(value)}: it is True or False",
            f"write --set {key}=True or --set {key}=False",
        )  # fmt: skip
    return value


def _check_complete(
    name: str, parameters: Mapping[str, Parameter], values: Mapping[str, Any]
) -> None:
    lacking = [
        key
        for key, each in parameters.items()
        if each.kind in (*BY_NAME, Parameter.POSITIONAL_ONLY)
        and each.default is Parameter.empty
        and key not in values
    ]
    if lacking:
        message = f"{name} needs {' and '.join(lacking)}"
        hint = " ".join(f"--set {key}=…" for key in lacking)
        raise UsageError("argument-missing", message, hint)
