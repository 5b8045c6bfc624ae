"""How the margins of the classes spread, and the best that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from nctool.core.text import number
from nctool.render.panels import style
from nctool.report import Report, Result

PREFIX = "gnc2.margin."
NAMES = {"means": "class means", "weights": "classifier rows"}
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
    known = [one for one in report if one.id.startswith(PREFIX) and one.distribution][:2]
    if not known:
        style.empty(axes, _why_none(report))
        return
    values = [[each for each in one.per_class or () if each is not None] for one in known]
    low, high = _ends(known)
    if all(values):
        _bars(axes, known, values, (low, high))
    else:
        _boxes(axes, known)
    _best(axes, known)
    axes.set_xlim(low, high)
    style.plain(axes.xaxis, 5)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left")


def _why_none(report: Report) -> str:
    found = sorted({one.reason for one in report if one.id.startswith(PREFIX) and one.reason})
    return "\n".join(style.folded(one) for one in found[:3]) or "no margins were computed"


def _ends(known: Sequence[Result]) -> tuple[float, float]:
    ends = [end for one in known if (s := one.distribution) for end in (s.min, s.max)]
    ends += [one.best_known.value for one in known if one.best_known is not None]
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _bars(
    axes: Axes,
    known: Sequence[Result],
    values: Sequence[Sequence[float]],
    ends: tuple[float, float],
) -> None:
    most = max(map(len, values))
    edges = np.linspace(*ends, max(12, min(40, round(2 * math.sqrt(most)))) + 1)
    highest = 0
    for place, (one, each) in enumerate(zip(known, values, strict=True)):
        counts, _ = np.histogram(each, edges)
        highest = max(highest, int(counts.max()))
        colour = style.COLOURS[place]
        axes.stairs(
            counts, edges, fill=True, facecolor=(colour, 0.28), edgecolor=colour, lw=1.1,
            hatch=HATCHES[place], label=_name(one),
        )  # fmt: skip
    axes.set_ylim(0, 1.45 * highest)
    axes.set_ylabel("classes")
    style.plain(axes.yaxis, 4, whole=True)
    axes.set_xlabel(ACROSS)


def _boxes(axes: Axes, known: Sequence[Result]) -> None:
    """Without its values a distribution is nine classes in ten, the median, and the ends."""
    for place, one in enumerate(known):
        spread, colour = one.distribution, style.COLOURS[place]
        assert spread is not None
        for left, right in ((spread.min, spread.p05), (spread.p95, spread.max)):
            axes.plot([left, right], [place, place], color=colour, lw=1.1)
        axes.barh(
            place, spread.p95 - spread.p05, left=spread.p05, height=0.5, lw=1.1,
            facecolor=(colour, 0.28), edgecolor=colour, hatch=HATCHES[place],
        )  # fmt: skip
        axes.plot([spread.p50, spread.p50], [place - 0.25, place + 0.25], color=style.INK)
    axes.set_yticks(range(len(known)), [_name(one).replace(" ", "\n") for one in known])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(known) - 0.4, -1.3)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{ACROSS}\nbox: nine classes in ten, and the median")


def _best(axes: Axes, known: Sequence[Result]) -> None:
    """One line for each optimum; usually means and rows have the same."""
    best = {one.best_known.value: one.best_known.source for one in known if one.best_known}
    for value, source in best.items():
        word = BEST.get(source.partition(":")[0], "best known")
        axes.axvline(
            value, color=style.INK, lw=1, ls=style.UPRIGHT, label=f"least: {word}, {number(value)}"
        )


def _name(one: Result) -> str:
    kind = one.id.removeprefix(PREFIX)
    return NAMES.get(kind, style.short(kind))
