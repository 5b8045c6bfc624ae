"""Ten ordinary classes with a head, given afresh, and two reports side by side."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

import nctool
from tests.support.stored_populations import stored

EXACT = 1e-12
"""The same float64 sums, at most in another order."""


def given(dtype: str = "float64") -> dict[str, Any]:
    """Ten classes, with a head; nobody else's copy."""
    return deepcopy(stored("noisy_simplex", dtype).given)


def values(report: nctool.Report) -> dict[str, Any]:
    """Every number; its status where there is none."""
    return {result.id: result.status if result.value is None else result.value for result in report}


def close(report: nctool.Report) -> dict[str, Any]:
    """The same but for rounding, which in cosines is not relative."""
    return {
        name: pytest.approx(value, rel=EXACT, abs=1e-15) if isinstance(value, float) else value
        for name, value in values(report).items()
    }


def slugs(report: nctool.Report) -> list[str]:
    return [notice.slug for notice in report.warnings]
