"""The cosines between all classes as a picture: blue apart, orange alike, a simplex in between."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from nctool.core.text import number
from nctool.render.panels import style
from nctool.render.values.gram import Gram
from nctool.render.values.words import POINTS

MOST_CELLS = 512
"""Cells along a side; of more classes each cell is the mean of several."""
MOST_NUMBERS = 12
"""Up to so many classes every cosine is written out."""
SHADES = LinearSegmentedColormap.from_list(
    "apart-alike", ["#08519c", "#6baed6", "#ffffff", "#fd9a4f", "#a63603"]
).with_extremes(bad="#d0d0d0")


def draw(axes: Axes, gram: Gram) -> None:
    size, low, high = gram.size, gram.centre - gram.reach, gram.centre + gram.reach
    axes.set_title(f"Cosines of {POINTS[gram.kind]}")
    cells = np.ma.masked_invalid(np.array(gram.cells, dtype=np.float64))
    image = axes.imshow(
        cells, cmap=SHADES, vmin=low, vmax=high, interpolation="nearest",
        extent=(-0.5, size - 0.5, size - 0.5, -0.5),
    )  # fmt: skip
    axes.grid(False)
    for axis in (axes.xaxis, axes.yaxis):
        style.plain(axis, whole=True)
        if gram.clustered:
            axis.set_major_locator(NullLocator())
        elif size <= MOST_NUMBERS:
            axis.set_major_locator(FixedLocator([*range(size)]))
    order = "classes, by cluster" if gram.clustered else "class"
    axes.set_ylabel(order)
    axes.set_xlabel(order if gram.block == 1 else f"{order} (each cell: the mean of its pairs)")
    if size <= MOST_NUMBERS:
        _written(axes, gram)
    _scale(axes, image, gram)


def _written(axes: Axes, gram: Gram) -> None:
    size = max(5, min(8, 50 / gram.size))
    for row, values in enumerate(gram.cells):
        for column, value in enumerate(values):
            if value is not None:
                axes.text(
                    column, row, f"{value:.2f}".replace("-", "−").replace("0.", "."),
                    fontsize=size, ha="center", va="center",
                    color="white" if abs(value - gram.centre) > 0.7 * gram.reach else style.INK,
                )  # fmt: skip


def _scale(axes: Axes, image: Any, gram: Gram) -> None:
    """The bar of colours, with the cosine of a simplex in its middle."""
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85, pad=0.03, aspect=18)
    bar.outline.set_visible(False)
    bar.ax.axhline(gram.centre, color=style.INK, lw=0.9)
    ends = [gram.centre - gram.reach, gram.centre, gram.centre + gram.reach]
    bar.ax.yaxis.set_major_locator(FixedLocator(ends))
    label = {gram.centre: "\nsimplex" if gram.fits else "\n−1/(K−1)"}
    bar.ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: number(value, 3).replace("-", "−") + label.get(value, ""))
    )
    bar.ax.tick_params(length=0, labelsize=6.5)
    bar.ax.grid(False)
