"""Rows, labels and head rows that do not match: told apart, and what would mend them is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file

import nctool
from nctool.core.notice import Notice

SLUGS = {"labels-shifted", "head-rows-permuted", "rows-misaligned"}
DIGITS = Path(__file__).parents[2] / "fixtures" / "digits"
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Run:
    """Samples, their labels, and a head."""

    features: Array  # (N, D)
    labels: Array  # (N,)
    weight: Array  # (K, D)
    bias: Array | None = None

    def notices(self, **changed: Array) -> list[Notice]:
        given: dict[str, Any] = {
            "features": self.features,
            "labels": self.labels,
            "weight": self.weight,
        }
        report = nctool.analyze(**{**given, "bias": self.bias, **changed}, metrics="nc4.*")
        return [notice for notice in report.warnings if notice.slug in SLUGS]

    def notice(self, **changed: Array) -> Notice:
        (notice,) = self.notices(**changed)
        return notice

    def rows(self, order: Array) -> dict[str, Array]:
        """The head with its rows in another order."""
        bias = {} if self.bias is None else {"bias": self.bias[order]}
        return {"weight": self.weight[order], **bias}


def digits(epoch: int, split: str = "train") -> Run:
    arrays = load_file(DIGITS / f"epoch={epoch:04}.safetensors")
    return Run(
        arrays[f"{split}_features"],
        arrays[f"{split}_labels"],
        arrays["head.weight"],
        arrays["head.bias"],
    )


def tight(classes: int, dim: int, *, ratio: float = 1.0, each: int = 12, seed: int = 0) -> Run:
    """Collapsed: the head names the nearest mean; classes are of sizes 1 to ``ratio``."""
    random = np.random.default_rng(seed)
    means = random.standard_normal((classes, dim))
    means -= means.mean(axis=0)
    sizes = np.ceil(each * np.geomspace(1, ratio, classes)).astype(int)
    labels = random.permutation(np.repeat(np.arange(classes), sizes))
    features = means[labels] + 0.2 * random.standard_normal((len(labels), dim))
    return Run(features.astype(np.float32), labels, means, -(means**2).sum(axis=1) / 2)


def half(classes: int) -> Array:
    """The first half of the rows moved on by one, the others in place."""
    order = np.arange(classes)
    order[: classes // 2] = np.roll(order[: classes // 2], 1)
    return order


TRAINED = [digits(3), digits(10, "test"), digits(1000), digits(300, "test")]
COLLAPSED = [
    tight(10, 64),
    tight(100, 64, ratio=10),
    tight(1000, 128, each=4),
    tight(50, 8, ratio=4),
]
RUNS = [*TRAINED, *COLLAPSED]
AS_WORDS = ["digits-3", "digits-10-test", "digits-1000", "digits-300-test", *"abcd"]


# A constant added to every label is found, with its sign the shorter way round, and undoing it as
# the hint says leaves nothing to complain of.
@pytest.mark.parametrize("shift", [1, -1, 4])
@pytest.mark.parametrize("run", RUNS, ids=AS_WORDS)
def test_shifted_labels(run: Run, shift: int) -> None:
    classes = len(run.weight)
    moved = (run.labels + shift) % classes
    notice = run.notice(labels=moved)
    assert notice.slug == "labels-shifted" and notice.data["shift"] == -shift
    assert notice.hint.startswith(f"use labels = (labels {'-' if shift > 0 else '+'} {abs(shift)})")
    mended = (moved + int(notice.data["shift"])) % classes
    assert not run.notices(labels=mended)


# Head rows in another order, all or half of them, are found with the order that mends them.
@pytest.mark.parametrize("which", ["all", "half"])
@pytest.mark.parametrize("run", RUNS, ids=AS_WORDS)
def test_permuted_rows(run: Run, which: str) -> None:
    classes = len(run.weight)
    random = np.random.default_rng(5)
    order = random.permutation(classes) if which == "all" else half(classes)
    notice = run.notice(**run.rows(order))
    assert notice.slug == "head-rows-permuted"
    mended = np.array(notice.data["order"])
    assert (order[mended] == np.arange(classes)).mean() > 0.95
    assert not run.notices(**run.rows(order[mended]))


# Labels that lag behind their samples are found, with the number of rows; cyclically or not.
@pytest.mark.parametrize("shift", [1, -3, 25])
@pytest.mark.parametrize("run", RUNS, ids=AS_WORDS)
def test_moved_rows(run: Run, shift: int) -> None:
    notice = run.notice(labels=np.roll(run.labels, -shift))
    assert notice.slug == "rows-misaligned" and notice.data["shift"] == shift
    assert notice.hint.startswith(f"use labels = numpy.roll(labels, {shift})")
    cut = abs(shift)
    features, labels = run.features, run.labels
    if shift > 0:
        features, labels = features[:-cut], labels[cut:]
    else:
        features, labels = features[cut:], labels[:-cut]
    assert run.notice(features=features, labels=labels).data["shift"] == shift


# The same where samples come class by class: moved labels are right for most of each class.
@pytest.mark.parametrize("run", TRAINED, ids=AS_WORDS[:4])
def test_moved_rows_class_by_class(run: Run) -> None:
    by_class = np.argsort(run.labels, kind="stable")
    labels = np.roll(run.labels[by_class], 15)
    notice = run.notice(features=run.features[by_class], labels=labels)
    assert notice.slug == "rows-misaligned" and notice.data["shift"] == -15


# Shuffled rows: no order is known, but that there is one.
@pytest.mark.parametrize("run", RUNS, ids=AS_WORDS)
def test_shuffled_rows(run: Run) -> None:
    notice = run.notice(labels=np.random.default_rng(7).permutation(run.labels))
    assert notice.slug == "rows-misaligned" and notice.data["shift"] is None


# Two classes the other way round: every permutation of two is a shift.
def test_two_classes() -> None:
    run = tight(2, 64, each=40)
    for changed in ({"labels": 1 - run.labels}, run.rows(np.array([1, 0]))):
        notice = run.notice(**changed)
        assert notice.slug == "labels-shifted" and "decided as the other one" in notice.message


# What is said, in full.
def test_words() -> None:
    run = tight(10, 64)
    notice = run.notice(labels=(run.labels + 9) % 10)
    assert notice.message == (
        "rows and labels do not match: every class is decided as the next one "
        "(0→1, 1→2, 2→3 …; relabelled so, the head is right on 100 %)"
    )
    notice = run.notice(labels=(run.labels + 1) % 10)
    assert notice.hint == "use labels = (labels - 1) % 10: they seem to be counted from one"
    notice = run.notice(**run.rows(half(10)))
    assert notice.message == (
        "rows and labels do not match: 5 of 10 classes are decided as another (0→1, 1→2, 2→3 …; "
        "with the head's rows in this order it is right on 100 %, not 50 %)"
    )
    assert notice.hint == (
        "use weight = weight[order] and bias = bias[order], order = [1, 2, 3, 4, 0, 5, 6, 7, 8, 9]"
    )


# Class numbers that somebody sorted as text are recognised, on whichever side.
def test_sorted_as_text() -> None:
    run = tight(20, 64)
    as_text = np.array(sorted(range(20), key=str))
    for order in (as_text, np.argsort(as_text)):
        assert "sorted as text" in run.notice(**run.rows(order)).hint
    assert "sorted as text" not in run.notice(**run.rows(half(20))).hint


# Labels are the classes of rows of a larger head: which rows are theirs is found.
def test_more_rows_than_classes() -> None:
    run = tight(60, 64)
    kept = np.flatnonzero(run.labels >= 45)
    notice = run.notice(features=run.features[kept], labels=run.labels[kept] - 45)
    assert notice.slug == "labels-shifted" and notice.data["shift"] == -15


# Samples without a class keep their place in the order of rows.
def test_ignored_samples() -> None:
    run = tight(10, 64)
    labels = np.where(np.arange(len(run.labels)) % 7 == 3, -100, run.labels)
    assert run.notice(labels=np.roll(labels, -2)).data["shift"] == 2
    assert not run.notices(labels=labels)


def untrained(classes: int, dim: int, spread: float, seed: int) -> Run:
    """Tight classes, or wide ones, or none at all; a head that knows nothing of them."""
    run, random = tight(classes, dim, each=30, seed=seed), np.random.default_rng(seed + 1)
    noise = random.standard_normal(run.features.shape).astype(np.float32)
    features = spread * noise if spread > 10 else run.features + spread * noise
    return Run(features, run.labels, random.standard_normal((classes, dim)))


# An untrained head is no better in any order that is not luck: in classes however tight, in noise,
# sorted or not, with few classes (where one of few orders fits often) and with many.
@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("spread", [0.0, 3.0, 100.0])
@pytest.mark.parametrize("dim", [3, 64])
@pytest.mark.parametrize("classes", [2, 3, 4, 10, 100])
def test_untrained(classes: int, dim: int, spread: float, by_class: bool) -> None:
    for seed in range(3):
        run = untrained(classes, dim, spread, seed)
        if by_class:
            order = np.argsort(run.labels)
            run = Run(run.features[order], run.labels[order], run.weight)
        assert not run.notices()


# Epoch 0 of the digits: 10 % against 81 % by nearest mean. No order helps, and it is near chance.
def test_untrained_digits() -> None:
    run = digits(0)
    assert not run.notices()
    given: dict[str, Any] = {"features": run.features, "labels": run.labels, "weight": run.weight}
    report = nctool.analyze(**given, bias=run.bias)
    assert "head-near-chance" in {notice.slug for notice in report.warnings}


# A run in training is in order at every epoch, on samples it has seen or not.
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("epoch", [1, 3, 10, 30, 100, 300, 1000])
def test_partly_trained(epoch: int, split: str) -> None:
    assert not digits(epoch, split).notices()


# So is one whose labels are wrong in part: at random, or always for the same other class.
@pytest.mark.parametrize("share", [0.2, 0.4, 0.8])
def test_wrong_labels(share: float) -> None:
    run, random = digits(1000), np.random.default_rng(3)
    wrong = random.random(len(run.labels)) < share
    assert not run.notices(labels=np.where(wrong, random.integers(0, 10, len(wrong)), run.labels))
    confused = wrong & (run.labels == 3)
    assert not run.notices(labels=np.where(confused, 5, run.labels))


# A few samples are no evidence.
def test_few_samples() -> None:
    run = tight(10, 64, each=1)
    few = slice(0, 4)
    assert not run.notices(features=run.features[few], labels=(run.labels[few] + 1) % 10)


# Two of a thousand classes the other way round are no matter of order, two of ten are.
def test_two_rows_exchanged() -> None:
    for classes, dim, count in ((1000, 128, 0), (10, 64, 1)):
        run = tight(classes, dim, each=10)
        order = np.r_[1, 0, 2:classes]
        assert len(run.notices(**run.rows(order))) == count


# In half precision, and whatever a metric asks for: only where the head was looked at.
def test_only_where_the_head_is_read() -> None:
    run = tight(10, 64)
    given: dict[str, Any] = {
        "features": run.features.astype(np.float16),
        "labels": (run.labels + 1) % 10,
    }
    for chosen, slugs in (("nc4.accuracy", {"labels-shifted"}), ("nc1.trace_ratio", set())):
        report = nctool.analyze(**given, weight=run.weight, metrics=chosen)
        assert {notice.slug for notice in report.warnings} & SLUGS == slugs


# Over samples, labels and head rows that do not match there is no verdict, and no number for it.
def test_withheld() -> None:
    run = tight(10, 64)
    given: dict[str, Any] = {"features": run.features, "weight": run.weight, "bias": run.bias}
    report = nctool.analyze(**given, labels=np.roll(run.labels, 1), metrics="collapse")
    assert report.verdict is not None and report.verdict.word is None
    assert report.verdict.withheld == "rows-misaligned"
    weakest = report["collapse.weakest"]
    assert weakest.value is None
    assert weakest.reason == "rows and labels do not match (rows-misaligned)"
    report = nctool.analyze(**given, labels=run.labels, metrics="collapse")
    assert report.verdict is not None and report.verdict.withheld is None
