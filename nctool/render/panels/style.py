"""How every figure looks: sizes for a printed page, colours and marks that survive grey paper."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import (
    Formatter,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from nctool.core.text import count, number, one_line
from nctool.render.values.words import moment, power_of_ten
from nctool.report import Report

WIDTH = 6.75
"""Inches: the text of a printed page, or two columns of it."""
DOTS = 200
"""Per inch, where a figure has dots at all."""
INK, FAINT, PHASE = "#222222", "#767676", "#f5f1e8"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", INK)
"""Okabe and Ito's colours (2008), which people with any colour vision tell apart."""
MARKS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)))
BETWEEN = (
    (1.7, (1.0,)), (0.9, (1.0, 2.0, 5.0)), (0.45, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)),
    (0.0, (1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)),
)  # fmt: skip
"""Which numbers of a decade are written on an axis, by how many decades it has."""
UPRIGHT = (0, (4.0, 2.0))
"""A line that stands for a reference."""
LONGEST = 28
"""Letters of a name; a longer one keeps its beginning and its end."""
FONT = "DejaVu Sans"
LOOK: Mapping[Any, Any] = {
    "font.family": FONT, "font.size": 8, "text.color": INK, "text.parse_math": False,
    "axes.titlesize": 8.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.labelsize": 8, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "axes.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#e4e4e4", "grid.linewidth": 0.5,
    "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5, "ytick.labelsize": 7.5, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "xtick.minor.width": 0.4, "ytick.minor.width": 0.4,
    "lines.linewidth": 1.4, "lines.markersize": 4, "legend.frameon": True,
    "legend.facecolor": "white", "legend.edgecolor": "none", "legend.framealpha": 0.85,
    "legend.fontsize": 7.5, "legend.handlelength": 2.6, "hatch.linewidth": 0.5,
    "figure.dpi": DOTS, "savefig.dpi": DOTS, "pdf.fonttype": 42, "svg.fonttype": "path",
    "svg.hashsalt": "nctool",
}  # fmt: skip
METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"Creator": "nctool", "Producer": None, "CreationDate": None},
    "svg": {"Creator": "nctool", "Date": None},
    "png": {"Software": "nctool"},
}
"""No dates and no versions: the same document gives the same file."""


@contextmanager
def look() -> Iterator[None]:
    """Ours alone, whatever the reader's own settings are; they are back afterwards."""
    with matplotlib.rc_context():
        # A reader's own file of settings would change every figure.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        yield


def sheet(height: float) -> Figure:
    """An empty page of the common width."""
    # Not through pyplot, which keeps every figure and may choose a window system.
    return Figure(figsize=(WIDTH, height), layout="constrained")


def saved(figure: Figure, kind: str) -> bytes:
    """The file: vectors with their fonts, or dots."""
    out = io.BytesIO()
    figure.savefig(out, format=kind, metadata=METADATA[kind])
    return out.getvalue()


def harmless(text: str) -> str:
    """Untrusted text on one line, in letters that the font has."""
    # A letter that is missing from the font would be drawn as a box, with a warning.
    known = _letters()
    signs = one_line(text)
    return "".join(sign if ord(sign) in known else f"\\x{ord(sign):02x}" for sign in signs)


def short(text: str, longest: int = LONGEST) -> str:
    """A name that leaves room for the drawing."""
    text = harmless(text)
    end = longest * 2 // 3
    return text if len(text) <= longest else f"{text[: longest - end - 1]}…{text[-end:]}"


@cache
def _letters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=FONT))).get_charmap())


def folded(text: str) -> str:
    """A sentence, in lines that fit into a panel."""
    lines = textwrap.wrap(harmless(text), 44, max_lines=6, placeholder=" …")
    return "\n".join(lines)


def empty(axes: Axes, why: str, title: str = "") -> None:
    """A panel without a drawing says why it has none."""
    if title:
        axes.set_title(title)
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, why, ha="center", va="center", color=FAINT, fontsize=7.5,
        transform=axes.transAxes,
    )  # fmt: skip


def caption(figure: Figure, report: Report) -> None:
    """How much of what, at which moment, above all panels."""
    data = report.data
    samples = f"{count(data['n'], 'sample')}, " if data.get("n") else ""
    size = f"{samples}{count(data['k'], 'class', 'classes')}, d = {data['d']:,}"
    text = short(" · ".join([size, *moment(report)]), 100)
    figure.suptitle(text, x=0.01, ha="left", fontsize=7.5, color=FAINT)


class Plain(Formatter):
    """Numbers with the same decimals, as few as tell them apart."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        return short_number(value)

    def format_ticks(self, values: list[float]) -> list[str]:
        for digits in range(6):
            if all(abs(value - round(value, digits)) < 1e-9 for value in values):
                return [f"{value + 0.0:,.{digits}f}".replace("-", "−") for value in values]
        return [*map(short_number, values)]


def plain(axis: Axis, most: int = 6, whole: bool = False) -> None:
    """A linear axis with few round numbers."""
    axis.set_major_locator(MaxNLocator(most, integer=whole, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(Plain())


def decades(axis: Axis, low: float, high: float) -> None:
    """A logarithmic axis: powers of ten, and the numbers between them where there are few."""
    span = math.log10(high / low)
    subs = next(kept for least, kept in BETWEEN if span >= least)
    axis.set_major_locator(LogLocator(subs=subs, numticks=8))
    if 1.7 < span < 6:
        axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=60))
    else:
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))


def power(value: float) -> str:
    """``0.01``, ``10⁻⁴``, ``2×10⁻⁴``."""
    if value <= 0 or 0.999e-3 < value < 1e5:
        return short_number(value)
    # A tick may lie a rounding error below its power of ten.
    size = math.floor(math.log10(value) + 1e-9)
    ten = power_of_ten(size)
    first = value / 10**size
    return ten if abs(first - 1) < 1e-6 else f"{number(first, 2)}×{ten}"


def short_number(value: float) -> str:
    """Four digits; what rounding left of a zero is zero."""
    return number(0.0 if abs(value) < 1e-12 else value).replace("-", "−")
