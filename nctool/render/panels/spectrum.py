"""Singular values of class means and classifier rows, against the flat spectrum of a simplex."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from nctool.render.panels import style
from nctool.report import Report

NAMES = {"means": "class means", "weights": "classifier rows"}
DOTTED = 32
"""Up to so many values each has a mark of its own."""


def draw(axes: Axes, found: Mapping[str, Any], report: Report) -> None:
    axes.set_title("Singular values")
    values = {kind: np.array(one, dtype=np.float64) for kind, one in found.items()}
    values = {kind: one for kind, one in values.items() if one.any()}
    if not values:
        style.empty(axes, "no singular values: every vector is zero")
        return
    longest = max(map(len, values.values()))
    classes, width = report.data.get("k") or longest, report.data.get("d") or longest
    rank = max(1, min(classes - 1, width, longest))
    for place, (kind, each) in enumerate(values.items()):
        axes.plot(
            np.arange(1, len(each) + 1), each / np.sqrt((each**2).sum() / rank),
            color=style.COLOURS[place], ls=style.DASHES[place], label=NAMES.get(kind, kind),
            marker=style.MARKS[place] if len(each) <= DOTTED else "",
        )  # fmt: skip
    axes.plot(
        [0.5, rank + 0.5, rank + 0.5], [1, 1, 0], color=style.INK, lw=0.9, ls=style.UPRIGHT,
        zorder=1, label="all alike, as in a simplex" if width >= classes - 1 else "all alike",
    )  # fmt: skip
    axes.set_xlim(0.5, max(longest, rank + 1) + 0.5)
    axes.set_ylim(bottom=0)
    style.plain(axes.xaxis, whole=True)
    style.plain(axes.yaxis, 4)
    axes.set_xlabel("number")
    axes.set_ylabel("relative to a flat spectrum")
    axes.legend(loc="best")
