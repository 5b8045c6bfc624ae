"""Numbers by metric id and nothing else: what ``dvc metrics show`` and experiment trackers read."""

from __future__ import annotations

import json

from nctool.render import Arrays, Renderer
from nctool.report.documents import Document


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    return json.dumps(document.flat(), indent=2, allow_nan=False) + "\n"


RENDERER = Renderer("flat JSON", (".flat.json",), render)
