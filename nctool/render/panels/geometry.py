"""The geometry of one report's classes: their cosines, singular values and margins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nctool.render import Arrays
from nctool.render.panels import gram, margins, spectrum, style
from nctool.render.values.gram import grams
from nctool.render.values.spectrum import spectrum as spectrum_of
from nctool.report import Report

TALL = 2.5
"""Inches of one row of panels."""
LAYOUTS = {2: "ab", 3: "ab;cc", 4: "ab;cd"}
NO_ARRAYS = """run with --arrays to see them:
a saved report holds neither.
A figure that nctool analyze
writes itself (-o) shows both."""
NO_GRAM = "none: a vector is zero, or there\nare too many classes for a picture"

Panel: TypeAlias = Callable[[Axes], None]


def draw(report: Report, arrays: Arrays | None) -> Figure:
    """Two panels in a row: cosines, singular values, margins."""
    panels: list[Panel] = [*_of_arrays(report, arrays), partial(margins.draw, report=report)]
    layout = LAYOUTS[len(panels)]
    figure = style.sheet(TALL * len(layout.split(";")) + 0.2)
    style.caption(figure, report)
    grid = figure.subplot_mosaic(layout)
    for name, panel in zip("abcd", panels, strict=False):
        panel(grid[name])
    return figure


def _of_arrays(report: Report, arrays: Arrays | None) -> list[Panel]:
    """What a saved report does not hold; one panel that says so where it is not at hand."""
    if arrays is None:
        return [partial(style.empty, why=NO_ARRAYS, title="Cosines and singular values")]
    panels: list[Panel] = [
        partial(gram.draw, gram=each) for each in grams(report, arrays, gram.MOST_CELLS)
    ]
    if not panels:
        panels.append(partial(style.empty, why=NO_GRAM, title="Cosines between classes"))
    return [*panels, partial(spectrum.draw, spectrum=spectrum_of(report, arrays))]
