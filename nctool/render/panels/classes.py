"""The classes of one report: how they lie to each other, and how far from the best."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nctool.render import Arrays
from nctool.render.panels import gram, margins, spectrum, style
from nctool.report import Report

TALL = 2.5
"""Inches of one row of panels."""
KINDS = {"means": "class means", "weights": "classifier rows"}
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
    style.caption(figure, style.about(report, moment=True))
    grid = figure.subplot_mosaic(layout)
    for name, drawn in zip("abcd", panels, strict=False):
        drawn(grid[name])
    return figure


def _of_arrays(report: Report, arrays: Arrays | None) -> list[Panel]:
    """What a saved report does not hold; one panel that says so where it is not at hand."""
    if arrays is None:
        return [partial(_without, title="Cosines and singular values", why=NO_ARRAYS)]
    known = [kind for kind in KINDS if f"gram/{kind}" in arrays and len(arrays[f"gram/{kind}"]) > 1]
    panels: list[Panel] = [
        partial(_gram, kind=kind, report=report, arrays=arrays) for kind in known
    ]
    if not panels:
        panels.append(partial(_without, title="Cosines between classes", why=NO_GRAM))
    values = {kind: arrays[name] for kind in KINDS if (name := f"spectrum/{kind}") in arrays}
    return [*panels, partial(spectrum.draw, found=values, report=report)]


def _gram(axes: Axes, kind: str, report: Report, arrays: Arrays) -> None:
    axes.set_title(f"Cosines of {KINDS[kind]}")
    cosines = arrays[f"gram/{kind}"]
    gram.draw(axes, cosines, flat=len(cosines) <= (report.data.get("d") or 0) + 1)


def _without(axes: Axes, title: str, why: str) -> None:
    axes.set_title(title)
    style.empty(axes, why)
