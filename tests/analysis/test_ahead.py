"""The next point is opened while one is measured, and nothing else differs from one at a time."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nctool
from nctool.analysis import trajectories
from nctool.analysis.ahead import InTurn, Load, Pending
from nctool.arrays import Source
from nctool.core.errors import InputError
from nctool.core.progress import Progress, Silent
from nctool.core.remembered import forget
from nctool.inputs import sources
from nctool.report import Report

NOTHING = Source(None, None, (), None, None)
LONG = 10.0


def in_turn(*loads: Load) -> InTurn:
    return InTurn(loads, 1 << 30)


def quiet(note: str) -> None: ...


def run(folder: Path, suffix: str, *, layers: tuple[str, ...] = ("features",)) -> Path:
    """Four checkpoints of unequal classes; their labels are the same."""
    random = np.random.default_rng(0)
    labels = np.concatenate([np.arange(5), random.integers(0, 5, 395)])
    means = random.standard_normal((5, 8))
    folder.mkdir()
    for epoch in range(4):
        noise = random.standard_normal((400, 8))
        arrays: dict[str, Any] = {
            layer: (means[labels] + 0.5**epoch * (place + 1) * noise).astype(np.float32)
            for place, layer in enumerate(layers)
        }
        arrays |= {"labels": labels, "head.weight": means.astype(np.float32)}
        path = folder / f"epoch={epoch}{suffix}"
        if suffix == ".npz":
            np.savez(path, **arrays)
        else:
            torch.save({name: torch.from_numpy(each) for name, each in arrays.items()}, path)
    return folder


def numbers(report: Report) -> list[tuple[object, ...]]:
    return [(each.id, each.value, each.ci, each.null_value, each.worst) for each in report]


# A run and its checkpoints one by one give the same bits, in every number and in any order.
@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_same_as_alone(tmp_path: Path, suffix: str) -> None:
    folder = run(tmp_path / "run", suffix)
    alone = {path.name: nctool.analyze(path) for path in sorted(folder.iterdir(), reverse=True)}
    forget()
    together = nctool.trajectory(folder)
    assert len(together.points) == 4
    for point in together.points:
        assert numbers(point.report) == numbers(alone[point.label])
        assert point.report.digest == alone[point.label].digest


# So do the layers of a checkpoint, which share its labels.
def test_layers(tmp_path: Path) -> None:
    path = run(tmp_path / "run", ".npz", layers=("layer1", "layer2")) / "epoch=1.npz"
    together = nctool.trajectory(path, layers="layer*")
    for point, head in zip(together.points, ("none", None), strict=True):
        alone = nctool.analyze(path, features=point.label, weight=head)
        assert numbers(point.report) == numbers(alone)


# The next is opened without being asked for, the one after it is not.
def test_one_ahead() -> None:
    begun = [threading.Event() for _ in range(4)]

    def load(place: int) -> Load:
        def loading(progress: Progress) -> Source:
            begun[place].set()
            return NOTHING

        return loading

    with in_turn(*map(load, range(4))) as turns:
        for place in range(3):
            turns.next(Silent(), quiet)
            assert begun[place + 1].wait(LONG)
            assert place == 2 or not begun[place + 2].wait(0.05)


# A point that cannot be opened is an error at its turn, with the words it has alone.
def test_error_at_its_turn(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", ".npz")
    broken = folder / "epoch=2.npz"
    broken.write_bytes(broken.read_bytes()[:1000])
    with pytest.raises(InputError) as alone:
        nctool.analyze(broken)
    with pytest.raises(InputError) as together:
        nctool.trajectory(folder)
    assert str(together.value) == str(alone.value) and together.value.slug == alone.value.slug

    def refuse(progress: Progress) -> Source:
        raise InputError("x", "no", "y")

    with in_turn(lambda progress: NOTHING, refuse) as turns:
        turns.next(Silent(), quiet)
        with pytest.raises(InputError):
            turns.next(Silent(), quiet)


# Who leaves early ends the load of the next at its next step, and leaves no thread.
@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
def test_abandoned(problem: type[BaseException]) -> None:
    stepping, threads = threading.Event(), []

    def slow(progress: Progress) -> Source:
        threads.append(threading.current_thread())
        with progress.task("copying, MiB", 1 << 30) as advance:
            while True:
                stepping.wait(0.001)
                advance(1)
                stepping.set()

    with pytest.raises(problem), in_turn(lambda progress: NOTHING, slow) as turns:
        turns.next(Silent(), quiet)
        assert stepping.wait(LONG)
        raise problem
    assert not threads[0].is_alive()


# Who waits for the next one hears how far it is, and Ctrl-C in the meantime.
def test_waiting() -> None:
    going = threading.Event()

    def slow(progress: Progress) -> Source:
        with progress.task("copying, MiB", 4) as advance:
            advance(1)
            going.wait(LONG)
            return NOTHING

    said: list[str] = []

    def say(note: str) -> None:
        said.append(note)
        if len(said) == 2:
            going.set()
        elif len(said) > 100:
            raise KeyboardInterrupt

    assert Pending(slow, 1 << 30).taken(say) is NOTHING
    assert said[0] == "copying, MiB 25%"
    going.clear()
    waiting = Pending(slow, 1 << 30)

    def interrupted(note: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        waiting.taken(interrupted)
    going.set()
    waiting.abandon()


# Of a run at most two points are held: the one that is measured, and the next.
def test_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[weakref.ref[Any]] = []
    most: list[int] = []

    def load(*given: Any) -> Source:
        gc.collect()
        most.append(sum(each() is not None for each in held))
        source = sources.load(*given)
        assert source.features is not None
        read: Callable[..., Any] = source.features.read
        held.append(weakref.ref(read))
        return source

    monkeypatch.setattr(trajectories, "load", load)
    nctool.trajectory(run(tmp_path / "run", ".npz"), metrics="nc1")
    assert len(held) == 4 and max(most) <= 1
