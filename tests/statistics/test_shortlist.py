"""Rows that a coarse product lists are all that can be the best other one of a sample."""

from __future__ import annotations

import pytest
import torch

import nctool
from nctool.engine.workspace import Workspace
from nctool.statistics import parts, shortlist
from nctool.statistics.scores import Sample, Scores
from nctool.statistics.shortlist import Candidates, Lengthened, Shortlist, decide_among
from tests.support.oracle import measure
from tests.support.populations import POPULATIONS, stored

DIM, JUST_BELOW = 64, 1 + 0.98 * 2.0**-8
ASKED = ("nc4.mismatch", "nc4.accuracy", "gnc.logit_margin", "gnc.cosine_margin")


def listed(
    rows: torch.Tensor, constant: torch.Tensor, base: torch.Tensor, own: torch.Tensor
) -> tuple[Shortlist, Candidates]:
    short = Shortlist(rows, constant)
    short.most = len(rows)
    lengths = torch.linalg.vector_norm(base, dim=1).double()
    return short, short.among(base, own, lengths, Workspace(torch.float32, base.device))


# The best other row is listed where rounding takes all it can from its score and gives as much to
# the score of another, whichever factor it is that is rounded: half the bound would lose it.
# So would a bound that forgets the rounding of the result, where the two round to either side.
@pytest.mark.parametrize("level", [0.0, 1001.8])
@pytest.mark.parametrize("rounded", ["samples", "rows"])
def test_whole_bound(rounded: str, level: float) -> None:
    row = torch.full((DIM,), JUST_BELOW if rounded == "rows" else 1.0)
    base = torch.full((1, DIM), JUST_BELOW if rounded == "samples" else 1.0)
    rows = torch.zeros(40, DIM)
    rows[1], rows[2] = row, -row
    constant = torch.full((40,), -1000.0)
    constant[1] = level - DIM
    constant[2] = level - DIM + 2 * float(base[0] @ row) - 1e-3
    scores = base.double() @ rows.double().T + constant.double()
    assert int(scores.argmax()) == 1
    coarse = base.bfloat16().double() @ rows.bfloat16().double().T + constant.double()
    assert float(coarse[0, 2] - coarse[0, 1]) > 0.97 * 2 * DIM * 2.0**-8
    _, found = listed(rows, constant, base, torch.tensor([0]))
    assert sorted(found.column.tolist()) == [1, 2]


# Rows of which many are closer than bfloat16 can tell: margins and winners are those in float64.
@pytest.mark.parametrize("apart", [1.0, 1e-2, 1e-4, 1e-7, 0.0])
def test_close_rows(apart: float) -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(400, DIM, generator=random)
    rows[200:] = rows[:200] + apart * torch.randn(200, DIM, generator=random)
    rows[300:] = rows[100:200] + apart * torch.randn(100, DIM, generator=random)
    bias = torch.randn(100, generator=random).repeat(4)
    x = rows[torch.arange(600) % 400] + torch.randn(600, DIM, generator=random)
    own = torch.randint(400, (600,), generator=random)
    family = Scores.of(rows, torch.zeros(1, DIM, dtype=torch.float64), bias, torch.float32)
    exact = x.double() @ rows.double().T + bias.double()
    mine = exact.gather(1, own[:, None])[:, 0]
    margins = mine - exact.scatter(1, own[:, None], float("-inf")).amax(1)
    length = torch.linalg.vector_norm(rows, dim=1)
    scores = Lengthened(rows / length[:, None], length, family.work_table[0])
    _, found = listed(rows, family.work_table[0], x, own)
    assert not found.open.any()
    lengths = torch.linalg.vector_norm(x, dim=1).double()
    samples = Sample(x, torch.zeros_like(own), lengths, own)
    winner, margin = decide_among(family, scores, x, samples, found)
    assert torch.allclose(margin, margins, rtol=1e-6, atol=1e-4)
    first = (exact >= exact.amax(1, keepdim=True) - 1e-12).to(torch.uint8).argmax(1)
    assert torch.equal(winner, first)


# With every head listed, decisions and margins are the formulas' on every population.
@pytest.mark.parametrize("name", POPULATIONS)
def test_same_margins(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "RESIDUAL_CLASSES", 1)
    monkeypatch.setattr(shortlist, "FEWEST_ROWS", 3)
    monkeypatch.setattr(shortlist, "FEWEST_SAMPLES", 0)
    monkeypatch.setattr(shortlist, "WORTH", 1)
    monkeypatch.setattr(shortlist, "coarse_is_fast", lambda device: True)
    population = POPULATIONS[name]()
    features = stored(population, "float32")
    given = features, population.labels, population.weight, population.bias
    known = measure(*given, only=ASKED)
    report = nctool.analyze(
        features=torch.from_numpy(features).float(),
        labels=population.labels,
        weight=population.weight,
        bias=population.bias,
        metrics=",".join(ASKED),
    )
    for one in ASKED:
        expected = known[one].value
        assert report[one].value == (expected and pytest.approx(expected, rel=1e-5, abs=1e-5))


# A head whose rows are all alike has nothing to list: it is tried once and no more.
def test_useless() -> None:
    short = Shortlist(torch.ones(4096, DIM), torch.zeros(4096))
    base, own = torch.randn(64, DIM), torch.zeros(64, dtype=torch.int64)
    lengths = torch.linalg.vector_norm(base, dim=1).double()
    space = Workspace(torch.float32, base.device)
    assert not short.worth(base, own, lengths, space)
    assert short.columns is None
