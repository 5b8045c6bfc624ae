"""Documents to draw: the frozen ones, one of a thousand classes, and one with hostile names."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from nctool.report import Report, documents
from tests.support.saved import EVERY, document, report

PLAIN = " (x)"
HOSTILE = (
    " <script>alert(1)</script>\"><img src=x onerror=alert(2)>'{{7*7}}{% raw %}<!-- </style>"
    "\u2028\u202e\u2066\x1b[31m\r\n\x00&lt;javascript:alert(3)"
)
KEPT = {
    "$schema", "kind", "schema_version", "outcome", "status", "toward_collapse", "axis", "over",
    "digest", "result", "severity", "tolerances", "rows", "word",
}  # fmt: skip
"""What a page understands; all other text is for people, and may be anything."""


def with_suffix(name: str, suffix: str) -> documents.Document:
    """A frozen document with warnings and gates where it has none, all its texts longer."""
    plain = dict(document(name).to_dict())
    warning = {"slug": "odd", "message": "odd", "hint": "look", "data": {}}
    gate = {
        "id": "nc1.pinv", "expr": "nc1.pinv < 1", "observed": 0.5, "baseline": None, "run": "a",
        "result": "inconclusive", "severity": "error", "source": "here", "reason": "why",
    }  # fmt: skip
    plain["gates"] = [*plain["gates"], gate]
    plain["warnings"] = [warning]
    plain["arrays"] = {"file": "f", "names": []}
    for one in (*plain.get("runs", ()), *plain.get("points", ())):
        one["report"] |= {"warnings": [warning], "arrays": {"file": "f", "names": []}}
    changed: dict[str, Any] = _longer(plain, suffix)
    return documents.from_dict(changed)


def _longer(value: Any, suffix: str) -> Any:
    if isinstance(value, str):
        return value + suffix
    if isinstance(value, Mapping):
        return {key: one if key in KEPT else _longer(one, suffix) for key, one in value.items()}
    if isinstance(value, list):
        return [_longer(one, suffix) for one in value]
    return value


@cache
def thousand(per_class: bool = False) -> Report:
    """As many numbers as a thousand classes can have, none of them round."""
    chance, size = random.Random(0), 1000
    whole = report()
    metrics = tuple(
        replace(result, per_class=tuple(chance.lognormvariate(-3, 1) for _ in range(size)))
        if per_class and result.per_class
        else replace(result, per_class=None)
        for result in whole
    )
    counts = {"min": 50, "max": 50, "empty": 0, "single": 0}
    data = {**whole.data, "n": 50_000, "d": 512, "k": size, "class_counts": counts}
    return replace(whole, data=data, metrics=metrics)


@cache
def gram(size: int) -> list[list[float]]:
    """Cosines of random directions."""
    chance = random.Random(1)
    rows = [[chance.gauss(0, 1) for _ in range(8)] for _ in range(size)]
    units = [[one / math.hypot(*row) for one in row] for row in rows]
    return [[sum(map(float.__mul__, a, b)) for b in units] for a in units]


def arrays(size: int) -> dict[str, Any]:
    """What ``--arrays`` holds."""
    cosines = gram(min(size, 200))
    times = -(-size // len(cosines))
    whole = [[*row * times][:size] for row in [*cosines * times][:size]]
    spectrum = [2.0 - index / size for index in range(size)]
    return {
        "gram/means": whole, "gram/weights": whole,
        "spectrum/means": spectrum, "spectrum/weights": spectrum,
    }  # fmt: skip


NAMES = EVERY
