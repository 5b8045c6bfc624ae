"""nctool: has this network collapsed, and how far is it from perfect?

``nctool.analyze`` measures arrays or files, ``nctool.trajectory`` a run; ``nctool.compare`` sets
runs side by side, ``nctool.check`` holds them against rules, ``nctool.load`` reads what was saved
and ``nctool.inspect`` says what a file holds; ``nctool.stats`` and ``nctool.merge`` write sums
over samples. Each takes what the command of its name takes; ``nctool.estimate`` says beforehand
what an analysis costs.

``nctool.collect`` runs a model over a loader and measures what its head sees; ``nctool.Monitor``
watches it in a loop of one's own.

``nctool.lightning``, ``nctool.transformers``, ``nctool.keras`` and ``nctool.torchmetrics`` have a
``Collapse`` each, which measures while a model is trained.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nctool.core.version import __version__
from nctool.report import Report, Result

if TYPE_CHECKING:
    from nctool.api.analyze import analyze
    from nctool.api.check import check
    from nctool.api.collect import collect
    from nctool.api.compare import compare
    from nctool.api.estimate import estimate
    from nctool.api.inspect import inspect
    from nctool.api.load import load
    from nctool.api.merge import merge
    from nctool.api.monitor import Monitor
    from nctool.api.stats import stats
    from nctool.api.trajectory import trajectory
    from nctool.hosts import keras as keras
    from nctool.hosts import lightning as lightning
    from nctool.hosts import torchmetrics as torchmetrics
    from nctool.hosts import transformers as transformers
    from nctool.report.comparison import Comparison
    from nctool.report.trajectory import Trajectory

FUNCTIONS = (
    "analyze", "check", "collect", "compare", "estimate", "inspect", "load", "merge", "stats",
    "trajectory",
)  # fmt: skip
LATE = {name: f"nctool.api.{name}" for name in FUNCTIONS} | {
    "Comparison": "nctool.report.comparison", "Trajectory": "nctool.report.trajectory",
    "Monitor": "nctool.api.monitor",
}  # fmt: skip
HOSTS = ("keras", "lightning", "torchmetrics", "transformers")
# An adapter subclasses what its host has, so that host is imported with it, and neither before
# somebody asks: for ``nctool.torchmetrics``, or by ``from nctool.torchmetrics import Collapse``.
__path__.append(str(Path(__file__).with_name("hosts")))
__all__ = [
    "Comparison", "Monitor", "Report", "Result", "Trajectory", "__version__",
    "analyze", "check", "collect", "compare", "estimate", "inspect", "load", "merge", "stats",
    "trajectory",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Nothing is imported before it is used, and nothing heavy before something is measured."""
    if name in LATE:
        return getattr(import_module(LATE[name]), name)
    if name in HOSTS:
        return import_module(f"nctool.{name}")
    raise AttributeError(f"module 'nctool' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *LATE})
