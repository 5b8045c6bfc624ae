"""A comparison on one screen: a sentence, the runs, and the dials that moved."""

from __future__ import annotations

from nctool.core.text import one_line, shortened
from nctool.render import gates
from nctool.render.bars import CELLS, HEADS, drawn
from nctool.render.lines import BLANK, Line, columns, line
from nctool.render.parts import (
    ASIDE,
    Part,
    all_folded,
    cut,
    fitting,
    folded,
    most_lines,
)
from nctool.render.parts import drawn as drawn_parts
from nctool.render.values.changes import MovedDial, moved_dials, others
from nctool.render.values.dials import place
from nctool.report.comparison import Comparison
from nctool.report.moves import standing
from nctool.report.runs import Run
from nctool.report.sentence import NO_VERDICT, ROWS_ALONE, dial_name, percent
from nctool.report.verdict import Dial

LONGEST = 24
"""Characters of a run's name in a table."""
BEFORE, NOW = "○", "●"
NINES = 7
"""Columns of the nines that were gained."""
NEXT = "All numbers: --all    what changed: --all --only-changed    a page: -o report.html"


def lines(comparison: Comparison, width: int, *, gated: bool = True) -> list[Line]:
    """At most 24 lines from 80 columns on: of two runs the dials, of more a line for each.

    Gates are left out unless ``gated``: where all of them stand in a table below.
    """
    compared = others(comparison)
    alone = compared[0][0] if len(compared) == 1 else None
    text = standing(comparison) if alone is None else comparison.sentences[alone] or ""
    out = [line((part, "title")) for part in folded(text, width)]
    room = width - ASIDE
    unlike = [f"{each.what}: {' | '.join(each.values)}" for each in comparison.differences]
    parts = [
        Part("Not alike", [cut(each, room) for each in unlike], "warning"),
        Part("Gates", all_folded(gates.summary(comparison), room) if gated else [], "warning"),
    ]
    below = sum(len(part.texts) for part in parts)
    spare = most_lines(width) - len(out) - 3 - min(below, 8) - bool(below)
    runs = _runs(comparison, width)
    if len(runs) > spare:
        runs = [*runs[: spare - 1], line(f"{len(runs) - spare + 1} more: --all")]
    out += [BLANK, *runs]
    if alone is not None and (dials := _dials(comparison, alone, width)):
        out += [BLANK, *dials]
    parts = fitting(parts, most_lines(width) - len(out) - 3)
    if any(part.texts for part in parts):
        out += [BLANK, *drawn_parts(parts)]
    hints = NEXT.split("    ")
    while len(hints) > 1 and len("    ".join(hints)) > width:
        hints.pop()
    return [*out, BLANK, line(("    ".join(hints), "faint"))]


def _runs(comparison: Comparison, width: int) -> list[Line]:
    """The baseline, then one line for each run: its verdict, and what moved by how many nines."""
    several = len(comparison.runs) > 2
    rows = [["", "verdict", "weakest", "moved, in nines"] if several else [""] * 4]
    for index in [comparison.baseline, *(index for index, _ in others(comparison))]:
        run = comparison.runs[index]
        # Of two runs the dials that moved stand below, one to a line.
        dials = moved_dials(comparison, index) if several else []
        steps = ", ".join(f"{dial.name} {_step(dial)}" for dial in dials)
        note = (
            "baseline" if index == comparison.baseline else steps or ("the same" if several else "")
        )
        rows.append([shortened(one_line(run.name), LONGEST), *_verdict(run), note])
    heads, *rest = [cut(text, width) for text in columns(rows, "<<><")]
    # Two lines explain themselves.
    return [*([line((heads, "faint"))] if several else []), *map(line, rest)]


def _step(dial: MovedDial) -> str:
    """The nines that were gained; between something and nothing left there is no number."""
    if dial.change.nines is None:
        return "complete" if dial.change.word == "more collapsed" else "incomplete"
    return f"{dial.change.nines:+.2g}"


def _verdict(run: Run) -> list[str]:
    verdict = run.report.verdict
    weakest = None if verdict is None else verdict.dial(verdict.weakest)
    if verdict is None or weakest is None:
        return [NO_VERDICT, ""]
    without = ROWS_ALONE if verdict.so_far == "no-features" else NO_VERDICT
    return [
        (verdict.word or without).upper(),
        f"{percent(weakest.way, weakest.left)} {dial_name(weakest.id)}",
    ]


def _dials(comparison: Comparison, index: int, width: int) -> list[Line]:
    """The dials that moved, each from where it was to where it is."""
    names, marks, texts, steps = [], [], [], []
    for dial in moved_dials(comparison, index):
        names.append(dial.name)
        marks.append([(BEFORE, place(dial.before.left)), (NOW, place(dial.now.left))])
        texts.append(f"{_way(dial.before).removesuffix(' %')} → {_way(dial.now)}")
        steps.append("" if dial.change.nines is None else _step(dial))
    return _rows(names, marks, texts, steps, width)


def _rows(
    names: list[str], marks: list[list[tuple[str, float]]], texts: list[str], steps: list[str],
    width: int,
) -> list[Line]:  # fmt: skip
    """Of too little room the nines go first, then the bars."""
    if not names:
        return []
    legend = f"{BEFORE} baseline {NOW} run "
    aside, wide = max(map(len, [*names, legend])), max(map(len, texts))
    room = width - (aside + 1 + CELLS + 2 + wide)
    out = []
    if room < 0:
        aside = max(map(len, names))
    else:
        heads = f"{legend:<{aside}}{HEADS}"
        heads = f"{heads:<{width - room}}" + ("  nines" if room >= NINES else "")
        out.append(line((heads.rstrip(), "faint")))
    for name, signs, text, step in zip(names, marks, texts, steps, strict=True):
        bar = f" {drawn(signs)}  " if room >= 0 else "  "
        after = f"{step:>{NINES}}" if room >= NINES else ""
        out.append(line(f"{name:<{aside}}{bar}{text:>{wide}}{after}".rstrip()))
    return out


def _way(dial: Dial) -> str:
    return percent(dial.way, dial.left)
