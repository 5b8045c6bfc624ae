"""Which dials moved between a run and the baseline, and the sentence that says so."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nctool.core.text import count, one_line, shortened
from nctool.report.sentence import dial_name
from nctool.report.verdict import PREFIX, WEAKEST

if TYPE_CHECKING:
    from nctool.report.changes import Change
    from nctool.report.comparison import Comparison, Row
    from nctool.report.runs import Run

MORE, LESS = "more collapsed", "less collapsed"
BACK = {MORE: "further", LESS: "back"}
DIRECTIONS = {
    MORE: MORE, LESS: LESS, "mixed": "more in some parts and less in others", "same": "the same",
}  # fmt: skip
LONGEST = 60
"""Characters of a run's name in a sentence."""
NAMED = 3
"""Dials that a sentence names, those that moved furthest first."""


def dial_rows(comparison: Comparison) -> tuple[Row, ...]:
    """The rows of dials; the weakest is one of them."""
    return tuple(
        row for row in comparison.rows
        if row.metric.id.startswith(PREFIX) and row.metric.id != WEAKEST
    )  # fmt: skip


def moved(comparison: Comparison, index: int) -> list[tuple[str, Change]]:
    """The dials of a run that are not where the baseline's are, furthest first."""
    changes = [(row.metric.id, row.changes[index]) for row in dial_rows(comparison)]
    changes = [(name, change) for name, change in changes if change.word in (MORE, LESS)]
    return sorted(changes, key=lambda each: -_size(each[1]))


def _size(change: Change) -> float:
    return math.inf if change.nines is None else abs(change.nines)


def sentence_of(comparison: Comparison, index: int) -> str:
    """``b is less collapsed than a in NC1: 1.8 nines back; all else the same``."""
    run, base = comparison.runs[index], comparison.runs[comparison.baseline]
    name, baseline = _called(run), _called(base)
    for each, called in ((run, name), (base, baseline)):
        verdict = each.report.verdict
        if verdict is not None and verdict.withheld:
            return f"no verdict on {called} ({verdict.withheld}): it cannot be compared"
    if run.report.flat() == base.report.flat():
        return f"{name} is the same as {baseline}: no number differs"
    if not has_dials(comparison):
        return f"{name} against {baseline}: {_tally(comparison.rows, index)}"
    changes = moved(comparison, index)
    if not changes:
        return _unmoved(comparison, index, name, baseline)
    (word, first), *others = phrases(changes)
    text = f"{name} is {word} than {baseline} in {first}"
    text += "".join(f", {each.split()[0]} in {where}" for each, where in others)
    words = Counter(row.changes[index].word for row in dial_rows(comparison))
    if words["not comparable"]:
        text += f"; {count(words['not comparable'], 'dial')} not in both"
    elif words["within tolerance"]:
        text += "; all else the same"
    return text


def _called(run: Run) -> str:
    return shortened(one_line(run.name), LONGEST)


def standing(comparison: Comparison) -> str:
    """Of several runs how many went which way: ``2 of 4 runs are more collapsed than a ...``."""
    base = _called(comparison.runs[comparison.baseline])
    indices = [index for index in range(len(comparison.runs)) if index != comparison.baseline]
    words = Counter(direction(comparison, index) for index in indices)
    parts = [f"{words[word]:,} {said}" for word, said in DIRECTIONS.items() if words[word]]
    return f"{count(len(indices), 'run')} against {base}: {', '.join(parts)}"


def direction(comparison: Comparison, index: int) -> str:
    """Which way the dials of a run moved; where there are none, all of its numbers."""
    rows = dial_rows(comparison) or comparison.rows
    words = {str(row.changes[index].word) for row in rows} & {MORE, LESS}
    return "mixed" if len(words) > 1 else words.pop() if words else "same"


def phrases(changes: Sequence[tuple[str, Change]]) -> list[tuple[str, str]]:
    """The words that apply, each with the dials that it applies to and by how much."""
    out: list[tuple[str, str]] = []
    for word in dict.fromkeys(change.word for _, change in changes):
        group = [(name, change) for name, change in changes if change.word == word]
        named = [(dial_name(name).replace(",", ""), _by(change)) for name, change in group[:NAMED]]
        if len(named) == 1:
            out.append((word, ": ".join(named[0])))
            continue
        texts = [f"{name} ({by})" for name, by in named]
        if len(group) > NAMED:
            texts.append(f"{len(group) - NAMED} more")
        out.append((word, f"{', '.join(texts[:-1])} and {texts[-1]}"))
    return out


def _by(change: Change) -> str:
    """By how much: in nines, which nothing left has no number of."""
    if change.nines is None:
        return "complete" if change.word == MORE else "no longer complete"
    size = f"{abs(change.nines):.2g}"
    return f"{size} {'nine' if size == '1' else 'nines'} {BACK[change.word]}"


def _unmoved(comparison: Comparison, index: int, name: str, baseline: str) -> str:
    words = Counter(row.changes[index].word for row in dial_rows(comparison))
    if dial_rows(comparison) and set(words) == {"not comparable"}:
        return f"{name} and {baseline} have no dial in common"
    return f"{name} is the same as {baseline}: every dial within tolerance or interval"


def has_dials(comparison: Comparison) -> bool:
    """Whether every run was asked how far it has collapsed."""
    verdicts = [run.report.verdict for run in comparison.runs]
    return all(verdict is not None and verdict.dials for verdict in verdicts)


def _tally(rows: Sequence[Row], index: int) -> str:
    """How many numbers went which way, where no dial was measured."""
    words = Counter(str(row.changes[index].word) for row in rows)
    told = {MORE: MORE, LESS: LESS, "within tolerance": "the same", "not comparable": "not in both"}
    parts = [f"{words[word]:,} {said}" for word, said in told.items() if words[word]]
    return ", ".join(parts) or "no number differs"
