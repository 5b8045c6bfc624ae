"""A figure for a paper: vectors as PDF or SVG, dots as PNG; the same file for the same document.

A trajectory is NC1 to NC4 along its axis, a report its cosines, margins and singular values, a
comparison what changed and by which factor. matplotlib, of the extra ``plot``, is imported only
when something is drawn, and nothing of it stays set afterwards.
"""

from __future__ import annotations

from nctool.core.extras import Extra
from nctool.render import Arrays, Renderer
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

PLOT = Extra("plot", ("matplotlib",))


def render(document: Document, arrays: Arrays | None, suffix: str) -> bytes:
    from nctool.render.panels import changes, curves, geometry, style

    with style.look():
        if isinstance(document, Comparison):
            figure = changes.draw(document)
        elif isinstance(document, Trajectory):
            figure = curves.draw(document)
        else:
            figure = geometry.draw(document, arrays)
        return style.saved(figure, suffix.removeprefix("."))


RENDERER = Renderer("figure", (".pdf", ".svg", ".png"), render, PLOT)
