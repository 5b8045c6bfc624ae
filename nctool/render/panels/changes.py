"""What changed between runs, and by which factor: a mark for every run and metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from nctool.core.text import count
from nctool.render.panels import style
from nctool.render.values.changes import WORDS, Factors, factors, has_factor
from nctool.render.values.words import ARROWS
from nctool.report.comparison import Comparison

LINE, AROUND = 0.155, 1.35
"""Inches of one metric, and of everything else."""
MOST_ROWS, MOST_RUNS = 80, 24
"""More do not fit on a page, and no eye tells their marks apart."""
FEW = 6
APART = 0.45
"""Marks of one row spread over so much of its height, so that none hides another."""
LEGEND = (
    "↓ lower is more collapsed, ↑ higher is. Filled: more collapsed than the baseline; "
    "open: less; pale: within tolerance."
)


def draw(comparison: Comparison) -> Figure:
    changed = factors(comparison, MOST_ROWS, MOST_RUNS)
    lines = len(changed.rows) - (-len(changed.runs) // 3)  # the legend has three names in a line
    figure = style.sheet(max(1.6, LINE * lines + AROUND))
    axes = figure.subplots()
    if not changed.rows:
        style.empty(axes, "no number changed by more than the tolerance")
        return figure
    for order, index in enumerate(changed.runs):
        aside = APART * ((order + 0.5) / len(changed.runs) - 0.5)
        for word in WORDS:
            places = [
                (row.changes[index].ratio or 1.0, height + aside)
                for height, row in enumerate(changed.rows)
                if has_factor(row.changes[index]) and row.changes[index].word == word
            ]
            if places:
                _marks(axes, places, word, order)
    _frame(axes, changed)
    base = style.short(comparison.runs[comparison.baseline].name)
    axes.set_xlabel(f"ratio to the baseline, {base}")
    _legend(figure, [style.short(comparison.runs[index].name) for index in changed.runs])
    notes = "\n".join(_notes(changed))
    figure.supxlabel(notes, x=0.01, ha="left", fontsize=6.5, color=style.FAINT)
    return figure


def _looks(order: int) -> tuple[str, str]:
    """A colour and a mark; six and seven repeat together only after 42 runs."""
    return style.COLOURS[order % 6], style.MARKS[order % 7]


def _marks(axes: Axes, places: Sequence[tuple[float, float]], word: str, order: int) -> None:
    colour, mark = _looks(order)
    filled = word == "more collapsed"
    axes.plot(
        [x for x, _ in places], [y for _, y in places], marker=mark, ms=4.5, ls="", mec=colour,
        mew=1, mfc=colour if filled else "white", zorder=4 if filled else 3,
        alpha=0.4 if word == "within tolerance" else 1,
    )  # fmt: skip


def _frame(axes: Axes, changed: Factors) -> None:
    axes.axvline(1, color=style.INK, lw=0.8, zorder=2)
    axes.set_xscale("log")
    style.decades(axes.xaxis, changed.low, changed.high)
    if changed.high / changed.low < 1.5:
        style.plain(axes.xaxis)
        axes.xaxis.set_minor_locator(NullLocator())
    metrics = [row.metric for row in changed.rows]
    names = [f"{style.short(each.id, 40)} {ARROWS[each.toward_collapse]}" for each in metrics]
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _legend(figure: Figure, names: Sequence[str]) -> None:
    handles = [
        Line2D([], [], ls="", marker=mark, ms=4.5, mec=colour, mfc=colour, label=name)
        for name, (colour, mark) in zip(names, map(_looks, range(len(names))), strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, borderaxespad=0)


def _notes(changed: Factors) -> Iterator[str]:
    """How to read the marks, and what the drawing does not show."""
    yield LEGEND
    hidden = changed.unplaced
    if hidden:
        more = f" and {len(hidden) - FEW:,} more" if len(hidden) > FEW else ""
        names = ", ".join(style.short(name, 40) for name in hidden[:FEW])
        yield f"Changed too, without a positive ratio: {names}{more}."
    if changed.all_rows > len(changed.rows):
        yield f"The {len(changed.rows)} largest of {changed.all_rows:,} changes."
    if changed.all_runs > len(changed.runs):
        yield f"The first {len(changed.runs)} of {count(changed.all_runs, 'run')}."
