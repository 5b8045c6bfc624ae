"""Untrusted names as harmless text, and numbers as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable


def printable(text: str) -> str:
    """Control characters, escapes and bidirectional marks made visible; newlines kept."""
    # Bidirectional overrides count as unprintable: they make a name end in another suffix.
    return "".join(
        char if char == "\n" or char.isprintable() else f"\\x{ord(char):02x}" for char in text
    )


PLAINER = str.maketrans(
    {"↓": "v", "↑": "^", "×": "x", "·": "-", "–": "-", "−": "-", "≥": ">=", "°": "*", "…": "...",
     "├": "|", "─": "-", "┼": "+", "┤": "|", "╵": "'", "●": "*", "○": "o", "→": "->"}
    | dict(zip("▁▂▃▄▅▆▇█", "12345678", strict=True))
)  # fmt: skip


def speakable(text: str, encoding: str | None) -> str:
    """Text that an output of this encoding can carry; plainer signs where it has no others."""
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(PLAINER)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text


def one_line(text: str) -> str:
    """The same without line breaks."""
    return printable(text).replace("\n", "\\n")


def shortened(text: str, most: int) -> str:
    """At most so many characters: of longer text both ends, where names differ."""
    if len(text) <= most:
        return text
    head = (most - 1) // 3
    return text[:head] + "…" + text[len(text) - (most - 1 - head) :]


def number(value: float | None, digits: int = 4) -> str:
    """Four significant digits, plain where short, scientific where small or large."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if 1e-3 <= size < 1e5:
        places = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{value:.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{digits - 2}e}"


def count(value: int, noun: str, plural: str = "") -> str:
    """``1 class``, ``1,437 samples``."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def amount(size: float) -> str:
    """Bytes as ``1.3 GiB``."""
    size = math.ceil(size)
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 3)
    return f"{size / 1024**power:,.1f} {('KiB', 'MiB', 'GiB')[power - 1]}"


def duration(seconds: float) -> str:
    """``0.3 s``, ``86 s``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{max(seconds, 0.01):.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def durations(seconds: Iterable[float], whole: float) -> list[str]:
    """Parts of ``whole`` in one unit and with as many places each, so that they seem to add up."""
    size, unit = (1, "s") if whole < 120 else (60, "min") if whole < 7200 else (3600, "h")
    places = 1 if whole >= size else 2 if whole >= 0.1 * size else 3
    return [f"{part / size:.{places}f} {unit}" for part in seconds]


def percentages(parts: Iterable[float]) -> list[str]:
    """Of their sum, in whole percents that add up to 100: those cut by most are rounded up."""
    sizes = [*parts]
    exact = [100 * size / sum(sizes) for size in sizes]
    order = sorted(range(len(exact)), key=lambda place: math.floor(exact[place]) - exact[place])
    up = {*order[: 100 - sum(map(math.floor, exact))]}
    return [f"{math.floor(share) + (place in up)} %" for place, share in enumerate(exact)]


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Names in the order a person puts them: 2 before 10."""
    # Longer runs of digits are cut: turning thousands of digits into a number is refused.
    pieces = re.split(r"(\d{1,18})", name)
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces], name
