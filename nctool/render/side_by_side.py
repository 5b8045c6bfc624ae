"""A comparison as lines: what differs between the runs, then every number against the baseline."""

from __future__ import annotations

from collections.abc import Iterator

from nctool.core.text import count, number
from nctool.render.lines import BLANK, Line, line, table, wrapped
from nctool.render.values.changes import others
from nctool.report.changes import Change
from nctool.report.comparison import Comparison, Row
from nctool.report.moves import LESS, MORE

SIGNS = {
    "more collapsed": "more", "less collapsed": "less", "within tolerance": "same",
    "not comparable": "n/a", "baseline": "",
}  # fmt: skip


def lines(comparison: Comparison, width: int) -> list[Line]:
    """Runs, differences, then a table; with many runs, a table for each of them."""
    out = [
        text for said in comparison.sentences if said for text in wrapped(said, width, "", "title")
    ]
    out += [BLANK, *_runs(comparison), BLANK, *_differences(comparison, width)]
    if not comparison.rows:
        return [*out, line("  nothing changed by more than the tolerance")]
    for index, run in others(comparison):
        rows = [["", "baseline", "run", "delta", "ratio", ""]]
        rows += [_cells(row, comparison.baseline, index) for row in comparison.rows]
        out.append(line((run.name, "title"), ("  against the baseline", "faint")))
        out += [*table(rows, "<>>>><", heads=True), BLANK]
    legend = "more, less: collapsed than the baseline; same: within tolerance or interval. "
    legend += "Ratio: run over baseline. ~ moved, though the intervals overlap."
    return [*out, *wrapped(legend, width - 2, "  ", "faint")]


def _runs(comparison: Comparison) -> Iterator[Line]:
    yield line((count(len(comparison.runs), "run"), "title"))
    for index, run in enumerate(comparison.runs):
        mark = "  baseline" if index == comparison.baseline else ""
        data = run.report.data
        size = f"{data['n']:,} samples, " if data.get("n") else ""
        yield line(f"  {run.name}  ", (f"{size}K = {data['k']:,}{mark}", "faint"))


def _differences(comparison: Comparison, width: int) -> Iterator[Line]:
    if not comparison.differences:
        return
    yield line(("Not the same in all runs", "warning"))
    for difference in comparison.differences:
        text = f"{difference.what}: {' | '.join(difference.values)}"
        yield from wrapped(text, width - 2, "  ")
    yield BLANK


def _cells(row: Row, baseline: int, index: int) -> list[str]:
    base, change = row.changes[baseline], row.changes[index]
    word = SIGNS[change.word]
    if change.overlap and change.word in (MORE, LESS):
        word += " ~"
    sign = "+" if change.delta is not None and change.delta > 0 else ""
    delta = "" if change.delta is None else sign + number(change.delta, 3)
    return [
        row.metric.id, _with_spread(base), _with_spread(change), delta,
        "" if change.ratio is None else number(change.ratio, 3), word,
    ]  # fmt: skip


def _with_spread(change: Change) -> str:
    text = number(change.value)
    return text if change.spread is None else f"{text} ± {number(change.spread, 2)}"
