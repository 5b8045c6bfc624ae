"""nctool: has this network collapsed, and how far is it from perfect?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nctool.core.version import __version__
from nctool.report import Report, Result

if TYPE_CHECKING:
    from nctool.api.analyze import analyze

__all__ = ["Report", "Result", "__version__", "analyze"]


def __getattr__(name: str) -> Any:
    """Nothing heavy is imported until something is measured."""
    if name == "analyze":
        from nctool.api.analyze import analyze

        return analyze
    raise AttributeError(f"module 'nctool' has no attribute {name!r}")
