"""A loop of one's own, without a host: what a tracker is given."""

from __future__ import annotations

import math

import torch
from torch.utils.data import DataLoader, TensorDataset

import nctool
from tests.hosts.by_hand import Network, agree, by_hand, samples


# A tracker is given the numbers of features by hand: finite, and grouped by slashes.
def test_loop() -> None:
    model, logged = Network().eval(), dict[str, float]()
    loader = DataLoader(TensorDataset(*samples()), batch_size=16)
    with nctool.Monitor(model, spool="1GiB") as monitor, torch.no_grad():
        for x, y in loader:
            model(x)
            monitor.add(y)
    logged.update(monitor.report().flat("nc/", separator="/"))
    agree(logged, by_hand(model, *samples()), many=60)
    assert all(type(value) is float and math.isfinite(value) for value in logged.values())
    assert all(name.count("/") >= 2 and "." not in name for name in logged)
