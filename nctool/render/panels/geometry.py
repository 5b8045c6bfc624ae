"""The geometry of one report's classes: their cosines, singular values and margins."""

from __future__ import annotations

from matplotlib.figure import Figure

from nctool.render import Arrays
from nctool.render.panels import gram, margins, spectrum, style
from nctool.render.values.gram import grams
from nctool.render.values.spectrum import spectrum as spectrum_of
from nctool.report import Report

TALL = 2.5
"""Inches of one row of panels."""
NO_ARRAYS = """run with --arrays to see them:
a saved report holds neither.
A figure that nctool analyze
writes itself (-o) shows both."""
NO_GRAM = "none: a vector is zero, or there\nare too many classes for a picture"


def draw(report: Report, arrays: Arrays | None) -> Figure:
    """Two panels in a row: cosines, singular values, margins."""
    pictures = [] if arrays is None else grams(report, arrays, gram.MOST_CELLS)
    layout = "ab" if arrays is None else "ab;cd" if len(pictures) > 1 else "ab;cc"
    figure = style.sheet(TALL * len(layout.split(";")) + 0.2)
    style.caption(figure, report)
    grid = figure.subplot_mosaic(layout)
    places = [grid[name] for name in sorted(grid)]
    if arrays is None:
        style.empty(places[0], NO_ARRAYS, "Cosines and singular values")
    else:
        for place, picture in zip(places, pictures, strict=False):
            gram.draw(place, picture)
        if not pictures:
            style.empty(places[0], NO_GRAM, "Cosines between classes")
        spectrum.draw(places[-2], spectrum_of(report, arrays))
    margins.draw(places[-1], report)
    return figure
