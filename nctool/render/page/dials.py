"""The dials of one report, of a whole run or of several runs, as bars beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nctool.render.values.changes import others
from nctool.render.values.dials import NINES, STOPS, Bar, Mark, bars, histories
from nctool.render.values.highlights import highlights
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, report_of
from nctool.report.sentence import dial_name, percent
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import Dial

APART = 0.8
"""Percent of a bar by which the dots of a trail are apart."""
MOST_RUNS = 5
"""Runs with a colour and a shape of their own; of more the first are drawn."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A mark on a bar; ``at`` is in percent of its length."""

    at: float
    kind: str
    letter: str
    words: str

    @property
    def y(self) -> int:
        """Means above the rail and rows below it, so that close ones stay apart."""
        return {"M": 8, "W": 20}.get(self.letter, 14)


@dataclass(frozen=True, slots=True)
class Row:
    """One bar, what it is about, and the numbers beside it."""

    family: str
    title: str
    signs: tuple[Sign, ...]
    filled: float
    """Up to the weakest mark; nothing where several runs share the bar."""
    tick: float | None
    end: float
    trail: tuple[float, ...]
    """Where earlier points of the run were, the first in front."""
    shares: tuple[tuple[str, str], ...]
    """Each number with the kind of its mark."""
    counted: bool
    words: str
    """The whole row in a sentence, for who cannot see it."""
    target: str
    """Its curve, or what is said of its number."""


def stops() -> list[tuple[float, str]]:
    return [(round(100 * nine / NINES, 2), text) for nine, text in enumerate(STOPS)]


def rows(document: Document) -> list[Row]:
    """A row for each family of dials; none where the document has no dials."""
    if isinstance(document, Comparison):
        return [*_of_runs(document)]
    if document.verdict is None:
        return []
    whole = isinstance(document, Trajectory)
    trails = histories(document) if isinstance(document, Trajectory) else {}
    return [_row(bar, trails.get(bar.family, ()), whole) for bar in bars(document.verdict)]


def remarkable(document: Document) -> list[str]:
    """What stands out, in a sentence each; not of inputs that do not belong together."""
    report = report_of(document)
    verdict = None if report is None else report.verdict
    if report is None or verdict is None or verdict.withheld:
        return []
    return highlights(report, verdict)


def withheld(document: Document) -> bool:
    """The numbers stand, but the inputs they came from do not belong together."""
    verdict = None if isinstance(document, Comparison) else document.verdict
    return verdict is not None and verdict.withheld is not None


def runs(document: Document) -> list[tuple[str, str]]:
    """The kinds of the marks of a comparison, and the names of their runs; the baseline first."""
    if not isinstance(document, Comparison):
        return []
    order = [document.baseline, *(index for index, _ in others(document))][:MOST_RUNS]
    return [(f"run{place}", document.runs[index].name) for place, index in enumerate(order)]


def _row(bar: Bar, history: tuple[float | None, ...], curve: bool) -> Row:
    trail = _thinned([_percent(value / NINES) for value in history[:-1] if value is not None])
    signs = tuple(_sign(mark, mark.dial.side or "one", mark.sign) for mark in bar.marks)
    weakest = bar.weakest
    filled = min(_percent(mark.at) for mark in bar.marks)
    return Row(
        bar.family, bar.title, signs, filled, _tick(bar), _percent(bar.end), trail,
        (("", _share(weakest)),), bar.counted, "; ".join(sign.words for sign in signs),
        f"curve-collapse.{bar.family}" if curve else f"m-{weakest.id}",
    )  # fmt: skip


def _thinned(places: Sequence[float]) -> tuple[float, ...]:
    """Of places that touch the one before, which is what most of a long run is, only that."""
    kept: list[float] = []
    for at in places:
        if not kept or abs(at - kept[-1]) >= APART:
            kept.append(at)
    return tuple(kept)


def _of_runs(comparison: Comparison) -> Iterator[Row]:
    """A bar per family with a mark for each run, at the weaker of its dials."""
    order = [comparison.baseline, *(index for index, _ in others(comparison))][:MOST_RUNS]
    seen: dict[str, list[tuple[str, str, Bar]]] = {}
    for place, index in enumerate(order):
        run = comparison.runs[index]
        for bar in bars(run.report.verdict) if run.report.verdict else ():
            seen.setdefault(bar.family, []).append((f"run{place}", run.name, bar))
    for family, of_runs in seen.items():
        signs = tuple(_weakest_sign(kind, name, bar) for kind, name, bar in of_runs)
        first = of_runs[0][2]
        # Of more than three the numbers are those of the signs: no column is wide enough.
        shares = tuple((kind, _share(bar.weakest)) for kind, _, bar in of_runs)
        shares = shares if len(order) < 4 else ()
        yield Row(
            family, first.title, signs, 0, _tick(first), _percent(max(b.end for *_, b in of_runs)),
            (), shares, first.counted, "; ".join(sign.words for sign in signs),
            f"m-{first.weakest.id}",
        )  # fmt: skip


def _weakest_sign(kind: str, name: str, bar: Bar) -> Sign:
    mark = min(bar.marks, key=lambda mark: mark.dial.way)
    sign = _sign(mark, kind, "")
    return Sign(sign.at, kind, "", f"{name}: {sign.words}")


def _sign(mark: Mark, kind: str, letter: str) -> Sign:
    words = f"{dial_name(mark.dial.id)} {_share(mark.dial)}"
    if mark.dial.chance is not None:
        words += f", by chance {percent(mark.dial.chance, 1 - mark.dial.chance)}"
    return Sign(_percent(mark.at), kind, letter if letter in "MW" else "", words)


def _share(dial: Dial) -> str:
    return ("≥ " if dial.bound else "") + percent(dial.way, dial.left).replace("-", "−")


def _tick(bar: Bar) -> float | None:
    return None if bar.tick is None else _percent(bar.tick)


def _percent(share: float) -> float:
    return round(100 * share, 2)
