"""What every test may ask of pytest."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    # One worker per core already: threads of their own would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files from what nctool says now; read the difference before use",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Are the golden files to be written instead of compared with?"""
    return bool(request.config.getoption("--update-golden"))
