"""Markdown that holds: text that stays text, names as code, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nctool.core.text import one_line

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@$])")
LINKED = re.compile(r"[@#]|:(?=//)|\b(?:www|GH)(?=[.-])", re.IGNORECASE)
"""Where sites look for mentions, issues and addresses even in escaped text: a space of no width
after it keeps them from finding any."""
IDENTIFIER = re.compile(r"[a-z0-9_.-]{1,80}")
LONGEST = 300
WORDS = ("gate", "asked", "metric", "dial", "course", "perfect", "")
"""Columns of words, set to the left; numbers stand at the right."""


def escaped(text: object) -> str:
    """Text that stays text: no markup, no links, no mentions, no cells of its own."""
    text = one_line(str(text))
    if len(text) > LONGEST:  # before escaping: half an escape would be one of its own
        text = text[: LONGEST - 1] + "…"
    return LINKED.sub(lambda match: match[0] + "\u200b", SPECIAL.sub(r"\\\1", text))


def code(name: str) -> str:
    """A metric's name as code; what is no such name stays text."""
    return f"`{name}`" if IDENTIFIER.fullmatch(name) else escaped(name)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "|".join(" --- " if head in WORDS else " ---: " for head in heads) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in rows)
