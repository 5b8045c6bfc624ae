"""A page taken apart as a browser would, with the standard library's parser."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "img", "br", "wbr"}
CLOSED_BY_OTHERS = {"tr", "th", "td", "dt", "dd", "li", "thead", "tbody", "option"}
"""Elements whose end HTML lets one leave out."""


@dataclass
class Page(HTMLParser):
    """Elements in order, what text they hold, and whether they are nested as they should be."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    inside: dict[str, list[str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.wrong += [f"{tag}: {name} twice" for name, many in Counter(names).items() if many > 1]
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in CLOSED_BY_OTHERS:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style", "title"):
            self.inside.setdefault(self.open[-1], []).append(data)
        elif data.strip():
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is read, with single spaces."""
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.tags if name in attrs]

    @property
    def policy(self) -> dict[str, str]:
        """The content security policy by its parts."""
        [found] = [element for element in self.all("meta") if "http-equiv" in element]
        assert found["http-equiv"] == "Content-Security-Policy"
        parts = [part.strip().partition(" ") for part in found["content"].split(";")]
        return {name: value for name, _, value in parts}


def parse(page: str) -> Page:
    shown = Page()
    shown.feed(page)
    shown.close()
    assert shown.wrong == [] and shown.open == []
    return shown


def source_hash(text: str) -> str:
    """How a policy names a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
