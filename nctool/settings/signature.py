"""Options as keywords of a Python function: seen by type checkers, by ``help`` and by Jupyter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, is_typeddict

from nctool.settings.option import options_of

P = ParamSpec("P")
R = TypeVar("R")


def with_keywords(keywords: type, *groups: type) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Spell out ``**options: Unpack[keywords]``: the names of a TypedDict, declared by groups.

    A type checker reads the TypedDict. At run time the signature has every option with its
    default, the docstring has its help, and a name that is no option is refused as Python does it.
    """
    assert is_typeddict(keywords)
    names = keywords.__annotations__
    options = [
        declared for group in groups for declared in options_of(group) if declared.name in names
    ]
    added = [
        inspect.Parameter(
            declared.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=declared.default,
            annotation=declared.keyword,
        )
        for declared in options
    ]

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(function)
        *explicit, _ = own.parameters.values()
        signature = own.replace(parameters=[*explicit, *added])

        @wraps(function)
        def run(*args: P.args, **given: P.kwargs) -> R:
            signature.bind(*args, **given)
            return function(*args, **given)

        helps = [f"    ``{declared.name}``: {declared.option.help}" for declared in options]
        run.__doc__ = "\n".join([inspect.getdoc(function) or "", "", "Options:", *helps])
        run.__signature__ = signature  # type: ignore[attr-defined]
        return run

    return decorate
