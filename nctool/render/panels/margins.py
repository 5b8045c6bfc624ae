"""How the margins of the classes spread, and the best that is known."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from nctool.core.text import number
from nctool.render.panels import style
from nctool.render.values import margins as values
from nctool.render.values.margins import Margins
from nctool.render.values.words import POINTS
from nctool.report import Report

HATCHES = ("", "////")
BEST = {
    "exact": "best possible", "proven": "best possible", "best-found": "best found",
    "bound": "none can exceed it",
}  # fmt: skip
"""How the reference of a least margin is known, in the words of a legend."""
TITLE = "Margin of each class against the rest"
ACROSS = "distance to the hull of the other classes"


def draw(axes: Axes, report: Report) -> None:
    axes.set_title(TITLE)
    sets = values.margins(report)[: len(HATCHES)]
    if not sets:
        reasons = values.reasons(report)[:3]
        style.empty(axes, "\n".join(map(style.folded, reasons)) or "no margins were computed")
        return
    low, high = values.ends(sets)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - room, high + room
    if all(margins.values for margins in sets):
        _bars(axes, sets, low, high)
    else:
        _boxes(axes, sets)
    _best(axes, sets)
    axes.set_xlim(low, high)
    style.plain(axes.xaxis, 5)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left")


def _bars(axes: Axes, sets: Sequence[Margins], low: float, high: float) -> None:
    # The same bins for both sets, so that their bars can be compared.
    bins = values.bins_for(max(len(margins.values) for margins in sets))
    highest = 0
    for place, margins in enumerate(sets):
        counts, edges = values.histogram(margins.values, low, high, bins)
        highest = max(highest, *counts)
        colour = style.COLOURS[place]
        axes.stairs(
            counts, edges, fill=True, facecolor=(colour, 0.28), edgecolor=colour, lw=1.1,
            hatch=HATCHES[place], label=_name(margins),
        )  # fmt: skip
    axes.set_ylim(0, 1.45 * highest)
    axes.set_ylabel("classes")
    style.plain(axes.yaxis, 4, whole=True)
    axes.set_xlabel(ACROSS)


def _boxes(axes: Axes, sets: Sequence[Margins]) -> None:
    """Without its values a distribution is nine classes in ten, the median, and the ends."""
    for place, margins in enumerate(sets):
        spread, colour = margins.spread, style.COLOURS[place]
        for left, right in ((spread.min, spread.p05), (spread.p95, spread.max)):
            axes.plot([left, right], [place, place], color=colour, lw=1.1)
        axes.barh(
            place, spread.p95 - spread.p05, left=spread.p05, height=0.5, lw=1.1,
            facecolor=(colour, 0.28), edgecolor=colour, hatch=HATCHES[place],
        )  # fmt: skip
        axes.plot([spread.p50, spread.p50], [place - 0.25, place + 0.25], color=style.INK)
    axes.set_yticks(range(len(sets)), [_name(margins).replace(" ", "\n") for margins in sets])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(sets) - 0.4, -1.3)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{ACROSS}\nbox: nine classes in ten, and the median")


def _best(axes: Axes, sets: Sequence[Margins]) -> None:
    """One line for each optimum; usually means and rows have the same."""
    best = {each.value: each.source for margins in sets if (each := margins.result.best_known)}
    for value, source in best.items():
        word = BEST.get(source.partition(":")[0], "best known")
        axes.axvline(
            value, color=style.INK, lw=1, ls=style.UPRIGHT, label=f"least: {word}, {number(value)}"
        )


def _name(margins: Margins) -> str:
    return POINTS.get(margins.kind) or style.short(margins.kind)
