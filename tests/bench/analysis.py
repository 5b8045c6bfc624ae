"""How long a whole analysis takes, against the least it could take and against public libraries.

Run by name, never in the test suite:

    python -m tests.bench.analysis A B C C-collapsed D --peers

(each shape in a process of its own, so that the growth of peak memory is its own). Answers are
compared with plain float64 code and with those of the libraries, and all is timed in turns.
Measured are ``SELECTED``, which two reads and one product give, against the floor
(``tests/bench/floor.py``); the default, all metrics; and, of each library that can be imported
(``tests/bench/peers.py``), its quantities by it and by nctool. What nctool remembers from call to
call is forgotten before each.
Results go to fixtures/bench/analysis.json.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import nctool
from nctool.core.remembered import forget
from tests.bench.floor import bare, floor, plain
from tests.bench.peers import PEERS, UNEXPLAINED, Peer
from tests.bench.populations import SHAPES, Data, draw
from tests.bench.timing import Spent, over, record, spent, spread

SELECTED = "nc1.pinv,nc1.trace_ratio,nc1.within_fraction,nc1.cdnv,nc[2-5].*,gnc1.*,gnc3.*,gnc.*"
"""What two reads of the features and one product give: nc1.directional_cdnv takes a product of its
own, and the geometry of many classes has benchmarks of its own."""
PLAIN_CLASSES, SIX_DIGITS = 1000, 1e-6


def analyse(data: Data, metrics: str | None = SELECTED) -> nctool.Report:
    forget()
    return nctool.analyze(
        features=data.features,
        labels=data.labels,
        weight=data.weight,
        bias=data.bias,
        metrics=metrics,
    )


def in_turns(repeats: int, *runs: Callable[[], object]) -> list[list[Spent]]:
    """What each takes, one after the other, again and again."""
    rounds = [[spent(run) for run in runs] for _ in range(repeats)]
    return [list(each) for each in zip(*rounds, strict=True)]


def bench(name: str, repeats: int, with_peers: bool) -> dict[str, Any]:
    shape = SHAPES[name]
    data = draw(shape)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = analyse(data)
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if shape.classes <= PLAIN_CLASSES:
        for key, value in plain(data, shape.classes).items():
            measured = report[key].value
            assert measured is not None and abs(measured - value) <= SIX_DIGITS * abs(value), (
                key, measured, value,
            )  # fmt: skip
    floors, ours = in_turns(repeats, lambda: floor(data), lambda: analyse(data))
    result: dict[str, Any] = {
        "samples": shape.samples,
        "dim": shape.dim,
        "classes": shape.classes,
        "noise": shape.noise,
        "repeats": repeats,
        "floor": spread(floors),
        "selected": spread(ours),
        "ratio": over(ours, floors),
        "allowed": shape.allowed,
        "peak_growth_mib": round(growth, 1),
        "stages_s": dict(report.timing_s),
    }
    rest = max(1, repeats // 2)
    result["bare_product"] = spread(in_turns(rest, lambda: bare(data))[0])
    reports: list[nctool.Report] = []
    [default] = in_turns(rest, lambda: reports.append(analyse(data, None)))
    result["default"] = spread(default) | {"stages_s": dict(reports[-1].timing_s)}
    if with_peers:
        result["peers"] = {
            peer_name: beside(peer, data, shape.classes, rest)
            for peer_name, peer in PEERS.items()
            if peer.here
        }
    return result


def beside(peer: Peer, data: Data, classes: int, repeats: int) -> dict[str, Any]:
    """Answers and seconds of the same quantities by both."""
    if classes > peer.most:
        return {"skipped": "many minutes: pairs of classes one after another, in Python"}
    answers: list[Mapping[str, float]] = []
    reports: list[nctool.Report] = []

    def ours() -> None:
        forget()
        reports.append(peer.ours(data))

    theirs, mine = in_turns(repeats, lambda: answers.append(peer.run(data, classes)), ours)
    return {
        "theirs": spread(theirs),
        "ours": spread(mine),
        "ratio": over(theirs, mine),
        "answers": peer.compared(reports[-1], answers[-1]),
    }


def unexplained(result: dict[str, Any]) -> list[str]:
    """Answers of libraries that differ from ours for no known reason."""
    return [
        f"{name} of {peer}"
        for peer, figures in result.get("peers", {}).items()
        for name, answer in figures.get("answers", {}).items()
        if answer.get("why") == UNEXPLAINED
    ]


def told(name: str, result: dict[str, Any]) -> str:
    """One line of the console."""
    ratio = result["ratio"]
    line = (
        f"{name}: floor {result['floor']['cpu_s']['median']:.3g} CPU s, selected "
        f"{result['selected']['cpu_s']['median']:.3g}, ratio {ratio['cpu']['median']:.2f} of CPU, "
        f"{ratio['wall']['median']:.2f} of wall ({ratio['wall']['min']:.2f} to "
        f"{ratio['wall']['max']:.2f}, allowed {result['allowed']}), default "
        f"{result['default']['cpu_s']['median']:.3g} CPU s, peak +{result['peak_growth_mib']} MiB"
    )
    for peer, figures in result.get("peers", {}).items():
        times = figures["ratio"]["cpu"]["median"] if "ratio" in figures else float("nan")
        wrong = [key for key, each in figures.get("answers", {}).items() if "why" in each]
        line += f"\n  {peer}: {times:.1f} times our CPU{', wrong: ' if wrong else ''}"
        line += ", ".join(wrong)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES), metavar="SHAPE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", action="store_true", help="also time the public libraries")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    if len(chosen.shapes) > 1:
        options = [option for option in sys.argv[1:] if option not in chosen.shapes]
        for name in chosen.shapes:
            subprocess.run(
                [sys.executable, "-m", "tests.bench.analysis", name, *options], check=True
            )
        return
    [name] = chosen.shapes
    result = bench(name, chosen.repeats, chosen.peers)
    print(told(name, result), flush=True)
    if not chosen.dry:
        record("analysis", {name: result})
    if unknown := unexplained(result):
        raise SystemExit(f"answers differ, and nobody knows why: {', '.join(unknown)}")


if __name__ == "__main__":
    main()
