"""What every test may ask of pytest."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.regenerate import PLUGIN

# Laws and helpers that assert say what they compared, as tests do.
pytest.register_assert_rewrite("tests.support")

if "PYTEST_XDIST_WORKER" in os.environ:
    # One worker per core already: threads of their own would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    """Are generated files to be written instead of compared with? See tests/regenerate.py."""
    return request.config.pluginmanager.has_plugin(PLUGIN)
