"""A comparison as lines: what differs between the runs, then every number against the baseline."""

from __future__ import annotations

from collections.abc import Iterator

from nctool.core.text import count, number, one_line
from nctool.render.lines import BLANK, Line, columns, line, wrapped
from nctool.report.comparison import Change, Comparison, Row

SIGNS = {
    "more collapsed": "more", "less collapsed": "less", "within tolerance": "same",
    "not comparable": "n/a", "baseline": "",
}  # fmt: skip


def lines(found: Comparison, width: int) -> list[Line]:
    """Runs, differences, then a table; with many runs, a table for each of them."""
    out: list[Line] = [*_runs(found, width), BLANK]
    out += [*_differences(found, width)]
    if not found.rows:
        return [*out, line("  nothing changed by more than the tolerance")]
    for place, run in enumerate(found.runs):
        if place != found.baseline:
            out += [line((one_line(run.name), "title"), ("  against the baseline", "faint"))]
            out += [*_table(found, place), BLANK]
    legend = "more, less: collapsed than the baseline; same: within tolerance. "
    return [*out, *wrapped(legend + "Ratio: run over baseline.", width - 2, "  ", "faint")]


def _runs(found: Comparison, width: int) -> Iterator[Line]:
    yield line((f"{count(len(found.runs), 'run')}", "title"))
    for place, run in enumerate(found.runs):
        mark = "baseline" if place == found.baseline else ""
        data = run.report.data
        size = f"{data['n']:,} samples, " if data.get("n") else ""
        yield line(
            f"  {one_line(run.name)}  ", (f"{size}K = {data['k']:,}  {mark}".rstrip(), "faint")
        )


def _differences(found: Comparison, width: int) -> Iterator[Line]:
    if not found.differences:
        return
    yield line(("Not the same in all runs", "warning"))
    for one in found.differences:
        values = " | ".join(one_line(value) for value in one.values)
        yield from wrapped(f"{one_line(one.what)}: {values}", width - 2, "  ")
    yield BLANK


def _table(found: Comparison, place: int) -> Iterator[Line]:
    rows = [["", "baseline", "run", "delta", "ratio", ""]]
    rows += [_cells(row, row.changes[found.baseline], row.changes[place]) for row in found.rows]
    texts = columns(rows, "<>>>><")
    yield line("  ", (texts[0], "faint"))
    for text in texts[1:]:
        yield line("  " + text)


def _cells(row: Row, base: Change, change: Change) -> list[str]:
    word = SIGNS[change.word]
    if change.overlap is not None:
        word += ", intervals overlap" if change.overlap else ", intervals apart"
    sign = "+" if change.delta is not None and change.delta > 0 else ""
    delta = "" if change.delta is None else sign + number(change.delta, 3)
    return [
        row.metric.id, _with_spread(base), _with_spread(change), delta,
        "" if change.ratio is None else number(change.ratio, 3), word,
    ]  # fmt: skip


def _with_spread(change: Change) -> str:
    text = number(change.value)
    return text if change.spread is None else f"{text} ± {number(change.spread, 2)}"
