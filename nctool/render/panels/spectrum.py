"""Singular values of class means and classifier rows, against the flat spectrum of a simplex."""

from __future__ import annotations

from matplotlib.axes import Axes

from nctool.render.panels import style
from nctool.render.values.spectrum import Spectrum
from nctool.render.values.words import POINTS

DOTTED = 32
"""Up to so many values each has a mark of its own."""


def draw(axes: Axes, spectrum: Spectrum | None) -> None:
    axes.set_title("Singular values")
    if spectrum is None:
        style.empty(axes, "no singular values: every vector is zero")
        return
    rank = spectrum.rank
    for place, (kind, values) in enumerate(spectrum.relative.items()):
        axes.plot(
            range(1, len(values) + 1), values, color=style.COLOURS[place], ls=style.DASHES[place],
            marker=style.MARKS[place] if len(values) <= DOTTED else "", label=POINTS[kind],
        )  # fmt: skip
    axes.plot(
        [0.5, rank + 0.5, rank + 0.5], [1, 1, 0], color=style.INK, lw=0.9, ls=style.UPRIGHT,
        zorder=1, label="all alike, as in a simplex" if spectrum.simplex else "all alike",
    )  # fmt: skip
    axes.set_xlim(0.5, max(spectrum.longest, rank + 1) + 0.5)
    axes.set_ylim(bottom=0)
    style.plain(axes.xaxis, whole=True)
    style.plain(axes.yaxis, 4)
    axes.set_xlabel("number")
    axes.set_ylabel("relative to a flat spectrum")
    axes.legend(loc="best")
