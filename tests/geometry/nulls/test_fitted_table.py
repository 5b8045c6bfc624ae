"""The table of margins that the package reads, against the simulations it was fitted to."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "fixtures" / "nulls"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("margins", FOLDER / "margins.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The table is what the script makes of the simulations, to the letter, and small.
def test_same_table(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = script.TABLE.read_text()
    monkeypatch.setattr(script, "TABLE", tmp_path / "margins.json")
    script.fit()
    assert (tmp_path / "margins.json").read_text() == shipped
    assert len(shipped) < 5000


# Simulated points come out again: a draw is seeded by where it belongs.
def test_seeded(script: ModuleType) -> None:
    first = script.one_draw(50, 16, "means", 3)
    assert np.array_equal(first, script.one_draw(50, 16, "means", 3))
    assert not np.array_equal(first, script.one_draw(50, 16, "means", 4))
    assert (np.diff(first) >= 0).all()


# The package is within 1.5 % of the room of every simulated point, spreads within a half.
def test_close(script: ModuleType) -> None:
    for (share, dim), rows in script.points().items():
        for count, centred, draws, mean, sd in rows:
            quantile = script.QUANTILES[share]
            null = script.margin_quantile(quantile, int(count), dim, bool(centred))
            best = count / (count - 1) if count <= dim + 1 else 1.0
            # A mean of so few draws is off by up to three standard errors itself.
            slack = 3 * sd / np.sqrt(draws)
            assert abs(mean - null.value) < 0.005 * (best - null.value) + slack
            assert 0.5 < sd / null.sd < 1.6 or draws < 20
