"""What must not change the margins, and what may change them only one way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nctool.geometry.hull import Margins, active_set, certificate, margins, programmes, solver
from nctool.geometry.hull.worker_pool import Answer, Task, WorkerPool
from tests.geometry.hull.hull_cases import clustered, language, noisy_simplex, normal, solved, unit
from tests.support.point_sets import cloud, orthoplex, sharp
from tests.support.populations import Array

SETS: dict[str, Array] = {
    "few dimensions": cloud(1, 60, 6),
    "many dimensions": cloud(2, 80, 51),
    "more dimensions than points": cloud(3, 40, 60),
    "noisy simplex": noisy_simplex(30, 0.2),
    "clustered": clustered(4, 70, 20, 8, 0.1),
    "nearly the same": language(5, 70, 55, 1e-4),
    "part of an orthoplex": orthoplex(50)[:70],
    "raw": normal(6, 60, 8) + 2,
}
every = pytest.mark.parametrize("name", SETS)
one_of_them = st.sampled_from(sorted(SETS))


def values(result: Margins, within: int | None = None) -> Array:
    """All settled but perhaps one."""
    assert all(row == within for row in torch.nonzero(~result.settled).flatten().tolist())
    plain: Array = result.value.numpy()
    return plain


def agree(left: Array, right: Array, scale: float = 1.0) -> None:
    assert left == pytest.approx(right, rel=3e-6, abs=1e-11 * scale)


def overlap(left: Margins, right: Margins) -> None:
    """Both pairs of bounds hold the truth."""
    assert (torch.maximum(left.lower, right.lower) <= torch.minimum(left.upper, right.upper)).all()


@settings(max_examples=4)
@given(name=one_of_them, seed=st.integers(0, 99))
def test_rotation(name: str, seed: int) -> None:
    rows = SETS[name]
    turn = np.linalg.qr(normal(seed, rows.shape[1] + 2, rows.shape[1]))[0]  # (D+2, D)
    agree(values(solved(rows @ turn.T)), values(solved(rows)))


@settings(max_examples=4)
@given(name=one_of_them, seed=st.integers(0, 99))
def test_other_order(name: str, seed: int) -> None:
    rows = SETS[name]
    order = np.random.default_rng(seed).permutation(len(rows))
    agree(values(solved(rows[order])), values(solved(rows))[order])


@settings(max_examples=4)
@given(name=one_of_them, seed=st.integers(0, 99), factor=st.floats(1e-9, 1e9))
def test_translation_and_scale(name: str, seed: int, factor: float) -> None:
    rows = SETS[name]
    shift = np.random.default_rng(seed).standard_normal(rows.shape[1])
    agree(values(solved(factor * (rows + shift))), factor * values(solved(rows)), factor)


# Another point brings the hull nearer, or leaves it.
@settings(max_examples=4)
@given(name=one_of_them, seed=st.integers(0, 99), size=st.sampled_from([0.1, 1.0, 30.0]))
def test_one_more(name: str, seed: int, size: float) -> None:
    rows = SETS[name]
    point = size * normal(seed, 1, rows.shape[1])  # (1, D)
    before, after = solved(rows), solved(np.concatenate([rows, point]))
    assert (after.lower[:-1] <= before.upper).all()


# A point within the hull of some rows is nothing new to the margins of all the rest.
@every
def test_one_more_within(name: str) -> None:
    rows = SETS[name]
    share: Array = np.random.default_rng(7).dirichlet(np.ones(5), 1)  # (1, 5)
    before, after = solved(rows), solved(np.concatenate([rows, share @ rows[:5]]))
    agree(values(after, within=len(rows))[5:-1], values(before)[5:])
    assert (after.lower[:5] <= before.upper[:5]).all()
    assert after.lower[-1] == 0
    assert after.upper[-1] < 1e-10


# Nor is a point behind the plane that proves a margin, however far away, anything to that class.
@every
def test_rattler(name: str) -> None:
    rows = SETS[name]
    before = solved(rows)
    for row in (len(rows) // 2,):
        between = before.support(row)
        way = rows[row] - sum(share * rows[other] for other, share in between)
        behind = rows[row] - 1.001 * way + 5 * np.linalg.svd(way[None])[2][-1]
        after = solved(np.concatenate([rows, behind[None]]))
        agree(values(after)[row : row + 1], values(before)[row : row + 1])


# Only the least: its bounds are as good, and nobody else can be below.
@every
@pytest.mark.parametrize("copies", [0, 2])
def test_least_only(name: str, copies: int) -> None:
    rows = np.concatenate([SETS[name], SETS[name][:copies]])
    least, whole = solved(rows, least_only=True), solved(rows)
    agree(np.array([least.value.min()]), np.array([whole.value.min()]))
    assert float(least.lower.min()) <= float(whole.upper.min())
    assert float(least.upper.min()) >= float(whole.lower.min())
    best = int(least.upper.argmin())
    assert bool(least.settled[best])
    assert float(least.upper[best] - least.lower.min()) <= 1e-6 * float(least.upper[best]) + 1e-12
    if not copies:
        overlap(least, whole)


# A plan made on a sample.
@every
@pytest.mark.parametrize("least_only", [False, True])
def test_sample(name: str, least_only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = solved(SETS[name])
    monkeypatch.setattr(solver, "SAMPLED_FROM", 20)
    monkeypatch.setattr(solver, "SAMPLE", 7)
    result = solved(SETS[name], least_only=least_only)
    overlap(result, whole)
    agree(np.array([result.value.min()]), np.array([whole.value.min()]))
    if not least_only:
        agree(values(result), values(whole))


# Small blocks, small programmes, few first guesses.
@every
def test_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = values(solved(SETS[name]))
    monkeypatch.setattr(active_set, "SCORE_BYTES", 1)
    monkeypatch.setattr(certificate, "REFINED_BYTES", 1)
    for limit in ("ROW_BYTES", "MATRIX_BYTES"):
        monkeypatch.setattr(programmes, limit, 1)
    agree(values(solved(SETS[name], memory=1)), whole)
    monkeypatch.undo()
    monkeypatch.setattr(solver, "FIRST_GUESS", 5)
    agree(values(solved(SETS[name])), whole)


@pytest.fixture
def own_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


# The number of threads changes no digit, and is what it was afterwards.
@every
@pytest.mark.usefixtures("own_threads")
def test_threads(name: str) -> None:
    result = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        result.append(solved(SETS[name]))
        assert torch.get_num_threads() == threads
    assert result[1].lower.equal(result[0].lower)
    assert result[1].upper.equal(result[0].upper)


# Nor does it matter which block of classes is done first.
@pytest.mark.parametrize("rows", [clustered(0, 150, 55, 10, 0.3), language(0, 150, 55, 1e-2)])
@pytest.mark.parametrize("least_only", [False, True])
def test_order_of_blocks(rows: Array, least_only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards(WorkerPool):
        def map(self, work: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
            return reversed([work(task) for task in reversed(list(tasks))])

    monkeypatch.setattr(active_set, "SCORE_BYTES", 1)
    there = solved(rows, least_only=least_only)
    monkeypatch.setattr(active_set, "WorkerPool", Backwards)
    back = solved(rows, least_only=least_only)
    # Threads within a product may round its last digit otherwise.
    if least_only:
        assert float(back.upper.min()) == pytest.approx(float(there.upper.min()), rel=1e-9)
    else:
        torch.testing.assert_close(back.upper, there.upper, rtol=1e-6, atol=0)
        torch.testing.assert_close(back.lower, there.lower, rtol=2e-6, atol=0)


@pytest.mark.usefixtures("own_threads")
def test_trouble_in_a_thread() -> None:
    def work(task: int) -> int:
        if task == 5:
            raise ValueError("five")
        return task

    torch.set_num_threads(3)
    running = threading.active_count()
    with pytest.raises(ValueError, match="five"), WorkerPool(torch.device("cpu")) as pool:
        list(pool.map(work, range(40)))
    assert torch.get_num_threads() == 3
    assert threading.active_count() == running


# Everybody is counted once, duplicates too.
@every
@pytest.mark.parametrize("least_only", [False, True])
def test_progress(name: str, least_only: bool) -> None:
    heard: list[int] = []
    rows = torch.from_numpy(SETS[name])
    margins(rows, least_only=least_only, advance=lambda amount, *_: heard.append(amount))
    assert sum(heard) == len(rows)
    assert min(heard) >= 0


# A sharp code stays sharp with every corner cut out of it.
@pytest.mark.parametrize("classes", [16, 27, 56])
def test_fewer_of_a_code(classes: int) -> None:
    rows = sharp(classes)
    whole = values(solved(rows))
    for left in (classes - 1, classes // 2):
        result = values(solved(unit(rows[:left])))
        assert (result >= whole[:left] * (1 - 2e-6)).all()
