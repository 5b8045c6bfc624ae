"""The cosines between all classes as a picture: blue apart, orange alike, a simplex in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nctool.render import Arrays
from nctool.render.page import png
from nctool.render.page.scales import Tick, rounds
from nctool.render.values import gram as values
from nctool.render.values.classes import names_of
from nctool.render.values.gram import Gram
from nctool.report import Report

LEVELS = 12
"""Steps of colour on each side of the centre."""
APART, ALIKE, ITSELF = (31, 131, 196), (224, 106, 26), (128, 128, 128, 96)
MOST_CELLS = 80
"""Cells along a side of a picture of very many classes: each is the mean of several."""
SIDE = 360
"""Of the picture, in the drawing's own units."""
NAMED = 24
"""Up to so many classes each has its name beside its row."""
LETTER = 6.2
LONGEST = 14
FINE, COARSE = 10_000, 1000
"""Cosines are in the page's data as whole numbers of these parts: 8 KB for 100 classes."""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A picture with the labels around it."""

    gram: Gram
    address: str
    names: dict[int, str]
    ticks: tuple[Tick, ...]
    """Along both sides; none where classes stand in the order of their clusters."""
    margin: int
    """Room for the labels."""
    slanted: bool
    """Labels below are too wide to stand beside each other."""


def heatmaps(report: Report, arrays: Arrays | None) -> list[Heatmap]:
    names = names_of(report)
    return [_heatmap(gram, names) for gram in values.grams(report, arrays, MOST_CELLS)]


def _heatmap(gram: Gram, names: dict[int, str]) -> Heatmap:
    ticks = tuple(_ticks(gram, names))
    widest = LETTER * max((len(tick.text) for tick in ticks), default=0)
    slanted = len(ticks) * (widest + LETTER) > SIDE
    return Heatmap(gram, picture(gram), names, ticks, round(widest) + 10, slanted)


def _ticks(gram: Gram, names: dict[int, str]) -> Iterator[Tick]:
    if gram.clustered:
        return
    step = SIDE / gram.size
    if gram.size <= NAMED:
        for row, index in enumerate(gram.order):
            yield Tick(round((row + 0.5) * step, 1), short(names.get(index, str(index))))
        return
    for at in rounds(0, gram.size - 1, 6):
        if at % 1 == 0:
            yield Tick(round((at + 0.5) * step, 1), str(gram.order[int(at)]))


def short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def title(heatmap: Heatmap, index: int) -> str:
    """A class by its name, and by its number where that is something else."""
    name = heatmap.names.get(index, str(index))
    return name if name == str(index) else f"{name} ({index})"


def picture(gram: Gram) -> str:
    """The cells as an address of its own, for an image inside the page."""
    # The centre is clear, so that the picture lies on light and on dark paper alike.
    steps = range(-LEVELS, LEVELS + 1)
    shades = [(*(ALIKE if step > 0 else APART), round(255 * abs(step) / LEVELS)) for step in steps]
    rows = [bytes(_colour(value, gram) for value in row) for row in gram.cells]
    return png.data_uri(rows, [*shades, ITSELF])


def _colour(value: float | None, gram: Gram) -> int:
    if value is None:
        return 2 * LEVELS + 1
    return LEVELS + round(max(-1.0, min(1.0, (value - gram.centre) / gram.reach)) * LEVELS)


def hover(heatmap: Heatmap) -> dict[str, object]:
    """What the script says of a cell: its classes, and its cosine in whole parts."""
    gram = heatmap.gram
    parts = FINE if len(gram.cells) <= NAMED else COARSE
    # The picture is symmetric: a row is kept from its diagonal on.
    kept = [
        [None if value is None else round(value * parts) for value in row[place:]]
        for place, row in enumerate(gram.cells)
    ]
    return {"parts": parts, "block": gram.block, "order": gram.order, "cells": kept}
