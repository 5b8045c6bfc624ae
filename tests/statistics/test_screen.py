"""The coarse first look changes how long a decision takes, never what it is."""

from __future__ import annotations

import pytest
import torch

import nctool
from nctool.engine.block import Block
from nctool.engine.workspace import Workspace
from nctool.statistics import decisions, parts
from nctool.statistics.scores import Contest
from nctool.statistics.screen import Screen
from tests.support.oracle import measure
from tests.support.populations import POPULATIONS, stored

DECISIONS = ("nc4.mismatch", "nc4.ncc_accuracy", "nc4.accuracy")
looks: list[int] = []


@pytest.fixture(autouse=True)
def always_screened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every population takes the road of many classes, and nothing is pruned before it."""
    plain = Screen.surely_right

    def counted(
        self: Screen,
        base: torch.Tensor,
        y: torch.Tensor,
        lengths: torch.Tensor,
        space: Workspace,
    ) -> torch.Tensor:
        sure = plain(self, base, y, lengths, space)
        looks.append(int(sure.sum()))
        return sure

    looks.clear()
    monkeypatch.setattr(parts, "RESIDUAL_CLASSES", 1)
    monkeypatch.setattr(decisions, "SCREENED_CLASSES", 2)
    monkeypatch.setattr(decisions, "INSIDE", 0.0)
    monkeypatch.setattr(decisions, "coarse_is_fast", lambda device: True)
    monkeypatch.setattr(Screen, "surely_right", counted)


# Decisions after a coarse look are the oracle's, whatever the features are like; so are those that
# are clear from the lines between class means, where somebody asks for these.
@pytest.mark.parametrize("others", ["", ",nc1.directional_cdnv"])
@pytest.mark.parametrize("name", POPULATIONS)
def test_same_decisions(name: str, others: str) -> None:
    population = POPULATIONS[name]()
    features = stored(population, "float32")
    given = features, population.labels, population.weight, population.bias
    known = measure(*given, only=DECISIONS)
    report = nctool.analyze(
        features=torch.from_numpy(features).float(),
        labels=population.labels,
        weight=population.weight,
        bias=population.bias,
        metrics="nc4.*" + others,
    )
    assert looks or others
    for one in DECISIONS:
        expected = known[one].value
        assert report[one].value == (expected and pytest.approx(expected, rel=1e-12))


# It does settle something: on well separated classes nearly all of it.
def test_settles_clear_cases() -> None:
    population = POPULATIONS["noisy_simplex"]()
    nctool.analyze(
        features=torch.from_numpy(stored(population, "float32")).float(),
        labels=population.labels,
        metrics="nc4.*",
    )
    assert sum(looks) > 0.5 * len(population.labels)


# So do the lines between class means, whose places are at hand: hardly a sample is contested.
def test_lines_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    contested: list[int] = []
    plain = decisions.MeanRule._contest

    def counted(
        self: decisions.MeanRule, block: Block, rows: torch.Tensor | None
    ) -> tuple[torch.Tensor, Contest]:
        contested.append(len(block.y) if rows is None else len(rows))
        return plain(self, block, rows)

    monkeypatch.setattr(decisions.MeanRule, "_contest", counted)
    population = POPULATIONS["noisy_simplex"]()
    features = torch.from_numpy(stored(population, "float32")).float()
    metrics = "nc4.ncc_accuracy,nc1.directional_cdnv"
    report = nctool.analyze(features=features, labels=population.labels, metrics=metrics)
    wrong = 1 - (report["nc4.ncc_accuracy"].value or 0.0)
    assert not looks and sum(contested) <= (wrong + 0.01) * len(population.labels)


# Classes closer than bfloat16 can tell apart are left to finer arithmetic.
@pytest.mark.parametrize("others", ["", ",nc1.directional_cdnv"])
def test_leaves_close_calls_open(others: str) -> None:
    random = torch.Generator().manual_seed(3)
    means = 1 + 1e-4 * torch.randn(40, 16, generator=random)
    labels = torch.arange(400) % 40
    features = means[labels] + 4e-5 * torch.randn(400, 16, generator=random)
    metrics = "nc4.*" + others
    report = nctool.analyze(features=features, labels=labels, metrics=metrics)
    known = measure(features.numpy(), labels.numpy(), only=("nc4.ncc_accuracy",))
    assert (looks or others) and report["nc4.ncc_accuracy"].value == known["nc4.ncc_accuracy"].value
