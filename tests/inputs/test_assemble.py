"""Arrays that contradict each other are an error with both numbers."""

from __future__ import annotations

import pytest
import torch

import nctool
from nctool.core.errors import InputError


# Out-of-distribution features are of the features' width, with a head and without one.
@pytest.mark.parametrize("weight", [None, torch.eye(3, 4)], ids=["no head", "head"])
def test_width_of_outsiders(weight: torch.Tensor | None) -> None:
    with pytest.raises(InputError) as caught:
        nctool.analyze(
            features=torch.randn(12, 4),
            labels=torch.arange(12) % 3,
            weight=weight,
            ood=torch.ones(5, 7),
        )
    assert caught.value.slug == "ood-against-features"
