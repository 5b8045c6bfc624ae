"""GNC2: one class against the hull of the others."""

from __future__ import annotations

from tests.support.oracle.formula import on_rows
from tests.support.oracle.hull import margins
from tests.support.oracle.view import Array, Outcome


@on_rows("gnc2.margin", rounding="length")
def margin(rows: Array) -> Outcome:
    """min over classes of the one-vs-rest margin."""
    by_class = margins(rows)  # (K,)
    return Outcome(float(by_class.min()), by_class)
