"""What every error and every notice means: read from the files beside this one.

Each file is a group, and each of its tables explains the slug it is named after and those that
``also`` lists, which have the same cause. ``raised`` says as which error, or that it is a notice.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nctool.core.errors import UsageError

FILES = (
    "numbers", "roles", "contradictions", "sums", "labels", "formats", "folders", "shards",
    "remote", "reports", "settings", "machine", "collecting", "model_heads", "user_code",
)  # fmt: skip
"""In the order of the list."""

Kind: TypeAlias = Literal["notice", "usage", "input", "resource", "internal"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the message of one slug, or of several with the same cause, is about."""

    slugs: tuple[str, ...]
    kinds: tuple[Kind, ...]
    means: str
    do: str
    example: str
    matters: str = ""
    """What it does to the numbers; empty where there are none, as after a misspelt option."""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    explanations: tuple[Explanation, ...] = field(default=())

    @property
    def slugs(self) -> Iterator[str]:
        for explanation in self.explanations:
            yield from explanation.slugs


def groups() -> tuple[Group, ...]:
    """All that is explained, in the order of ``FILES``."""
    return tuple(_read(Path(__file__).with_name(f"{name}.toml")) for name in FILES)


def explanation_of(slug: str) -> Explanation:
    """Of the message with this slug; a ``UsageError`` with the nearest where there is none."""
    known = {name: each for group in groups() for each in group.explanations for name in each.slugs}
    if slug not in known:
        near = get_close_matches(slug, known, n=3, cutoff=0.5)
        guess = f"did you mean {' or '.join(near)}? " if near else ""
        hint = f"{guess}list them with: nctool explain"
        if "." in slug:  # the id of a metric has a point, and no slug has
            hint = f"numbers are explained by: nctool metrics {slug}"
        raise UsageError("unknown-slug", f"no error or notice is called {slug!r}", hint)
    return known[slug]


def _read(path: Path) -> Group:
    tables = tomllib.loads(path.read_text("utf-8"))
    title = tables.pop("title")
    return Group(title, tuple(_explanation(slug, table) for slug, table in tables.items()))


def _explanation(slug: str, table: dict[str, Any]) -> Explanation:
    slugs, kinds = (slug, *table.pop("also", ())), tuple(table.pop("raised").split(", "))
    # A text goes over several lines where the file would be too wide.
    texts = {name: " ".join(text.split()) for name, text in table.items()}
    return Explanation(slugs, kinds, **texts)
