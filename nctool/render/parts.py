"""What has to fit on one screen: texts folded or cut at words, and parts that share the lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nctool.core.text import one_line
from nctool.render.lines import Line, Style, line

MOST_LINES, FULL = 24, 80
"""So many lines of so many columns; a narrower screen takes as many more lines."""
ASIDE = 12
"""Columns of the words at the left: ``COLLAPSED``, ``Stands out``, ``Note``."""
MOST_FOLDS = 3
"""Lines that one text may take."""

TIED = "\u00a0"
"""A space at which nothing is folded; what comes from files has it written out already."""


@dataclass(frozen=True, slots=True)
class Part:
    """Lines beside one word at the left."""

    label: str
    texts: Sequence[str]
    style: Style = ""


def most_lines(width: int) -> int:
    return MOST_LINES * FULL // min(width, FULL)


def folded(text: str, room: int, most: int = MOST_FOLDS) -> list[str]:
    """Text in lines of so many columns, a word that is longer broken; no more lines than these."""
    how: dict[str, Any] = {"max_lines": most, "placeholder": " …", "break_on_hyphens": False}
    # A number and its percent sign stay together.
    whole = one_line(text).replace(" %", f"{TIED}%")
    out = textwrap.wrap(whole, room, **how)
    if any(part.startswith("::") for part in out):
        # The console writes these colons longer, so that no CI server takes them for a command.
        out = textwrap.wrap(whole, room - 3, **how)
    return [part.replace(TIED, " ") for part in out]


def all_folded(texts: Sequence[str], room: int) -> list[str]:
    return [part for text in texts for part in folded(text, room)]


def cut(text: str, room: int) -> str:
    """One line, cut at a word."""
    return next(iter(folded(text, room, 1)), "")


def beside(word: str, style: Style, text: str, width: int) -> list[Line]:
    """Text beside a word, folded; below it where the screen is too narrow for both."""
    aside = max(ASIDE, len(word) + 3)
    if width - aside < width // 2:
        above = [line((cut(word, width), style))] if word.strip() else []
        return [*above, *(line("  " + part) for part in folded(text, width - 2))]
    heads = [word, *[""] * MOST_FOLDS]
    return [
        line((f"{head:<{aside}}", style), part)
        for head, part in zip(heads, folded(text, width - aside), strict=False)
    ]


def counted(texts: Sequence[str], most: int) -> Sequence[str]:
    """So many lines at most, the last of them saying how many more there are."""
    if len(texts) <= most:
        return texts
    return [*texts[: most - 1], f"{len(texts) - most + 1} more: --all"]


def fitting(parts: Sequence[Part], room: int) -> list[Part]:
    """The parts within so many lines, the last in full first; what has no room is counted."""
    kept: list[Part] = []
    needed = sum(bool(part.texts) for part in parts)
    for part in reversed(parts):
        needed -= bool(part.texts)
        most = max(1, room - needed)
        texts = counted(part.texts, most)
        kept.append(replace(part, texts=texts))
        room -= len(texts)
    return kept[::-1]


def drawn(parts: Sequence[Part]) -> list[Line]:
    """The label of each before its first line."""
    return [
        line((f"{head:<{ASIDE}}", "title"), (text, part.style))
        for part in parts
        for head, text in zip([part.label, *[""] * len(part.texts)], part.texts, strict=False)
    ]
