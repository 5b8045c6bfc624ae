"""What an analysis would cost: its passes, bytes and operations, counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import nctool
from nctool.analysis import estimates
from nctool.analysis.forecast import forecast
from nctool.analysis.together import measure_together
from nctool.api import options
from nctool.api.given import source_of
from nctool.core.errors import ResourceError
from nctool.core.progress import Advance
from nctool.engine import rates
from nctool.engine.cost import Shape, enough
from nctool.engine.device import Engine
from nctool.engine.rates import TYPICAL
from nctool.facts.point_costs import kernel_bytes
from nctool.metrics import registry
from nctool.report.estimate import Estimate
from tests.cli.shell import DIGITS, EPOCH_10
from tests.support.populations import POPULATIONS
from tests.support.stored_populations import outsiders, population

N, D, K = 4000, 24, 6


def arrays(samples: int = N, dim: int = D, classes: int = K) -> dict[str, Any]:
    return {
        "features": torch.ones(samples, dim),
        "labels": torch.arange(samples) % classes,
        "weight": torch.ones(classes, dim),
    }


def of(metrics: str | None = None, **more: Any) -> Estimate:
    return nctool.estimate(**{**arrays(), "device": "cpu", "metrics": metrics, **more})


# Features are read once for each pass, in their stored type; what needs no samples reads none.
@pytest.mark.parametrize(
    ("metrics", "passes"),
    [("nc1.trace_ratio", 1), ("nc4.ncc_accuracy", 2), ("nc2.norm_cv.weights", 0)],
)
def test_bytes(metrics: str, passes: int) -> None:
    for features in (torch.ones(N, D), torch.ones(N, D, dtype=torch.float16)):
        found = of(metrics, features=features)
        size = N * D * features.itemsize
        if metrics.endswith("weights"):
            found = nctool.estimate(weight=torch.ones(K, D), metrics=metrics, device="cpu")
        assert found.bytes_read == passes * size
        assert found.passes == ("samples", "present_samples")[:passes]


# The passes are those that the report says it made, and no metric has more than it declares.
def test_passes() -> None:
    metrics = "nc1.*,nc4.*,hug.pair_distance"
    values = {key: value.numpy() for key, value in arrays(600).items()}
    values["features"] = np.random.default_rng(0).standard_normal((600, D)).astype("f4")
    found = nctool.estimate(**values, metrics=metrics, device="cpu")
    assert found.passes == ("samples", "present_samples", "stacks")
    booked = nctool.analyze(**values, metrics=metrics, device="cpu").timing_s
    stages = {stage.name for stage in found.stages}
    assert {"first_sweep", "second_sweep"} <= stages & booked.keys()
    assert of("nc1.trace_ratio").passes == ("samples",)


def second_look(metrics: str, **more: Any) -> float:
    return next(stage.flops for stage in of(metrics, **more).stages if stage.name == "second_sweep")


# Products are counted exactly: the head's scores are N x K x D, two operations to each.
def test_operations() -> None:
    one = 2 * N * K * D
    assert second_look("nc4.accuracy") == one
    # Class means in their own span of K - 1 dimensions only where somebody projects: here nobody.
    assert second_look("nc4.accuracy,nc4.ncc_accuracy") == 2 * one
    assert second_look("nc4.accuracy,nc1.directional_cdnv") == 2 * one + K * K * D
    # Where somebody does, residuals and those of length one have a basis each.
    low = 2 * N * D * (K - 1)
    assert second_look("nc4.accuracy,nc1.pinv,gnc1.pinv") == one + 2 * low
    # A triangle where there are more classes than dimensions: 36 of 64 blocks.
    wide = arrays(classes=40)
    assert second_look("nc1.pinv", **wide) == 36 / 64 * 2 * N * D * D
    assert of("nc4.accuracy", dtype="float64").flops["float64"] >= one
    assert of("nc4.accuracy").flops["float64"] < one / 10


# Every checkpoint of a run is counted, and the whole is their sum.
def test_trajectory() -> None:
    run, single = nctool.estimate(DIGITS, device="cpu"), nctool.estimate(EPOCH_10, device="cpu")
    assert (run.points, single.points) == (8, 1)
    assert run.bytes_read == 8 * single.bytes_read == 8 * 2 * 1437 * 64 * 4
    assert run.data == {"n": 1437, "d": 64, "k": 10, "rows": 10, "dtype": "float32"}
    assert run.flops["float32"] == pytest.approx(8 * single.flops["float32"])
    assert run.seconds == pytest.approx(8 * (single.seconds or 0), rel=1e-6)


# Layers are points, too; the head is the last one's.
def test_layers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    layers = {f"layer{place}": random.standard_normal((50, 4)) for place in (1, 2)}
    save_file({"labels": np.arange(50) % 5, **layers}, tmp_path / "a.safetensors")
    assert nctool.estimate(tmp_path / "a.safetensors", layers="layer*", device="cpu").points == 2


# Of sums in a file nothing is read again, and only what needs no sums costs what it costs.
def test_sums(tmp_path: Path) -> None:
    nctool.stats(EPOCH_10, out=tmp_path / "s.ncstats")
    found = nctool.estimate(tmp_path / "s.ncstats", device="cpu")
    whole = nctool.estimate(EPOCH_10, device="cpu")
    assert (found.bytes_read, found.passes, found.data["n"]) == (0, (), 1437)
    assert 0 < sum(found.flops.values()) < sum(whole.flops.values())
    assert {stage.name for stage in found.stages}.isdisjoint({"first_sweep", "second_sweep"})


# Processes share passes and margins; each makes the geometry of the means for itself.
def test_processes() -> None:
    one, four = of(), of(processes=4)
    assert one.bytes_read == four.bytes_read
    stages = [{stage.name: stage.flops for stage in each.stages} for each in (one, four)]
    for name in ("second_sweep", "margins_means"):
        assert stages[1][name] == pytest.approx(stages[0][name] / 4, rel=0.01), name
    assert stages[1]["weight_geometry"] == stages[0]["weight_geometry"]


# Without an input its numbers are skipped and cost nothing.
def test_skipped() -> None:
    found = nctool.estimate(weight=torch.ones(K, D), device="cpu")
    assert "nc1.pinv" in found.skipped["features and labels"]
    assert found.metrics["nc1.pinv"] == 0.0
    report = nctool.analyze(weight=torch.randn(K, D), device="cpu")
    skipped = {metric for names in found.skipped.values() for metric in names}
    assert skipped == {result.id for result in report if result.status == "skipped"}


# What --memory refuses is what the analysis leaves without a value, and costs nothing.
def test_refused() -> None:
    given: dict[str, Any] = {"weight": torch.randn(4000, 8), "metrics": "hug.logdet.weights,nc2"}
    found = nctool.estimate(**given, memory="64MiB", device="cpu")
    assert [(each.fact, each.metrics) for each in found.refused] == [
        ("log_determinant[weights]", ("hug.logdet.weights",))
    ]
    assert found.needed == kernel_bytes(4000)
    reason = nctool.analyze(**given, memory="64MiB", device="cpu")["hug.logdet.weights"].reason
    flag = f"--memory {enough(found.needed)}"
    assert f"{flag} allows it" in str(reason)
    with pytest.raises(ResourceError, match=rf"{flag}, or leave them out: --metrics 'nc2'"):
        estimates.refuse(found)
    allowed = nctool.estimate(**given, memory=enough(found.needed), device="cpu")
    assert not allowed.refused and allowed.bytes_held >= found.needed
    estimates.refuse(allowed)


def slow(*_: object) -> rates.Rates:
    """A machine that can be foretold."""
    return rates.Rates(1e9, 1e9, 1e9, 1e9, 1e9, 1e6, measured=True)


# A long one is timed on this machine; what leaving out margins saves is told, and is saved.
def test_savings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "measured", slow)
    monkeypatch.setattr(estimates, "SHORT", 0.0)
    head = torch.ones(8000, 64)
    found = nctool.estimate(weight=head, memory="64MiB", device="cpu")
    assert found.rates["from"] == "measured now" and found.seconds is not None
    saving = found.savings[0]
    assert saving.fact == "margins" and "gnc2.margin.weights" in saving.metrics
    rest = nctool.estimate(weight=head, metrics=found.leave_out, memory="64MiB", device="cpu")
    # Each number takes a little beyond its facts.
    assert rest.seconds == pytest.approx(found.seconds - (saving.seconds or 0), rel=1e-3)
    assert sum(stage.seconds or 0 for stage in found.stages) == pytest.approx(found.seconds)


# What takes less than timing this machine would is told from what is typical.
def test_typical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "measured", lambda *_: pytest.fail("this took a second"))
    found = of(threads=1)
    assert found.rates["from"].startswith("typical")
    assert found.rates["single"] == TYPICAL.single
    assert found.seconds is not None and 0 < found.seconds < estimates.SHORT


# Of a device that is not here everything is known but the time.
def test_absent_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = of(device="cuda:7")
    assert found.seconds is None and "'cuda:7' is not available" in found.rates["from"]
    assert found.flops == of().flops and found.metrics["nc1.pinv"] is None


# Timing this machine gives a rate for every kind of work, in about a second.
def test_rates() -> None:
    found = rates.measured(Engine(torch.device("cpu"), torch.float32), Shape(10, 8, 4))
    kinds = (found.single, found.double, found.half, found.bytes, found.elements, found.calls)
    assert min(kinds) > 0 and found.measured


# Samples and bytes are those of all processes, also where the shares are not equal.
def test_uneven_shares() -> None:
    one, two = (nctool.estimate(EPOCH_10, device="cpu", processes=count) for count in (1, 2))
    assert (one.data["n"], one.bytes_read) == (two.data["n"], two.bytes_read)
    assert two.data["n"] == 1437


# Where all of it is a moment's work nothing is proposed, on a device that is not here either.
def test_nothing_to_save() -> None:
    assert of().savings == of(device="cuda:7").savings == ()


# Every metric has its own seconds, and none takes more than all together.
def test_metrics() -> None:
    found = of()
    assert found.metrics.keys() == registry().keys()
    assert found.seconds is not None
    assert max(each or 0 for each in found.metrics.values()) <= found.seconds


class Told:
    """Progress that is remembered."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, str]] = []

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        assert (title, total) == ("analysis", 1)
        yield lambda amount, note="": self.steps.append((amount, note))


# The bar moves by the shares that are foretold: to its end, and by each pass as much as it takes.
def test_progress() -> None:
    given = arrays()
    given["features"] = torch.randn(N, D)
    request = options.request({"device": "cpu"})
    roles = {"features": given["features"], "labels": given["labels"], "head": given["weight"]}
    source = source_of(nctool.analyze, (), roles, request.roles, None, ())
    told = Told()
    measure_together(source, request.metrics, request.settings, told)
    shares = forecast(source, request.metrics, request.settings).shares
    assert sum(amount for amount, _ in told.steps) == pytest.approx(1 - shares["results"])
    second = sum(amount for amount, note in told.steps if note == "second look")
    assert second == pytest.approx(shares["over present_samples"], rel=1e-6)


# Whatever is measured can be foretold: every population, alone and beside outsiders.
@pytest.mark.parametrize("name", POPULATIONS)
def test_populations(name: str) -> None:
    whole = population(name)
    found = nctool.estimate(
        features=whole.features, labels=whole.labels, weight=whole.weight, bias=whole.bias,
        ood=outsiders(whole), device="cpu",
    )  # fmt: skip
    assert found.seconds and not found.refused
    assert found.passes[:1] == ("samples",) and "unlabelled_samples" in found.passes
