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
    mantissa, mark, power = number(value, digits).partition("e")
    return (f"{mantissa}×{power_of_ten(int(power))}" if mark else mantissa).replace("-", "−")


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
        return f"{value:.{decimals}f}".replace("-", "−")
    if value == 0:
        return "0"
    mantissa, _, power = f"{value:.2e}".partition("e")
    return f"{mantissa.replace('-', '−')}×{power_of_ten(int(power))}"


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
