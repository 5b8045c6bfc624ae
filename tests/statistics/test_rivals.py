"""Which two other rows can be a sample's best near collapse."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import nctool
from nctool.statistics import rivals
from nctool.statistics.parts import Residual
from nctool.statistics.rivals import Rivals

CLASSES, DIM, EACH = 40, 16, 10


def head_and_samples(noise: float) -> tuple[dict[str, Any], torch.Tensor]:
    """Rows of which some are nearly equal, and what margins are in float64."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(CLASSES + 3, DIM, generator=random)
    weight[5:9] = weight[4] + 1e-4 * torch.randn(4, DIM, generator=random)
    bias = torch.randn(CLASSES + 3, generator=random) / 4
    labels = torch.arange(CLASSES).repeat_interleave(EACH)
    features = weight[labels] + noise * torch.randn(len(labels), DIM, generator=random)
    logits = features.double() @ weight.double().T + bias.double()
    own = logits.gather(1, labels[:, None])[:, 0]
    margins = own - logits.scatter(1, labels[:, None], float("-inf")).amax(1)
    given = {"features": features, "labels": labels, "weight": weight, "bias": bias}
    return given, margins


# Margins and decisions near collapse are those of the product with all rows, though most samples
# never meet it; where samples stray, all do.
@pytest.mark.parametrize(("noise", "near"), [(1e-4, True), (1e-2, True), (0.5, False)])
def test_margins(noise: float, near: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    given, margins = head_and_samples(noise)
    asked = "gnc.logit_margin,gnc.cosine_margin,nc4.accuracy,nc4.mismatch"
    whole = nctool.analyze(**given, metrics=asked, per_class=True)
    met: list[float] = []
    within = Rivals.within

    def counted(self: Rivals, block: object) -> torch.Tensor:
        inside = within(self, block)  # type: ignore[arg-type]
        met.append(float(inside.double().mean()))
        return inside

    monkeypatch.setattr(rivals, "FEWEST_CLASSES", 3)
    monkeypatch.setattr(Rivals, "within", counted)
    pruned = nctool.analyze(**given, metrics=asked, per_class=True)
    assert (min(met, default=0.0) > 0.5) == near
    for result in whole:
        other = pruned[result.id]
        assert other.value == pytest.approx(result.value, rel=1e-6)
        for mine, theirs in zip(other.per_class or (), result.per_class or (), strict=True):
            assert mine == theirs or mine == pytest.approx(theirs, rel=1e-5, abs=1e-6)
    value = pruned["gnc.logit_margin"].value
    assert value == pytest.approx(float(margins.mean()), rel=1e-6)


# A class whose second and third best other rows are as good as each other has no reach at all.
def test_no_reach() -> None:
    random = torch.Generator().manual_seed(1)
    rows = torch.randn(400, DIM, generator=random)
    rows[301:304] = rows[300] + 0.1
    centres = torch.cat([rows[:300], rows[300:301].expand(1, -1)])
    every = torch.arange(301)
    counts, variances = torch.full((301,), 20.0), torch.full((301,), 1e-12)
    known = rivals.rivals_of(rows, None, every, Residual(centres), counts, variances)
    assert known is not None
    assert float(known.reach[300]) < 1e-9 < float(known.reach[:300].median())
    assert rivals.rivals_of(rows, None, every, Residual(centres), counts, variances + 9) is None
