"""``python -m tests.bench``: all benchmarks of speed, one after the other, in a quarter of an hour.

For a machine with two cores that does nothing else; ``python -m tests.bench analysis scaling``
runs some of them, ``--list`` says what each runs. The last four are run by name.
Libraries to compare with (``tests/bench/peers.py``) are timed where they can be imported.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from time import perf_counter

PLAN: dict[str, tuple[str, ...]] = {
    "analysis": ("analysis A B B-collapsed C --peers --repeats 5",
                 "analysis C-collapsed --repeats 3", "analysis D --peers --repeats 2"),
    "margins": ("margins random-1k language-1k simplex-1k --repeats 3",
                "margins heads --repeats 1"),
    "energy": ("energy --repeats 3 small 1k 10k 10k-crowded",),
    "scaling": ("scaling --repeats 3",),
    "trajectory": ("trajectory safetensors small --repeats 3", "trajectory npz pt --repeats 1"),
    "estimate": tuple(f"estimate {case}" for case in (
        "A", "B", "C", "D", "A-all", "B-all", "C-all", "D-all", "head")),
    "device": ("device count 8 300",),
    "ranks": ("ranks C --repeats 2",),
    "collection": ("collection w16 w64 memory --repeats 3",),
}  # fmt: skip
USUAL = ("analysis", "margins", "energy", "scaling", "trajectory")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(USUAL), metavar="NAME")
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in PLAN]:
        parser.error(f"no {', '.join(unknown)}; there is {', '.join(PLAN)}")
    failed = []
    for line in (line for name in chosen.names for line in PLAN[name]):
        words = [sys.executable, "-m", *shlex.split(f"tests.bench.{line}")]
        print(f"$ python -m tests.bench.{line}", flush=True)
        if chosen.list:
            continue
        start = perf_counter()
        code = subprocess.run([*words, *(["--dry"] if chosen.dry else [])]).returncode
        print(f"  {perf_counter() - start:.0f} s on the clock\n", flush=True)
        failed += [line] if code else []
    for line in failed:
        print(f"failed: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
