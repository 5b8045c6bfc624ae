"""Reports of the named populations."""

from __future__ import annotations

from functools import cache
from typing import Any

from nctool import analyze
from nctool.report import Report
from tests.support.populations import DEGENERATE, POPULATIONS

EVERY = POPULATIONS | DEGENERATE


@cache
def of_population(name: str, **options: Any) -> Report:
    whole = EVERY[name]()
    return analyze(
        features=whole.features,
        labels=whole.labels,
        weight=whole.weight,
        bias=whole.bias,
        threads=1,
        **options,
    )
