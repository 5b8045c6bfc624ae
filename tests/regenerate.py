"""``python -m tests.regenerate`` writes everything that is generated: goldens and README output.

It runs the tests that compare with these files, and they write instead. Read ``git diff`` before
you commit. Of ``fixtures/`` it writes ``pictures`` alone, the page only where there is a browser;
all else there is frozen and stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGIN = "tests.regenerate"
GENERATED = ("tests/golden/test_golden_report.py", "tests/golden/test_golden_messages.py",
             "tests/golden/test_golden_pictures.py",
             "tests/house/test_readme.py")  # fmt: skip
"""Reports before messages and README: their metrics are those of the report's."""


def main() -> int:
    """Run these tests with this module as a plugin: by that they know that they are to write."""
    files = [str(ROOT / name) for name in GENERATED]
    return pytest.main(["-n", "0", f"--rootdir={ROOT}", "-p", PLUGIN, *files])


if __name__ == "__main__":
    sys.exit(main())
