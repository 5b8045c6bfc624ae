"""Lines of text with a word on how each part is meant; how that looks is the console's business."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Literal, TypeAlias

from nctool.core.text import one_line

Style: TypeAlias = Literal["", "title", "faint", "warning", "good"]
Line: TypeAlias = tuple[tuple[str, Style], ...]

BLANK: Line = ()


def line(*parts: str | tuple[str, Style]) -> Line:
    """A line of plain and styled parts; every part becomes harmless text."""
    return tuple(
        (one_line(part), "") if isinstance(part, str) else (one_line(part[0]), part[1])
        for part in parts
    )


def wrapped(text: str, width: int, indent: str = "", style: Style = "") -> list[Line]:
    """Text folded at words; a word longer than the width stays whole."""
    # A word that is cut cannot be copied: paths and ids stand out over the edge instead.
    folded = textwrap.wrap(
        one_line(text),
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [((part, style),) for part in folded] or [BLANK]


def columns(cells: list[list[str]], align: str, gap: str = "  ") -> list[str]:
    """Cells padded to their column's width; ``align`` has one of < > per column."""
    widths = [max((len(row[place]) for row in cells), default=0) for place in range(len(align))]
    return [
        gap.join(
            f"{cell:{side}{size}}" for cell, side, size in zip(row, align, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def table(cells: list[list[str]], align: str, heads: bool = False) -> list[Line]:
    """Columns as lines; the first of them faint where it names the columns."""
    texts = columns(cells, align)
    out = [line("  " + text) for text in texts]
    if heads:
        out[0] = line("  ", (texts[0], "faint"))
    return out


def hanging(
    head: Sequence[str | tuple[str, Style]], text: str, width: int, indent: str
) -> list[Line]:
    """Text folded at words, with something else in place of the first line's indent."""
    first, *rest = wrapped(text, width, indent)
    return [line(*head, first[0][0].strip()), *rest]
