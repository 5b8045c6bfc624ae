"""The best codes of our own search; ``fixtures/codes`` in the repository says how."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from nctool.geometry.optima.codes import Code

TABLE = Path(__file__).parent / "searched.json"


@cache
def searched_codes() -> tuple[Code, ...]:
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
