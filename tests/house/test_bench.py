"""The benchmarks still run, on toys, and what they say of others is checked first."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch

from tests.bench import analysis, margins, peers, scaling, table, token_heads, trajectory
from tests.bench.__main__ import PLAN, USUAL
from tests.bench.populations import SHAPES, Data, Shape, draw
from tests.bench.timing import FIGURES

TOY = Shape(600, 16, 4)
OTHERS = {"count", "memory", "head", "heads"}
"""Words for what is no single shape."""


# Whatever the one command runs is a benchmark, of shapes that it has.
def test_plan() -> None:
    assert set(USUAL) <= set(PLAN)
    for lines in PLAN.values():
        for line in lines:
            name, *words = line.split()
            module = import_module(f"tests.bench.{name}")
            assert callable(module.main)
            shapes = [word for word in words if not word.startswith("-") and not word.isdecimal()]
            known = {*getattr(module, "SHAPES", ()), *getattr(module, "NAMES", ())}
            assert {shape.removesuffix("-all") for shape in shapes} <= known | OTHERS


# Heads of every kind are drawn, and a sample of their classes is certified against all rows.
@pytest.mark.parametrize("kind", ["language", "gpt", "untrained"])
def test_margins(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(margins.SHAPES, "toy", margins.Shape(kind, 200, 12, sample=20))
    result = margins.bench("toy", 1, False, "cpu")
    assert result["unsettled"] == 0 and result["sample"] == 20
    assert result["ratio"]["min"] > 0


# Tokens that occur together only with each other are near each other, and far from the rest.
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_text_head() -> None:
    tokens = np.array([0, 1] * 50 + [2, 3] * 50)
    information = token_heads._mutual_information(tokens, 4)
    rows = token_heads._factor(information, 2)
    cosine = torch.nn.functional.cosine_similarity(rows[:, None], rows[None], dim=2)
    assert float(cosine[0, 1]) > 0.9 > 0.5 > float(cosine[0, 2])


# A whole benchmark, and its row of the README's table.
def test_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "toy", TOY)
    result = analysis.bench("toy", 2, with_peers=False)
    low, middle, high = (result["ratio"]["cpu"][name] for name in ("min", "median", "max"))
    assert 0 < low <= middle <= high
    cells = table.row(result)
    assert len(cells) == len(table.rows({})[0]) and cells[-1] == table.UNKNOWN
    assert "selected" in analysis.told("toy", result)


def peer(answer: float, faults: dict[str, str]) -> peers.Peer:
    def run(data: Data, classes: int) -> dict[str, float]:
        means = torch.stack([data.features[data.labels == c].double().mean(0) for c in range(4)])
        within = (data.features.double() - means[data.labels]).square().sum(1).mean()
        between = (means - means.mean(0)).square().sum(1).mean()
        return {"nc1.trace_ratio": float(within / between) * answer}

    return peers.Peer("torch", run, ("nc1.trace_ratio",), 100, faults)


# A library whose answers are ours is timed; where one is another, the reason has to be known.
@pytest.mark.parametrize(("answer", "known"), [(1.0, False), (1.01, True), (1.01, False)])
def test_peers(answer: float, known: bool) -> None:
    other, data = peer(answer, {"nc1.trace_ratio": "rounded"} if known else {}), draw(TOY)
    figures: dict[str, Any] = analysis.beside(other, data, TOY.classes, 1)
    assert ("why" in figures["answers"]["nc1.trace_ratio"]) == (answer != 1)
    assert table.library(figures).endswith(table.WRONG) == (answer != 1)
    unknown = analysis.unexplained({"peers": {"other": figures}})
    assert unknown == (["nc1.trace_ratio of other"] if answer != 1 and not known else [])
    assert "skipped" in analysis.beside(other, data, 101, 1)


# The exponent is the power of a law, and of one that bends more at the end.
def test_exponent() -> None:
    sizes = (100, 200, 400)
    assert scaling.exponent(sizes, [size**1.5 for size in sizes]) == 1.5
    bent = [1e4 + size**2 for size in sizes]
    assert scaling.exponent(sizes, bent) < scaling.exponent(sizes[-2:], bent[-2:]) < 2


# What the changelog says of eight checkpoints is what was measured, and within what is promised.
def test_trajectories() -> None:
    results = json.loads((FIGURES / "trajectory.json").read_text("utf-8"))["results"]
    for name, run in results.items():
        if "commands" in run:
            ratio = run["commands"]["ratio"]["cpu"]["median"]
            assert ratio < 4 < trajectory.ALLOWED == run["allowed"], name
