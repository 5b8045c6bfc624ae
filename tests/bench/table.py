"""``python -m tests.bench.table``: the table of the README, from fixtures/bench/analysis.json.

CPU seconds of all cores: the floor, what two reads and one product give, all metrics; and how many
times as long public libraries take as nctool for the same. ``tests/house/test_readme.py`` holds the
README to it, and ``python -m tests.regenerate`` writes it there.
"""

from __future__ import annotations

import json
from typing import Any

from tests.bench.timing import FIGURES

SHAPES = ("A", "B", "C", "D")
LIBRARIES = ("neural-collapse", "RepX")
WRONG, UNKNOWN = "*", "–"


def rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """The head of the table, and a row for each shape that was measured."""
    head = ("samples × d, classes", "floor", "nctool", "× floor", "all metrics", *LIBRARIES)
    return [head, *(row(results[name]) for name in SHAPES if name in results)]


def row(result: dict[str, Any]) -> tuple[str, ...]:
    samples, classes = f"{result['samples'] // 1000}k", f"{result['classes']:,}"
    return (
        f"{samples} × {result['dim']}, {classes}",
        seconds(result["floor"]),
        seconds(result["selected"]),
        f"{result['ratio']['cpu']['median']:.2f}",
        seconds(result["default"]),
        *(library(result.get("peers", {}).get(name)) for name in LIBRARIES),
    )


def seconds(figures: dict[str, Any]) -> str:
    """Two digits, zeros at the end among them: more change from run to run."""
    value = float(f"{figures['cpu_s']['median']:.2g}")
    return f"{value:.0f} s" if value >= 10 else f"{value:#.2g} s"


def library(figures: dict[str, Any] | None) -> str:
    """How many times as long it takes, with a mark where an answer is off by more than 0.1 %."""
    if figures is None or "ratio" not in figures:
        return UNKNOWN
    wrong = any(each["apart"] > 1e-3 for each in figures["answers"].values())
    return f"{figures['ratio']['cpu']['median']:.1f} ×{WRONG if wrong else ''}"


def table() -> str:
    """In Markdown."""
    results = json.loads((FIGURES / "analysis.json").read_text("utf-8"))["results"]
    head, *body = rows(results)
    rule = ("---", *("--:" for _ in head[1:]))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *body))


if __name__ == "__main__":
    print(table(), end="")
