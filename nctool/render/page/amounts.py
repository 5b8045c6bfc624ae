"""Numbers as a page shows them: true minus signs, powers of ten, aligned at their points."""

from __future__ import annotations

from markupsafe import Markup

from nctool.core.text import number
from nctool.render.values.words import power_of_ten

NONE = "–"
WIDEST = 1e7
"""From here on the numbers of a column would have more digits than anybody counts."""


def said(value: float | None, digits: int = 4) -> str:
    """``−0.0523``, ``9.87×10⁻⁵``."""
    return _typeset(number(value, digits))


def _typeset(text: str) -> str:
    mantissa, mark, power = text.partition("e")
    return (f"{mantissa}×{power_of_ten(int(power))}" if mark else mantissa).replace("-", "−")


def plain(value: object) -> str:
    """Any value of a document in a line of text."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return said(value)
        case list() | tuple():
            return ", ".join(map(plain, value))
        case _:
            return str(value)


def aligned(value: float | None, digits: int = 4, mark: str = "") -> Markup:
    """The same with what comes after the point in a box of its own, all as wide."""
    text = said(value, digits)
    # Set flush right with the rest in a box of one width, numbers stand under their points.
    point = next((sign for sign in ".×" if sign in text), "")
    whole = text.partition(point)[0] if point else text
    rest = text[len(whole) :] + mark
    return Markup('<span class="n">{}<span>{}</span></span>').format(whole, rest)


def fixed(value: float | None, decimals: int | None) -> str:
    """As all numbers of one column are written: to so many decimals, or as powers of ten."""
    if value is None:
        return NONE
    if decimals is not None:
        return _typeset(f"{value:.{decimals}f}")
    return _typeset(f"{value:.2e}") if value else "0"


def decimals_for(values: list[float], digits: int = 4) -> int | None:
    """Decimals that show the largest with so many digits, and nearly all with two; else None."""
    sizes = sorted(abs(value) for value in values if value)
    if not sizes:
        return 0
    # One in ten may show fewer digits: a single tiny value would make a column of exponents.
    small, large = sizes[len(sizes) // 10], sizes[-1]
    for decimals in range(7):
        if large * 10**decimals >= 10 ** (digits - 1) and small * 10**decimals >= 10:
            return decimals if large * 10**decimals < WIDEST else None
    return None
