"""``nctool.load``: saved results of every kind."""

from __future__ import annotations

from pathlib import Path

from nctool.report import documents
from nctool.report.documents import Document


def load(path: str | Path) -> Document:
    """A report, trajectory or comparison, from its JSON or from a page that holds it.

    Nothing is lost: saved again, it is the same text.
    """
    return documents.read(path)
