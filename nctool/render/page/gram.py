"""The cosines between all classes as a picture: blue apart, orange alike, nothing in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nctool.core.text import count
from nctool.render import Arrays
from nctool.render.page import png
from nctool.render.page.amounts import said
from nctool.report import Report

LEVELS = 12
"""Steps of colour on each side of zero."""
APART, ALIKE, ITSELF = (31, 131, 196), (224, 106, 26), (128, 128, 128, 96)
MOST_CELLS = 160
"""Cells along a side; of more classes each cell shows its most similar pair."""
NAMES = {"means": "Class means", "weights": "Classifier rows"}
RANGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


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


def heatmaps(report: Report, arrays: Arrays | None) -> tuple[Heatmap, ...]:
    if arrays is None:
        return ()
    return tuple(
        _heatmap(title, arrays[f"gram/{kind}"], report)
        for kind, title in NAMES.items()
        if f"gram/{kind}" in arrays and len(arrays[f"gram/{kind}"]) > 1
    )


def why_none(report: Report) -> str:
    """What to do to see one."""
    text = "a saved report holds no cosines between classes: run with --arrays to see the Gram "
    text += "matrix, or let nctool analyze write this page itself (-o report.html)"
    if report.arrays and report.arrays.get("file"):
        text += f". The arrays of this report are in {report.arrays['file']}"
    return text


def _heatmap(title: str, gram: Sequence[Sequence[float]], report: Report) -> Heatmap:
    size = len(gram)
    block = -(-size // MOST_CELLS)
    cells = list(_cells(gram, block))
    away = max((abs(one) for row in cells for one in row if one is not None), default=1.0)
    limit = next((one for one in RANGES if away <= one), 1.0)
    rows = [bytes(_colour(one, limit) for one in row) for row in cells]
    ideal = -1 / (size - 1)
    flat = size <= (report.data.get("d") or 0) + 1 and -ideal <= limit
    note = "" if block == 1 else f"each cell is the most similar pair of {block} × {block} classes"
    return Heatmap(
        title, png.data_uri(rows, _palette()),
        f"Cosines between {count(size, 'class', 'classes')}: "
        f"the largest in size is {said(away, 3)}",
        said(-limit), said(limit), (ideal + limit) / (2 * limit) if flat else None,
        said(ideal, 3), note,
    )  # fmt: skip


def _cells(gram: Sequence[Sequence[float]], block: int) -> Iterator[list[float | None]]:
    """The largest cosine of each block, a class with itself left out."""
    size = len(gram)
    for top in range(0, size, block):
        best: list[float | None] = [None] * -(-size // block)
        for place in range(top, min(top + block, size)):
            row = list(gram[place])
            row[place] = -2.0
            for cell, left in enumerate(range(0, size, block)):
                found, known = max(row[left : left + block]), best[cell]
                if found >= -1.5 and (known is None or found > known):
                    best[cell] = found
        yield best


def _colour(value: float | None, limit: float) -> int:
    if value is None:
        return 2 * LEVELS + 1
    return LEVELS + round(max(-1.0, min(1.0, value / limit)) * LEVELS)


def _palette() -> list[tuple[int, int, int, int]]:
    """Zero is clear, so that the picture lies on light and on dark paper alike."""
    steps = range(-LEVELS, LEVELS + 1)
    shades = [(*(ALIKE if one > 0 else APART), round(255 * abs(one) / LEVELS)) for one in steps]
    return [*shades, ITSELF]
