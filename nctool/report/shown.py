"""What reports, trajectories and comparisons can do with themselves in Python.

They are values of the standard library alone, on a low floor. How they are written and drawn stands
in rooms above them, which are looked up by name when somebody asks for it and not before: so values
stay light, and no module here needs one above it to be imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from nctool.core.errors import UsageError
from nctool.core.metric_names import suggestion

Arrays: TypeAlias = str | Path | Mapping[str, Any] | None
"""The file that ``--arrays`` wrote, or what it holds by its names."""


class Shown:
    """The ways out of a document; its class gives ``to_dict``."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the published schema."""
        raise NotImplementedError

    def to_json(self, indent: int | None = 2) -> str:
        """The document as JSON, which ``nctool.load`` reads back without a loss."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def save(
        self, path: str | Path, *, arrays: str | Path | Mapping[str, Any] | None = None
    ) -> None:
        """Write a file, its kind by suffix as ``-o`` of the command does: whole or not at all.

        ``.json`` and ``.html`` are read back by ``nctool.load``. Pages and figures draw Gram
        matrices, spectra and margins while these are at hand: of what was measured by this process,
        or of ``arrays``, the file that ``--arrays`` wrote.
        """
        _out("save", self, path, arrays)

    def plot(
        self, path: str | Path, *, arrays: str | Path | Mapping[str, Any] | None = None
    ) -> None:
        """Draw the figure for a paper: ``.pdf``, ``.svg`` or ``.png`` (extra ``plot``)."""
        _out("plot", self, path, arrays)

    def to_pandas(self) -> Any:
        """A pandas DataFrame: a row per metric of a report, else a row per point or run.

        Rows of points stand under their position on the axis, those of runs under their name, and
        every metric is a column. What has no value is NaN. Needs the extra ``pandas``.
        """
        return _out("frame", self)

    def __repr__(self) -> str:
        return str(_out("sentence", self))

    def _repr_html_(self) -> str:
        return str(_out("fragment", self))


def _out(name: str, *args: Any) -> Any:
    return getattr(import_module("nctool.api.outputs"), name)(*args)


def absent(what: str, metric_id: str, ids: Iterable[str]) -> UsageError:
    """The error for a metric that a document does not have."""
    ids = list(ids)
    hint = suggestion(metric_id, ids, "it has: " + ", ".join(ids), families=False)
    return UsageError("unknown-metric", f"this {what} has no metric {metric_id!r}", hint)
