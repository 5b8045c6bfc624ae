"""A warning as a value: printed on stderr for people, stored in the JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader of a number ought to know."""

    slug: str
    message: str
    hint: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
