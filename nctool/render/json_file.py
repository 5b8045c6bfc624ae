"""The document itself, as JSON that machines can trust."""

from __future__ import annotations

from nctool.render import Arrays, Renderer
from nctool.report import documents
from nctool.report.documents import Document


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    return documents.to_json(document) + "\n"


RENDERER = Renderer("JSON", (".json",), render)
