"""A small file of each format."""

from __future__ import annotations

from pathlib import Path

import pytest
from readers_help import WRITERS


@pytest.fixture(params=sorted(WRITERS))
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A small file of each format, under a name that says nothing about it."""
    path = tmp_path / "sample"
    WRITERS[str(request.param)](path)
    return path
