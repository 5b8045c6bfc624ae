"""The cosines between all classes as a picture: blue apart, orange alike, nothing in between."""

from __future__ import annotations

from dataclasses import dataclass

from nctool.core.text import count
from nctool.render import Arrays
from nctool.render.page import png
from nctool.render.page.amounts import said
from nctool.render.values.gram import Gram, grams
from nctool.render.values.words import POINTS
from nctool.report import Report

LEVELS = 12
"""Steps of colour on each side of zero."""
APART, ALIKE, ITSELF = (31, 131, 196), (224, 106, 26), (128, 128, 128, 96)
MOST_CELLS = 160
"""Cells along a side; of more classes each cell shows its most similar pair."""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A picture, what its colours mean, and where a simplex would be among them."""

    title: str
    uri: str
    alt: str
    low: str
    high: str
    simplex: float | None
    """The cosine of a simplex, as a share of the legend from left to right."""
    simplex_text: str
    note: str


def heatmaps(report: Report, arrays: Arrays | None) -> list[Heatmap]:
    return [_heatmap(gram) for gram in grams(report, arrays, MOST_CELLS)]


def _heatmap(gram: Gram) -> Heatmap:
    side, limit, simplex = gram.block, gram.limit, gram.simplex
    rows = [bytes(_colour(value, limit) for value in row) for row in gram.cells]
    return Heatmap(
        POINTS[gram.kind].capitalize(), png.data_uri(rows, _palette()),
        f"Cosines between {count(gram.size, 'class', 'classes')}: "
        f"the largest in size is {said(gram.largest, 3)}",
        said(-limit), said(limit),
        None if simplex is None else (simplex + limit) / (2 * limit), said(simplex, 3),
        "" if side == 1 else f"each cell is the most similar pair of {side} × {side} classes",
    )  # fmt: skip


def _colour(value: float | None, limit: float) -> int:
    if value is None:
        return 2 * LEVELS + 1
    return LEVELS + round(max(-1.0, min(1.0, value / limit)) * LEVELS)


def _palette() -> list[tuple[int, int, int, int]]:
    """Zero is clear, so that the picture lies on light and on dark paper alike."""
    steps = range(-LEVELS, LEVELS + 1)
    shades = [(*(ALIKE if step > 0 else APART), round(255 * abs(step) / LEVELS)) for step in steps]
    return [*shades, ITSELF]
