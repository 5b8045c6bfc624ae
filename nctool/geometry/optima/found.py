"""The best codes that our own search found; ``fixtures/codes`` in the repository says how."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from nctool.geometry.optima.codes import Code

TABLE = Path(__file__).parent / "found.json"


@cache
def found() -> tuple[Code, ...]:
    """Every code of the packaged table."""
    table = json.loads(TABLE.read_text("utf-8"))
    margins = table["margin"]
    return tuple(
        Code(
            int(classes),
            int(dim),
            cosine,
            "code in nctool's table",
            margin=margins.get(dim, {}).get(classes),
        )
        for dim, row in table["max_cosine"].items()
        for classes, cosine in row.items()
    )
