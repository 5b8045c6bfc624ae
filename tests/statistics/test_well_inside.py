"""Samples well inside the cell of their class mean, where scores of means far away say little."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nctool


# A sample well inside its own cell is nearest to its own mean, whatever else is asked for: among
# means 100,000 times as far from others as from the nearest, products take close ones for ties.
@pytest.mark.parametrize("also", ["", ",nc1.directional_cdnv"])
def test_well_inside(also: str) -> None:
    random = np.random.default_rng(0)
    crowds = random.normal(size=(10, 24)) * np.logspace(-1, 1, 10)[:, None]
    means = np.repeat(crowds, 430, 0) * (1 + 1e-5 * random.normal(size=(4300, 24)))
    labels = np.repeat(np.arange(4300), 4)
    features = means[labels] * (1 + 2e-6 * random.normal(size=(17200, 24)))
    report = nctool.analyze(
        features=torch.from_numpy(features).float(),
        labels=torch.from_numpy(labels),
        metrics="nc4.ncc_accuracy" + also,
        bootstrap=0,
    )
    assert report.value("nc4.ncc_accuracy") == 1.0
