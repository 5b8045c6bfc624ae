"""From the keywords of a function in Python to what the analysis takes, and their documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nctool import metrics as catalogue
from nctool.metrics.metric import Metric
from nctool.settings.budget import Budget
from nctool.settings.capture_options import CaptureOptions
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions, resolve
from nctool.settings.option import Declared, build, options_of
from nctool.settings.role_options import RoleOptions

if TYPE_CHECKING:
    from nctool.analysis.measure import Settings

GROUPS = (RoleOptions, ComputeOptions, ConventionOptions, Budget)


class Request(NamedTuple):
    """What to measure, how, and from which arrays."""

    metrics: tuple[Metric, ...]
    settings: Settings
    roles: RoleOptions


def request(given: Mapping[str, Any]) -> Request:
    """Of keywords by their names in Python: each group takes the options that it declares."""
    from nctool.analysis.measure import Settings

    values = by_option(given, *GROUPS)
    compute = build(ComputeOptions, values | {"metrics": comma_separated(values.get("metrics"))})
    convention = resolve(build(ConventionOptions, values))
    settings = Settings(convention, compute, build(Budget, values))
    return Request(catalogue.select(compute.metrics), settings, build(RoleOptions, values))


def capture(given: Mapping[str, Any]) -> CaptureOptions:
    """How a model is run and looked at, of keywords by their names in Python."""
    return build(CaptureOptions, by_option(given, CaptureOptions))


def by_option(given: Mapping[str, Any], *groups: type) -> dict[str, Any]:
    """Of keywords by their names in Python the options of these groups, by their own names."""
    return {
        declared.name: given[python]
        for group in groups
        for declared in options_of(group)
        if (python := declared.option.python or declared.name) in given
    }


def comma_separated(ids: str | Sequence[str] | None) -> str | None:
    """Ids as the command line has them."""
    return ids if ids is None or isinstance(ids, str) else ",".join(ids)


def in_python(function: Callable[..., Any], *groups: type) -> list[tuple[str, Declared]]:
    """The options of these groups that are keywords of a function, by their names there."""
    known = inspect.signature(function).parameters
    return [
        (python, declared)
        for group in groups
        for declared in options_of(group)
        if (python := declared.option.python or declared.name) in known
    ]


def document(function: Callable[..., Any], *groups: type, omit: Sequence[str] = ()) -> None:
    """Add to a function's documentation the help of its options."""
    lines = [
        f"    ``{name}``: {declared.option.help}"
        for name, declared in in_python(function, *groups)
        if name not in omit
    ]
    function.__doc__ = "\n".join([inspect.getdoc(function) or "", "", "Options:", *lines])
