"""The cosines between all classes as a picture: blue apart, orange alike, the diagonal grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter

from nctool.core.text import number
from nctool.render.panels import style
from nctool.render.values.gram import Gram
from nctool.render.values.words import POINTS

MOST_CELLS = 512
"""Cells along a side; of more classes each cell shows its most similar pair."""
MOST_NUMBERS = 12
"""Up to so many classes every cosine is written out."""
SHADES = LinearSegmentedColormap.from_list(
    "apart-alike", ["#08519c", "#6baed6", "#ffffff", "#fd9a4f", "#a63603"]
).with_extremes(bad="#d0d0d0")


def draw(axes: Axes, gram: Gram) -> None:
    size, limit = gram.size, gram.limit
    axes.set_title(f"Cosines of {POINTS[gram.kind]}")
    cells = np.ma.masked_invalid(np.array(gram.cells, dtype=np.float64))
    image = axes.imshow(
        cells, cmap=SHADES, vmin=-limit, vmax=limit, interpolation="nearest",
        extent=(-0.5, size - 0.5, size - 0.5, -0.5),
    )  # fmt: skip
    axes.grid(False)
    for axis in (axes.xaxis, axes.yaxis):
        style.plain(axis, whole=True)
        if size <= MOST_NUMBERS:
            axis.set_major_locator(FixedLocator([*range(size)]))
    axes.set_xlabel("class" if gram.block == 1 else "class (each cell: its most similar pair)")
    axes.set_ylabel("class")
    if size <= MOST_NUMBERS:
        _written(axes, gram)
    _scale(axes, image, limit, gram.simplex)


def _written(axes: Axes, gram: Gram) -> None:
    size = max(5, min(8, 50 / gram.size))
    for row, values in enumerate(gram.cells):
        for column, value in enumerate(values):
            if value is not None:
                axes.text(
                    column, row, f"{value:.2f}".replace("-", "−").replace("0.", "."),
                    fontsize=size, ha="center", va="center",
                    color="white" if abs(value) > 0.7 * gram.limit else style.INK,
                )  # fmt: skip


def _scale(axes: Axes, image: Any, limit: float, simplex: float | None) -> None:
    """The bar of colours; the cosine of a simplex has a mark of its own on it."""
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85, pad=0.03, aspect=18)
    bar.outline.set_visible(False)
    ticks = [-limit, 0.0, limit]
    if simplex is not None:
        bar.ax.axhline(simplex, color=style.INK, lw=0.9)
        # Labels closer than an eighth of the scale would lie on each other.
        ticks = [tick for tick in ticks if abs(tick - simplex) > 0.12 * limit]
        ticks.append(simplex)
    bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
    label = {simplex: "\nsimplex"}
    bar.ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: number(value, 3).replace("-", "−") + label.get(value, ""))
    )
    bar.ax.tick_params(length=0, labelsize=6.5)
    bar.ax.grid(False)
