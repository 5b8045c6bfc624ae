"""A whole analysis on a device with memory of its own, simulated: numbers, waits, memory, order."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import nctool
from nctool.core.errors import ResourceError
from nctool.engine import crossing
from nctool.engine import device as devices
from nctool.report import Report
from nctool.statistics import duplicates
from tests.support.accelerator import Counts, simulated

TOLERANCE = 1e-6
"""Of what a number is made of: products are of float32 on both sides, added in another order."""


def arrays(samples: int, dim: int, classes: int, dtype: torch.dtype = torch.float32) -> Any:
    random = torch.Generator().manual_seed(0)
    means = torch.randn(classes, dim, generator=random)
    labels = torch.arange(samples) % classes
    features = means[labels] + 0.5 + 0.7 * torch.randn(samples, dim, generator=random)
    weight = means - means.mean(0) + 0.3 * torch.randn(classes, dim, generator=random)
    bias = 0.1 * torch.randn(classes, generator=random)
    return {"features": features.to(dtype), "labels": labels, "weight": weight, "bias": bias}


def values(report: Report) -> dict[Any, float | None]:
    found: dict[Any, float | None] = {each.id: each.value for each in report.metrics}
    for each in report.metrics:
        found |= {(each.id, place): value for place, value in enumerate(each.per_class or ())}
    return found


def agree(report: Report, other: Report) -> None:
    first, second = values(report), values(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        size = 0.1 if "mhs" in str(name) else 1e-9  # a difference of two numbers near one
        assert second[name] == (
            None if value is None else pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE * size)
        ), name


def with_copies() -> Any:
    given = arrays(400, 16, 5)
    given["features"][50:90] = given["features"][10:50]
    return given


def spoilt(name: str, rows: Any, value: float) -> Any:
    given = arrays(400, 16, 5)
    given[name][rows] = value
    return given


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (arrays(400, 16, 5), {"per_class": True}),
    "more classes than dimensions": (arrays(600, 8, 24), {}),
    "one origin for all": (arrays(1200, 12, 280), {"metrics": "nc1.*,nc4.*,gnc1.*,gnc3.*,hug.*"}),
    "half precision, bootstrap": (arrays(300, 16, 5, torch.bfloat16), {"bootstrap": 50}),
    "double precision": (arrays(300, 16, 5, torch.float64), {}),
    "rows that are not finite": (spoilt("features", 3, float("nan")), {}),
    "labels left out": (spoilt("labels", slice(None, None, 7), -100), {}),
    "copies": (with_copies(), {}),
    "least margin": ({"weight": arrays(1, 16, 60)["weight"]}, {"margin": "min"}),
    "of unknown kinds, cosine head": (
        arrays(400, 16, 5) | {"ood": torch.randn(60, 16) + 1}, {"logit_scale": 16.0},
    ),
}  # fmt: skip


# What is measured does not depend on the device; nor on whether the arrays are there already, on
# the pieces in which they come, and on a demand for one order of all sums.
@pytest.mark.parametrize(
    ("name", "way"),
    [(name, "sent") for name in CASES]
    + [(name, "there") for name in ("plain", "copies", "rows that are not finite")]
    + [(name, "in pieces, in order") for name in ("plain", "copies", "labels left out")],
)
def test_values(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, how = CASES[name]
    expected = nctool.analyze(**given, device="cpu", **how)
    if way == "in pieces, in order":
        how = how | {"deterministic": True}
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        monkeypatch.setattr(crossing, "PIECE_BYTES", 1 << 10)
        monkeypatch.setattr(devices, "MOST_FEATURES", 4 << 10)
        monkeypatch.setattr(devices, "CPU_BLOCK", 4 << 10)
    with simulated():
        if way == "there":
            given = {key: each.cuda() for key, each in given.items()}
        report = nctool.analyze(**given, device="cuda", **how)
    agree(expected, report)
    assert report.environment["gpu"] == "Simulated, 141 GiB"


ROWS, D = (8 << 20) // (4 * 64), 64
SWEPT = "nc1.*,nc4.*,gnc1.*,gnc3.*,gnc.*,hug.reverse_energy.*,hug.alignment"


def counted(samples: int, classes: int) -> Counts:
    given = arrays(samples, D, classes)
    with simulated() as counts:
        nctool.analyze(**given, device="cuda", metrics=SWEPT)
    return counts


# Eight MiB more of features cost a few waits and launches, no blocking copy, and are sent once.
def test_cost_of_more() -> None:
    few, many = counted(ROWS, 300).totals(), counted(3 * ROWS, 300).totals()
    more = {name: (many[name] - few[name]) / 2 for name in few}
    assert more["waits"] <= 3 and more["launches"] <= 10 and more["blocking"] <= 0.25
    assert more["sent"] <= 1.1 * (8 << 20)


# Where memory runs out less is held and the numbers are the same, or there is one message.
def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "LEAST_BLOCK", 1 << 10)
    monkeypatch.setattr(devices, "CPU_BLOCK", 4 << 10)
    monkeypatch.setattr(devices, "FEWEST_ROWS", 16)
    given = arrays(20_000, 32, 6)
    how: dict[str, Any] = {"metrics": "nc1.*,nc4.*", "device": "cuda"}
    with simulated() as counts:
        # As if nobody knew how much there is: the first blocks are far too large.
        monkeypatch.setattr(devices, "free_memory", lambda device: 1 << 33)
        expected = nctool.analyze(**given, **how)
    assert not [each for each in expected.warnings if each.slug == "smaller-blocks"]
    outcomes = []
    for memory in (counts.most_held // 2, counts.most_held // 8, 1 << 14):
        with simulated(memory=memory) as held:
            try:
                report = nctool.analyze(**given, **how)
            except ResourceError as problem:
                assert (problem.slug, problem.exit_code) == ("out-of-memory", 5)
                assert "--device cpu" in problem.hint
                outcomes.append("message")
                continue
        assert held.most_held <= memory
        agree(expected, report)
        outcomes += [each.slug for each in report.warnings if each.slug == "smaller-blocks"]
    assert outcomes[-1] == "message" and "smaller-blocks" in outcomes


# Many samples of few signatures need no operation that has no fixed order.
def test_order_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "KEPT", 100)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    given = arrays(600, 8, 5)
    with simulated():
        report = nctool.analyze(**given, device="cuda", deterministic=True, metrics="nc1.*")
    agree(nctool.analyze(**given, device="cpu", metrics="nc1.*"), report)
