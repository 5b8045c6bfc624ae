"""Class imbalance: against dense matrices of the labels, on populations with unequal classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

import nctool
from nctool.facts import point_costs
from nctool.geometry import seli
from nctool.metrics import registry
from nctool.metrics.metric import INVARIANCES, Metric
from nctool.report import Result
from tests.geometry.test_seli import cosines, labels_decomposed
from tests.support.law_bench import analyzed, arrays, differences, result, transformed
from tests.support.populations import Array
from tests.support.stored_populations import small_blocks

UNEQUAL = ("long_tail", "empty_class", "one_sample_class")
METRICS = tuple(
    one for name, one in registry().items() if "seli" in name or name.startswith("imbalance.")
)
SELECT = "*.seli_deviation*,imbalance.*"

every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda one: one.id)


def sampled(counts: Sequence[int], means: Array, weight: Array, width: float = 0.0) -> Any:
    """Arguments of nctool.analyze: so many samples about each mean, and a head."""
    random = np.random.default_rng(60)
    labels = np.repeat(np.arange(len(counts)), counts)  # (N,)
    noise = random.standard_normal((len(labels), means.shape[1]))
    for one in range(len(counts)):
        noise[labels == one] -= noise[labels == one].mean(0)
    return {"features": means[labels] + width * noise, "labels": labels, "weight": weight}


def best(counts: Sequence[int], dim: int) -> Any:
    """Features and a head in the SELI geometry itself, about a common offset."""
    random = np.random.default_rng(61)
    turn = np.linalg.qr(random.standard_normal((dim, dim)))[0]  # (D, D)
    encoded = (np.eye(len(counts)) - 1 / len(counts))[:, np.repeat(np.arange(len(counts)), counts)]
    left, values, right = np.linalg.svd(encoded, full_matrices=False)
    firsts = np.cumsum([0, *counts[:-1]])
    rows = [left * np.sqrt(values), right.T[firsts] * np.sqrt(values)]  # (K, K) each
    weight, means = (np.pad(one, ((0, 0), (0, dim - len(counts)))) @ turn for one in rows)
    return sampled(counts, 3 * means + 5 * turn[-1], 7 * weight)


def plain(given: Any) -> dict[str, float]:
    """Every number from whole matrices, textbook fashion."""
    labels, features, weight = given["labels"], given["features"], given["weight"]
    present, counts = np.unique(labels, return_counts=True)
    means = np.array([features[labels == one].mean(0) for one in present])
    means = means - means.mean(0)
    rows = weight[present]
    small = counts**2 <= counts.min() * counts.max()
    found = {}
    for kind, points, wanted in zip(
        ("weights", "means"), (rows, means), labels_decomposed(counts.tolist()), strict=True
    ):
        gram = points @ points.T
        found[f"nc2.seli_deviation.{kind}"] = np.linalg.norm(gram / np.linalg.norm(gram) - wanted)
        pairs = cosines(gram)[small][:, small][np.triu_indices(int(small.sum()), 1)]
        if len(pairs):
            found[f"imbalance.minority_cosine.{kind}"] = pairs.mean()
        lengths = np.linalg.norm(points, axis=1)
        found[f"imbalance.norm_ratio.{kind}"] = lengths[small].mean() / lengths[~small].mean()
    logits, size = rows @ np.repeat(means, counts, axis=0).T, len(present)
    ideal = np.repeat(np.eye(size) - 1 / size, counts, axis=1)
    found["nc3.seli_deviation"] = np.linalg.norm(
        logits / np.linalg.norm(logits) - ideal / np.linalg.norm(ideal)
    )
    return {name: float(value) for name, value in found.items()}


def report(given: Any, **options: Any) -> nctool.Report:
    return nctool.analyze(**given, metrics=options.pop("metrics", SELECT), threads=1, **options)


# Every number is that of the whole matrices, classes without a sample left out.
@pytest.mark.parametrize("name", UNEQUAL)
def test_textbook(name: str) -> None:
    given = arrays(name)
    del given["ood"]
    wanted = plain(given)
    for one in report(given):
        if one.id in wanted:
            assert one.value == pytest.approx(wanted[one.id], rel=1e-10, abs=1e-14), one.id
        else:
            assert (name, one.reason) == ("one_sample_class", "only one class is small: no pairs")
    assert len(wanted) >= 5


# In the best geometry for its sizes a network deviates by rounding, and stands at the references.
@pytest.mark.parametrize("counts", [(100, 40, 40, 5, 5, 2), (30, 3), (500, 400, 30, 20, 10)])
def test_ideal(counts: tuple[int, ...]) -> None:
    found = report(best(counts, 9))
    for one in found:
        if "seli" in one.id:
            assert one.value == pytest.approx(0, abs=1e-13) and one.ideal == 0.0
        elif one.value is not None:
            assert one.best_known is not None and one.best_known.source.startswith("exact: ")
            assert one.value == pytest.approx(one.best_known.value, rel=1e-12)
        else:
            assert len(counts) == 2 and one.id.startswith("imbalance.minority_cosine")


# The arrows point from the simplex to the best geometry for unequal sizes.
@pytest.mark.parametrize("counts", [(100, 40, 40, 5, 5, 2), (500, 400, 30, 20, 10), (9, 4, 4, 4)])
def test_directions(counts: tuple[int, ...]) -> None:
    simplex = {"minority_cosine": -1 / (len(counts) - 1), "norm_ratio": 1.0}
    for one in report(best(counts, 9), metrics="imbalance.*"):
        assert one.value is not None
        up = one.value > simplex[one.id.split(".")[1]]
        assert one.toward_collapse == ("up" if up else "down"), one.id


# Small classes whose rows agree have collapsed: cosine 1, whatever their lengths.
def test_minority_collapse() -> None:
    random = np.random.default_rng(62)
    given = best((200, 150, 100, 5, 4, 3), 8)
    given["weight"][3:] = random.uniform(0.5, 2, (3, 1)) * given["weight"][3]
    found = report(given)["imbalance.minority_cosine.weights"]
    assert found.value == pytest.approx(1, abs=1e-15)
    assert found.details is not None
    large = cosines(given["weight"][:3] @ given["weight"][:3].T)[np.triu_indices(3, 1)].mean()
    assert found.details["large_cosine"] == pytest.approx(large, abs=1e-14)
    assert (found.details["small_classes"], found.details["large_classes"]) == (3, 3)


# Small is at most the geometric middle of the sizes, itself included.
@pytest.mark.parametrize(
    ("counts", "small"),
    [((100, 10, 9, 1), 3), ((100, 11, 1, 1), 2), ((10**4, 101, 99, 1), 2), ((8, 4, 2, 2), 3)],
)
def test_small(counts: tuple[int, ...], small: int) -> None:
    means = np.random.default_rng(63).standard_normal((4, 5))
    details = report(sampled(counts, means, means))["imbalance.norm_ratio.means"].details
    assert details is not None and details["small_classes"] == small
    lengths = np.linalg.norm(means - means.mean(0), axis=1)
    assert details["small_norm"] == pytest.approx(lengths[-small:].mean())
    assert details["large_norm"] == pytest.approx(lengths[:-small].mean())


# Up to a factor of 1.5 the simplex is the reference, and every metric says so in one voice.
@pytest.mark.parametrize(("largest", "status"), [(30, "undefined"), (31, "ok")])
def test_threshold(largest: int, status: str) -> None:
    means = np.random.default_rng(64).standard_normal((5, 6))
    found = report(sampled((20, 20, 22, 25, largest), means, means))
    assert {one.status for one in found} == {status} and len(tuple(found)) == 7
    if status == "undefined":
        reasons = {one.reason for one in found}
        assert len(reasons) == 1 and "within a factor of 1.5" in str(reasons.pop())


# Sizes come from the labels, so that each needs them, and the head where it is looked at.
@every_metric
def test_needs(metric: Metric) -> None:
    head = () if metric.id.endswith(".means") else ("head",)
    assert metric.needs == ("features", "labels", *head)
    given = arrays("long_tail")
    for missing in metric.needs:
        gone = ("weight", "bias") if missing == "head" else (missing,)
        rest = {role: one for role, one in given.items() if role not in gone}
        found = result(metric, rest)
        assert found.status == "skipped" and missing in (found.reason or "").split()
    alone = {role: given[role] for role in ("features", "labels", *(("weight",) if head else ()))}
    (found,) = analyzed((metric,), alone).report.metrics
    assert not differences(found, result(metric, given))


# Turning, shifting, scaling and renaming change nothing.
@pytest.mark.parametrize("act", INVARIANCES)
@every_metric
def test_invariances(metric: Metric, act: str) -> None:
    assert act in metric.invariances
    for name in ("long_tail", "empty_class"):
        given = arrays(name)
        new, _ = transformed(metric, act, given)
        assert not differences(result(metric, new), result(metric, given)), name


# Another order of the samples, or small blocks, change nothing.
@every_metric
def test_order_and_blocks(metric: Metric) -> None:
    given = arrays("long_tail")
    first = result(metric, given)
    order = np.random.default_rng(65).permutation(len(given["labels"]))
    moved = given | {role: given[role][order] for role in ("features", "labels")}
    assert not differences(result(metric, moved), first)
    with small_blocks(7):
        assert not differences(result(metric, moved), first)


# What has no direction or no length is undefined, and says which class.
def test_undefined() -> None:
    given = best((200, 150, 100, 5, 4, 3), 8)

    def reason(name: str, rows: list[int], **options: Any) -> str | None:
        weight = given["weight"].copy()
        weight[rows] = 0.0
        one = report(given | {"weight": weight}, **options)[name]
        assert (one.status == "undefined") == (one.value is None)
        assert all(math.isfinite(value) for value in (one.details or {}).values() if value)
        return one.reason

    assert reason("imbalance.minority_cosine.weights", [0, 1]) is None
    assert "class 4 has length zero" in (reason("imbalance.minority_cosine.weights", [4]) or "")
    assert reason("imbalance.norm_ratio.weights", [1, 2, 3, 4, 5]) is None
    assert "large classes" in (reason("imbalance.norm_ratio.weights", [0, 1, 2]) or "")
    assert reason("nc2.seli_deviation.weights", [0, 1, 2, 3, 4]) is None
    assert reason("imbalance.minority_cosine.weights", [0]) is None
    for one in report(given | {"weight": np.zeros_like(given["weight"])}):
        assert (one.status == "ok") == one.id.endswith(".means")
    one_class = sampled((7,), np.ones((1, 3)), np.ones((1, 3)), 1.0)
    assert {one.reason for one in report(one_class)} == {
        "one class only: there is nothing between classes to compare with"
    }


# A head whose only non-zero rows belong to absent classes has nothing to compare.
def test_rows_of_absent_classes() -> None:
    weight = np.zeros((4, 5))
    weight[3] = 1.0
    given = sampled((9, 5, 1), np.random.default_rng(66).standard_normal((3, 5)), weight)
    found = report(given)["nc2.seli_deviation.weights"]
    assert found.reason == "the classifier rows of these classes are all zero"


# More different sizes than memory or patience allow: a reason with the flag, and other numbers.
def test_memory_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    given = arrays("long_tail")
    del given["ood"]
    monkeypatch.setattr(point_costs, "seli_bytes", lambda _: 2 << 30)
    found = report(given, memory="1GiB")
    assert "--memory" in (found["nc2.seli_deviation.means"].reason or "")
    assert found["nc3.seli_deviation"].status == "ok"
    assert found["imbalance.norm_ratio.means"].value is not None
    assert found["imbalance.norm_ratio.means"].best_known is None
    assert report(given, memory="8GiB")["nc2.seli_deviation.means"].status == "ok"
    monkeypatch.setattr(seli, "MOST_SIZES", 5)
    assert "up to 5" in (report(given, memory="8GiB")["nc2.seli_deviation.means"].reason or "")


# More classes than fit: the floor is stated and respected, and no geometry is called the best.
def test_too_many_classes() -> None:
    random = np.random.default_rng(67)
    means = random.standard_normal((12, 4))
    found = report(sampled((90, 60, *[20] * 5, *[2] * 5), means, means, 0.1))
    for kind in ("means", "weights"):
        one = found[f"nc2.seli_deviation.{kind}"]
        assert one.value is not None and one.floor is not None and 0 < one.floor < one.value
        assert found[f"imbalance.minority_cosine.{kind}"].best_known is None
    counts = np.array((90, 60, *[20] * 5, *[2] * 5))
    values = np.linalg.svd(np.repeat(np.eye(12) - 1 / 12, counts, axis=1), compute_uv=False)
    share = np.linalg.norm(values[:4]) / np.linalg.norm(values)
    one = found["nc3.seli_deviation"]
    assert one.floor == pytest.approx(math.sqrt(2 - 2 * share))
    assert one.value is not None and one.floor is not None and one.floor < one.value


# The best logits for these sizes are not those of a simplex.
def test_logits() -> None:
    found = report(best((90, 30, 10, 2), 7), metrics="nc3.*_deviation")
    assert found["nc3.seli_deviation"].value == pytest.approx(0, abs=1e-9)
    assert (found["nc3.etf_deviation"].value or 0) == pytest.approx(0, abs=1e-9)
    found = report(arrays("long_tail"), metrics="nc3.*_deviation")
    assert found["nc3.seli_deviation"].value != found["nc3.etf_deviation"].value


# Profile zhou compares the head without its mean row.
def test_centred_weights() -> None:
    given = best((200, 150, 100, 5, 4, 3), 8)
    given["weight"] = given["weight"] + 3.0
    name = "nc2.seli_deviation.weights"
    assert (report(given)[name].value or 0) > 0.3
    assert report(given, profile="zhou")[name].value == pytest.approx(0, abs=1e-13)


# Structureless features and heads come out near the null value, for either centre.
@pytest.mark.parametrize("center", ["balanced", "samples"])
def test_null(center: str) -> None:
    random = np.random.default_rng(68)
    labels = np.repeat(np.arange(12), [*[60] * 4, *[20] * 4, *[6] * 4])
    seen: dict[str, list[Result]] = {}
    for _ in range(12):
        features, weight = (
            random.standard_normal((len(labels), 80)),
            random.standard_normal((12, 80)),
        )
        given = {"features": features, "labels": labels, "weight": weight}
        for one in report(given, metrics="nc2.seli*,nc3.seli*", center=center):
            seen.setdefault(one.id, []).append(one)
    for name, found in seen.items():
        mean = np.mean([one.value for one in found])
        assert found[0].null_value == pytest.approx(float(mean), rel=0.05), name
    spread = {name: found[0].null_value for name, found in seen.items()}
    assert len(set(spread.values())) == 3


# Stored in half precision, the best geometry is below what rounding alone would give.
def test_noise_floor() -> None:
    given = best((100, 40, 40, 5, 5, 2), 9)
    stored = {role: torch.from_numpy(given[role]).half() for role in ("features", "weight")}
    found = report(given | stored)
    for kind in ("means", "weights"):
        one = found[f"nc2.seli_deviation.{kind}"]
        assert one.value is not None and one.noise_floor is not None
        assert 1e-5 < one.value < 3 * one.noise_floor < 1e-2
    exact = report(given)["nc2.seli_deviation.weights"]
    assert exact.noise_floor is not None and exact.noise_floor < 1e-15


# Means of few samples are marked as such; rows of the head are not.
def test_few_samples() -> None:
    random = np.random.default_rng(69)
    features, labels = random.standard_normal((33, 40)), np.repeat(np.arange(4), [15, 10, 5, 3])
    given = {"features": features, "labels": labels, "weight": random.standard_normal((4, 40))}
    found = report(given)
    assert "sample-limited" in found["nc2.seli_deviation.means"].flags
    assert "sample-limited" not in found["nc2.seli_deviation.weights"].flags
