"""``nctool.Monitor`` in a loop of one's own gives the numbers of ``nctool.collect``."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nctool
from nctool.capture.find import find_head
from nctool.core.errors import InputError
from tests.api.test_collect import assert_equal, collected, measured
from tests.support.networks import Net, by_hand, loader, network

SECOND = {"nc1.directional_cdnv", "nc4.mismatch", "nc4.ncc_accuracy", "nc4.accuracy"}
"""Some of what needs the samples a second time."""


def monitored(model: nn.Module, batches: Any, given: Any = None, **how: Any) -> nctool.Monitor:
    """After a loop over the batches."""
    run = model if given is None else given
    with nctool.Monitor(run, bootstrap=0, per_class=True, **how) as monitor:
        for x, y in batches:
            run(x)
            monitor.add(y)
    return monitor


# What one pass shows has the value of the whole; what takes a second look says how to get it.
@pytest.mark.parametrize("gradients", [False, True])
def test_first_pass(gradients: bool) -> None:
    model = network().eval()
    with torch.set_grad_enabled(gradients):
        report = monitored(model, loader()).report()
    expected = measured(**by_hand(model, loader()))
    skipped = {each.id for each in report if each.status == "skipped"}
    assert skipped >= SECOND and len(skipped) < len(expected.metrics) / 2
    for result in report:
        other = expected[result.id]
        if result.id in skipped:
            assert result.reason is not None and (other.status != "ok" or "spool=" in result.reason)
        elif result.value is not None and result.id != "collapse.weakest":  # of fewer parts
            assert result.value == pytest.approx(other.value, rel=1e-6, abs=1e-9), result.id


# With a spool every number is that of the features taken by hand, from memory and from disk.
@pytest.mark.parametrize("most_held", [1 << 20, 1000])
def test_spool(most_held: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = network().eval()
    monitor = nctool.Monitor(model, spool="1GiB", bootstrap=0, per_class=True)
    monitor._keeper.spool.most_held = most_held
    for x, y in loader():
        model(x)
        monitor.add(y)
    assert_equal(monitor.report(), measured(**by_hand(model, loader())))
    assert bool([*tmp_path.iterdir()]) == (most_held == 1000)
    monitor.close()
    del monitor
    gc.collect()
    assert not [*tmp_path.iterdir()]


# A report may be asked for at any time, and more added after it.
@pytest.mark.parametrize("spool", [None, "1GiB"])
def test_any_time(spool: str | None) -> None:
    model, batches = network().eval(), [*loader()]
    monitor = nctool.Monitor(model, bootstrap=0, spool=spool, metrics="nc1")
    values = []
    for x, y in batches:
        model(x)
        monitor.add(y)
        values.append(monitor.report().data["n"])
    assert values == [16, 32, 48, 64, 80, 96, 103]
    last = monitor.report(epoch=7, split="val")
    assert (last.run["epoch"], last.run["split"]) == (7, "val")
    monitor.reset()
    with pytest.raises(InputError) as caught:
        monitor.report()
    assert caught.value.slug == "monitor-empty"
    for x, y in batches:
        model(x)
        monitor.add(y)
    assert monitor.report()["nc1.pinv"].value == pytest.approx(last["nc1.pinv"].value, rel=1e-6)
    monitor.close()
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())


# A training that is monitored is the same to the last bit, and its report says what it is of.
def test_in_training() -> None:
    def losses(watched: bool) -> tuple[list[float], Any]:
        torch.manual_seed(0)
        model, values, report = Net(), [], None
        monitor = nctool.Monitor(model, metrics="nc1,nc3", bootstrap=0) if watched else None
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for x, y in loader(shuffle=True):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            values.append(float(loss.detach()))
            if monitor is not None:
                monitor.add(y)
        if monitor is not None:
            report = monitor.report()
            monitor.close()
        return values, report

    (plain, _), (watched, report) = losses(False), losses(True)
    assert plain == watched
    assert {"monitored-in-training", "head-moved"} <= {each.slug for each in report.warnings}


# Inside the user's own inference mode it works as outside.
def test_inference_mode() -> None:
    model = network().eval()
    with torch.inference_mode():
        monitor = monitored(model, loader())
    assert monitor.report()["nc1.pinv"].value is not None


# Nothing of a graph is kept: after a step, no tensor of it is alive.
def test_no_graph() -> None:
    model = network().eval()
    monitor = monitored(model, loader(), spool="1GiB")
    source = monitor.source()
    assert source.features is not None
    rows = source.features.whole()
    assert isinstance(rows, torch.Tensor) and not rows.requires_grad and rows.grad_fn is None


# Made before the first compiled call, hooks are compiled along.
@pytest.mark.parametrize("place", ["whole", "method"])
def test_compiled_later(place: str) -> None:
    torch.compiler.reset()
    model = network().eval()
    expected = measured(**by_hand(model, loader()))
    given: Any = model.eval()
    if place == "whole":
        given = torch.compile(model, backend="eager")
    else:
        model.compile(backend="eager")
    report = monitored(model, loader(), given).report()
    assert report["nc1.pinv"].value == pytest.approx(expected["nc1.pinv"].value, rel=1e-6)
    assert model.__dict__.get("_compiled_call_impl") is None or place == "method"


# Made after it, the first labels are refused, and the cause is named.
@pytest.mark.parametrize("place", ["whole", "method", "step"])
def test_compiled_before(place: str) -> None:
    torch.compiler.reset()
    model = network().eval()
    run: Any = model
    if place == "whole":
        run = torch.compile(model, backend="eager")
    elif place == "method":
        model.compile(backend="eager")
    else:

        def step(x: torch.Tensor) -> Any:
            return model(x) + 0

        run = torch.compile(step, backend="eager")
    x, y = next(iter(loader()))
    run(x)
    with nctool.Monitor(model if place == "step" else run) as monitor:
        run(x)
        with pytest.raises(InputError) as caught:
            monitor.add(y)
    assert caught.value.slug in ("head-not-called", "monitor-not-called")
    assert "compile" in str(caught.value) or place == "step"


# Labels are added once for each forward: none before, none twice, none left out.
def test_counts() -> None:
    model = network().eval()
    x, y = next(iter(loader()))
    with nctool.Monitor(model) as monitor:
        with pytest.raises(InputError) as before:
            monitor.add(y)
        model(x)
        monitor.add(y)
        with pytest.raises(InputError, match="not called"):
            monitor.add(y)
        model(x)
        model(x)
        with pytest.raises(InputError, match="called 2 times"):
            monitor.add(y)
        model(x)
        with pytest.raises(InputError, match="16 rows before the head against 15"):
            monitor.add(y[:-1])
    assert before.value.slug == "monitor-not-called"


# Class names are those given, or those of the model's configuration.
def test_class_names() -> None:
    model = network().eval()
    names = ["ant", "bee", "cat", "dog", "elk"]
    assert monitored(model, loader(), class_names=names).report().data["class_names"] == names
    model.config = type("Config", (), {"id2label": dict(enumerate(names))})()
    assert monitored(model, loader()).report().data["class_names"] == names


# A collection and a Monitor of the same passes agree in every number.
def test_collect() -> None:
    model = network().eval()
    assert_equal(monitored(model, loader(), spool="1GiB").report(), collected(model, loader()))


# Saved, the sums of two halves of the samples are merged and measured as those of one Monitor.
def test_save(tmp_path: Path) -> None:
    model = network().eval()
    batches = [*loader()]
    halves = batches[:2], batches[2:]
    names = [str(tmp_path / f"{place}.ncstats") for place in range(2)]
    for half, name in zip(halves, names, strict=True):
        assert monitored(model, half).save(name).samples == sum(len(y) for _, y in half)
    nctool.merge(*names, out=tmp_path / "both.ncstats")
    both = nctool.analyze(tmp_path / "both.ncstats", bootstrap=0)
    whole = monitored(model, batches).report()
    assert {each.id for each in both if each.status == "ok"} == {
        each.id for each in whole if each.status == "ok"
    }
    for result in whole:
        if result.value is not None:  # sums in float32, cut into other blocks
            assert both.value(result.id) == pytest.approx(result.value, rel=1e-6, abs=1e-9)
    monitored(model, batches, spool="1GiB").save(tmp_path / "rows.ncstats")
    assert nctool.analyze(tmp_path / "rows.ncstats")["nc4.accuracy"].status == "ok"


# Two of one model, or one that waits while another search runs, see the same forwards.
def test_two() -> None:
    model = network().eval()
    one, other = nctool.Monitor(model, bootstrap=0), nctool.Monitor(model, bootstrap=0)
    with one, other:
        find_head(model, [next(iter(loader()))[0]])
        for x, y in loader():
            model(x)
            one.add(y)
            other.add(y)
    expected = monitored(model, loader()).report().flat()
    assert one.report().flat() == other.report().flat() == expected
