"""What changed between runs, and by which factor: a mark for every run and metric."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from nctool.core.text import count
from nctool.render.panels import style
from nctool.render.summary import ARROWS
from nctool.report.comparison import Change, Comparison, Row, arranged

LINE, AROUND = 0.155, 1.35
"""Inches of one metric, and of everything else."""
MOST_ROWS, MOST_RUNS = 80, 24
"""More do not fit on a page, and no eye tells their marks apart."""
FEW = 6
APART = 0.45
"""Marks of one row spread over so much of its height, so that none hides another."""
WORDS = ("more collapsed", "less collapsed", "within tolerance")
LEGEND = (
    "↓ lower is more collapsed, ↑ higher is. Filled: more collapsed than the baseline; "
    "open: less; pale: within tolerance."
)


def draw(found: Comparison) -> Figure:
    changed = arranged(found, only_changed=True).rows
    rows = [row for row in changed if any(map(placed, row.changes))]
    runs = [place for place in range(len(found.runs)) if place != found.baseline]
    base = style.short(found.runs[found.baseline].name)
    shown = _largest(found, rows)
    names = -(-min(len(runs), MOST_RUNS) // 3)
    figure = style.sheet(max(1.6, LINE * (len(shown) + names) + AROUND))
    axes = figure.subplots()
    if not shown:
        style.empty(axes, "no number changed by more than the tolerance")
        return figure
    for order, place in enumerate(runs[:MOST_RUNS]):
        aside = APART * ((order + 0.5) / min(len(runs), MOST_RUNS) - 0.5)
        for word in WORDS:
            here = [
                (row.changes[place].ratio or 1.0, height + aside)
                for height, row in enumerate(shown)
                if placed(row.changes[place]) and row.changes[place].word == word
            ]
            if here:
                _marks(axes, here, word, order)
    _frame(axes, shown)
    axes.set_xlabel(f"ratio to the baseline, {base}")
    _legend(figure, [style.short(found.runs[place].name) for place in runs[:MOST_RUNS]])
    notes = [*_left_out(rows, shown, changed, runs)]
    if notes:
        figure.supxlabel("\n".join(notes), x=0.01, ha="left", fontsize=6.5, color=style.FAINT)
    return figure


def placed(change: Change) -> bool:
    """Has it a place on a logarithmic axis?"""
    return change.ratio is not None and change.ratio > 0


def _largest(found: Comparison, rows: Sequence[Row]) -> list[Row]:
    """All of them, or those that changed most, in the order of the document."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    ordered = [row.metric.id for row in arranged(found, by="change").rows]
    order = {name: place for place, name in enumerate(ordered)}
    kept = {row.metric.id for row in sorted(rows, key=lambda row: order[row.metric.id])[:MOST_ROWS]}
    return [row for row in rows if row.metric.id in kept]


def _looks(order: int) -> tuple[str, str]:
    return style.COLOURS[order % 6], style.MARKS[order % 7]


def _marks(axes: Axes, places: Sequence[tuple[float, float]], word: str, order: int) -> None:
    colour, mark = _looks(order)
    filled = word == "more collapsed"
    axes.plot(
        [x for x, _ in places], [y for _, y in places], marker=mark, ms=4.5, ls="", mec=colour,
        mew=1, mfc=colour if filled else "white", zorder=4 if filled else 3,
        alpha=0.4 if word == "within tolerance" else 1,
    )  # fmt: skip


def _frame(axes: Axes, rows: Sequence[Row]) -> None:
    axes.axvline(1, color=style.INK, lw=0.8, zorder=2)
    axes.set_xscale("log")
    ratios = [one.ratio for row in rows for one in row.changes if one.ratio and one.ratio > 0]
    low, high = min(1.0, *ratios, 1.0), max(1.0, *ratios, 1.0)
    style.decades(axes.xaxis, low, high)
    if high / low < 1.5:
        style.plain(axes.xaxis)
        axes.xaxis.set_minor_locator(NullLocator())
    names = [
        f"{style.short(one.metric.id, 40)} {ARROWS[one.metric.toward_collapse]}" for one in rows
    ]
    axes.set_yticks(range(len(rows)), names, fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _legend(figure: Figure, names: Sequence[str]) -> None:
    handles = [
        Line2D([], [], ls="", marker=mark, ms=4.5, mec=colour, mfc=colour, label=name)
        for name, (colour, mark) in zip(names, map(_looks, range(len(names))), strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, borderaxespad=0)


def _left_out(
    rows: Sequence[Row], shown: Sequence[Row], changed: Sequence[Row], runs: Sequence[int]
) -> list[str]:
    """What the drawing does not show, in words."""
    notes = [LEGEND]
    hidden = [row.metric.id for row in changed if row not in rows]
    if hidden:
        more = f" and {len(hidden) - FEW:,} more" if len(hidden) > FEW else ""
        told = ", ".join(style.short(one, 40) for one in hidden[:FEW])
        notes.append(f"Changed too, without a positive ratio: {told}{more}.")
    if len(rows) > len(shown):
        notes.append(f"The {len(shown)} largest of {len(rows):,} changes.")
    if len(runs) > MOST_RUNS:
        notes.append(f"The first {MOST_RUNS} of {count(len(runs), 'run')}.")
    return notes
