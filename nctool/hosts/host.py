"""What all adapters share: how their host is found, and what they measure unless told."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from nctool.core.extras import Extra
from nctool.report import Report

USUAL = "collapse,nc1.pinv"
"""What is measured, and so logged, where ``metrics`` says nothing: a tracker with a curve for each
of eighty numbers shows none, and these are the dials and the number that papers plot."""


def host(extra: str, *modules: str) -> Any:
    """The library that an adapter is for, of several spellings the one that is in use.

    Otherwise the first that is installed; an ``InputError`` where none is.
    """
    found = [name for name in modules if name in sys.modules] or [
        name for name in modules if not Extra(extra, (name.split(".")[0],)).missing
    ]
    if not found:
        Extra(extra, (modules[0].split(".")[0],)).demand(f"nctool.{extra}")
    return import_module(found[0])


def numbers(report: Report, prefix: str) -> dict[str, float]:
    """What a host is given: numbers that exist, which are finite, with the slashes of trackers."""
    return report.flat(prefix, separator="/")
