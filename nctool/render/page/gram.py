"""The cosines between all classes as a picture: blue apart, orange alike, nothing in between."""

from __future__ import annotations

from nctool.render import Arrays
from nctool.render.page import png
from nctool.render.values import gram as values
from nctool.render.values.gram import Gram
from nctool.report import Report

LEVELS = 12
"""Steps of colour on each side of zero."""
APART, ALIKE, ITSELF = (31, 131, 196), (224, 106, 26), (128, 128, 128, 96)
MOST_CELLS = 160
"""Cells along a side; of more classes each cell shows its most similar pair."""


def grams(report: Report, arrays: Arrays | None) -> list[Gram]:
    return values.grams(report, arrays, MOST_CELLS)


def picture(gram: Gram) -> str:
    """The heatmap as an address of its own, for an image inside the page."""
    # Zero is clear, so that the picture lies on light and on dark paper alike.
    steps = range(-LEVELS, LEVELS + 1)
    shades = [(*(ALIKE if step > 0 else APART), round(255 * abs(step) / LEVELS)) for step in steps]
    rows = [bytes(_colour(value, gram.limit) for value in row) for row in gram.cells]
    return png.data_uri(rows, [*shades, ITSELF])


def _colour(value: float | None, limit: float) -> int:
    if value is None:
        return 2 * LEVELS + 1
    return LEVELS + round(max(-1.0, min(1.0, value / limit)) * LEVELS)
