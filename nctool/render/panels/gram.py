"""The cosines between all classes as a picture: blue apart, orange alike, the diagonal grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter

from nctool.core.text import number
from nctool.render.panels import style

MOST_CELLS = 512
"""Cells along a side; of more classes each cell shows its most similar pair."""
MOST_NUMBERS = 12
"""Up to so many classes every cosine is written out."""
RANGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
SHADES = LinearSegmentedColormap.from_list(
    "apart-alike", ["#08519c", "#6baed6", "#ffffff", "#fd9a4f", "#a63603"]
).with_extremes(bad="#d0d0d0")


def draw(axes: Axes, cosines: Any, flat: bool) -> None:
    """``flat``: the classes fit into their space as a simplex, so its cosine is on the scale."""
    gram = np.array(cosines, dtype=np.float64)
    size = len(gram)
    np.fill_diagonal(gram, -np.inf)
    cells = np.ma.masked_less(_blocks(gram), -1.5)
    away = float(np.abs(cells).max()) if cells.count() else 1.0
    limit = next((one for one in RANGES if away <= one), 1.0)
    image = axes.imshow(
        cells, cmap=SHADES, vmin=-limit, vmax=limit, interpolation="nearest",
        extent=(-0.5, size - 0.5, size - 0.5, -0.5),
    )  # fmt: skip
    axes.grid(False)
    for axis in (axes.xaxis, axes.yaxis):
        style.plain(axis, whole=True)
        if size <= MOST_NUMBERS:
            axis.set_major_locator(FixedLocator([*range(size)]))
    axes.set_xlabel("class")
    axes.set_ylabel("class")
    if size <= MOST_NUMBERS:
        _written(axes, cells, limit)
    elif size > MOST_CELLS:
        axes.set_xlabel("class (each cell: its most similar pair)")
    _scale(axes, image, limit, -1 / (size - 1) if flat else None)


def _blocks(gram: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, Any]:
    """The largest cosine of every block, so that no pair of twins is lost between dots."""
    block = -(-len(gram) // MOST_CELLS)
    if block == 1:
        return gram
    starts = np.arange(0, len(gram), block)
    return np.maximum.reduceat(np.maximum.reduceat(gram, starts, axis=0), starts, axis=1)


def _written(axes: Axes, cells: np.ma.MaskedArray[Any, Any], limit: float) -> None:
    size = max(5, min(8, 50 / len(cells)))
    for (row, column), value in np.ndenumerate(cells):
        if value is np.ma.masked or row == column:
            continue
        axes.text(
            column, row, f"{value:.2f}".replace("-", "−").replace("0.", "."), fontsize=size,
            ha="center", va="center", color="white" if abs(value) > 0.7 * limit else style.INK,
        )  # fmt: skip


def _scale(axes: Axes, image: Any, limit: float, simplex: float | None) -> None:
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.85, pad=0.03, aspect=18)
    bar.outline.set_visible(False)
    ticks = [-limit, 0.0, limit]
    if simplex is not None and -simplex <= limit:
        bar.ax.axhline(simplex, color=style.INK, lw=0.9)
        ticks = [one for one in ticks if abs(one - simplex) > 0.12 * limit]
        ticks.append(simplex)
    bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _told(value, simplex)))
    bar.ax.tick_params(length=0, labelsize=6.5)
    bar.ax.grid(False)


def _told(value: float, simplex: float | None) -> str:
    text = number(value, 3).replace("-", "−")
    return f"{text}\nsimplex" if value == simplex else text
