"""The names of classes in a report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nctool
from nctool.report import documents


def features(size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((size, 4))


# Every name that is known is stored, whether or not its class has a sample or values are asked for.
def test_all_names(tmp_path: Path) -> None:
    labels = np.repeat(["cat", "dog", "owl"], 5)
    report = nctool.analyze(features=features(15), labels=labels)
    assert report.data["class_names"] == ["cat", "dog", "owl"]
    assert documents.from_text(documents.to_json(report)) == report


# Classes that are but numbers have no names.
def test_numbers() -> None:
    report = nctool.analyze(features=features(15), labels=np.repeat([0, 1, 2], 5))
    assert "class_names" not in report.data
