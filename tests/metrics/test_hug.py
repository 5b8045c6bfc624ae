"""Uniformity between classes: closed forms through the whole analysis, and what has no value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import nctool
from nctool.analysis.measure import measure
from nctool.core.progress import Advance, Silent
from nctool.facts import pairs
from nctool.geometry.delsarte import energy_bound
from nctool.geometry.no_bound import NoBound
from nctool.geometry.nulls import random_level
from nctool.geometry.tiles import pairs_of
from nctool.metrics import hug, registry
from nctool.report import Report, Result
from tests.support.law_bench import SETTINGS, analyzed, arrays, result, sourced
from tests.support.point_sets import cell24, cloud, etf, icosahedron, orthoplex, polygon, sharp
from tests.support.populations import Array

LABELS = np.repeat(np.arange(5), 40)
ENERGIES = ("hug.energy_s0", "hug.energy_s1", "hug.energy_s2", "hug.energy_newton")
REFUSED = (*ENERGIES, "hug.logdet", "hug.uniformity")
"""What is infinite, or undefined, where directions coincide."""


METRICS = tuple(one for one in registry().values() if one.measure.__module__ == hug.__name__)


def between(kind: str) -> str:
    return ",".join(one.id for one in METRICS if one.id.endswith(kind))


def of_head(weight: Array, **settings: Any) -> Report:
    return nctool.analyze(weight=weight, metrics=between("weights"), **settings)


def of_means(means: Array, **settings: Any) -> Report:
    """Two samples to a class, apart, so that nothing is collapsed; far from the origin."""
    step = 0.1 * np.eye(means.shape[1])[0]
    features = np.concatenate([means + step, means - step]) + 3.0
    labels = np.tile(np.arange(len(means)), 2)
    return nctool.analyze(features=features, labels=labels, metrics=between("means"), **settings)


def stretched(rows: Array) -> Array:
    """The same directions, of other lengths."""
    longer: Array = rows * np.linspace(0.5, 7.0, len(rows))[:, None]
    return longer


def value(found: Result) -> float:
    assert found.value is not None, (found.id, found.reason)
    return found.value


def best(found: Result) -> float:
    assert found.best_known is not None, found.id
    return found.best_known.value


# At a regular simplex everything is at its best known value, from head and means alike, whatever
# the lengths of the rows.
@pytest.mark.parametrize(("classes", "dim"), [(2, 4), (4, 5), (10, 24), (30, 29)])
def test_simplex(classes: int, dim: int) -> None:
    square, gauss = 2 * classes / (classes - 1), math.exp(-2 * classes / (classes - 1))
    wanted = {
        "energy_s0": -math.log(square) / 2,
        "energy_s1": math.sqrt((classes - 1) / (2 * classes)),
        "energy_s2": (classes - 1) / (2 * classes),
        "energy_newton": -(dim - 2) / 2 * math.log(square),
        "separation": math.sqrt(square),
        "logdet": (classes - 1) * math.log(1 - gauss) + math.log(1 + (classes - 1) * gauss),
        "uniformity": 1.0,
    }
    rows = etf(classes, dim)
    for report in (of_head(stretched(rows)), of_means(4 * rows)):
        assert len(report.metrics) == len(wanted)
        for one in report:
            name = one.id.split(".")[1]
            if (one.id, classes) == ("hug.uniformity.means", 2):
                continue  # two centred means leave no room to be uniform in
            assert value(one) == pytest.approx(wanted[name], rel=1e-12), one.id
            if name != "uniformity":
                assert best(one) == pytest.approx(wanted[name], rel=1e-12), one.id
                assert one.best_known is not None and one.best_known.source.startswith("exact: ")


# At a cross-polytope energies and separation are the least and largest, and known to be.
@pytest.mark.parametrize("dim", [4, 12])
def test_orthoplex(dim: int) -> None:
    report = of_head(stretched(orthoplex(dim)))
    assert value(report["hug.separation.weights"]) == pytest.approx(math.sqrt(2))
    assert value(report["hug.uniformity.weights"]) == pytest.approx(1, abs=1e-12)
    for name in (*ENERGIES, "hug.separation"):
        found = report[f"{name}.weights"]
        assert value(found) == pytest.approx(best(found), rel=1e-12)
        assert found.best_known is not None and found.best_known.source.startswith("exact: ")
    assert report["hug.logdet.weights"].best_known is None


# In the plane the polygon is best; two dimensions have no Newtonian energy and no uniformity.
def test_polygon() -> None:
    report = of_head(polygon(9))
    for name in ("hug.energy_s0", "hug.energy_s1", "hug.energy_s2", "hug.separation"):
        found = report[f"{name}.weights"]
        assert value(found) == pytest.approx(best(found), rel=1e-12)
    assert "three dimensions" in str(report["hug.energy_newton.weights"].reason)
    assert "infinite energy for d <= 3" in str(report["hug.uniformity.weights"].reason)


# Codes that the linear program proves best are as uniform as can be; the 24-cell nearly.
@pytest.mark.parametrize(("rows", "off"), [(sharp(16), 1e-6), (sharp(27), 1e-6), (cell24(), 0.01)])
def test_codes(rows: Array, off: float) -> None:
    report = of_head(rows)
    found = report["hug.uniformity.weights"]
    assert 1 - off <= value(found) <= 1
    for name in ENERGIES[:3]:
        energy = report[f"{name}.weights"]
        assert best(energy) <= value(energy)
        assert energy.best_known is not None
        assert energy.best_known.source == "bound: linear programming"
    assert found.details is not None
    assert found.details["best"] == best(report["hug.energy_s2.weights"])


# Three dimensions: no uniformity, and energies s = 0, 1 and the Newtonian have their references.
def test_three_dimensions() -> None:
    report = of_head(icosahedron())
    assert report["hug.uniformity.weights"].status == "undefined"
    for name, null in zip(ENERGIES, (0.5 - math.log(2), 1.0, None, None), strict=True):
        found = report[f"{name}.weights"]
        assert value(found) == pytest.approx(best(found), abs=1e-7)
        if name == "hug.energy_newton":
            # The same energy, whose mean is 1 by chance, and of which a median is given.
            assert found.null_value is not None and found.null_value < 0
        else:
            assert found.null_value == (None if null is None else pytest.approx(null))


# Random directions are at the null values, but for their own scatter.
def test_random() -> None:
    rows = cloud(1, 400, 20)
    report = of_head(rows)
    assert abs(value(report["hug.uniformity.weights"])) < 0.02
    for name in ENERGIES[:3]:
        found = report[f"{name}.weights"]
        assert found.null_value is not None
        assert value(found) == pytest.approx(found.null_value, rel=0.01)


# Of two class means all is fixed by centring: exactly so, and with no room for uniformity.
def test_two_means() -> None:
    report = of_means(cloud(10, 2, 6))
    for name, null in zip(ENERGIES[:3], (-math.log(2), 0.5, 0.25), strict=True):
        found = report[f"{name}.means"]
        assert (found.null_value, found.null_sd, found.null_source) == (null, 0.0, "exact")
    assert report["hug.uniformity.means"].status == "undefined"
    assert "opposite" in str(report["hug.uniformity.means"].reason)


# Uniformity is the formula, of the mean and of each class.
def test_uniformity() -> None:
    report = of_head(cloud(2, 40, 12), per_class=True)
    found, energy = report["hug.uniformity.weights"], report["hug.energy_s2.weights"]
    random, least = random_level(2, 12), energy_bound(40, 12, 2)
    assert random is not None and energy.per_class is not None and found.per_class is not None
    assert value(found) == pytest.approx((random - value(energy)) / (random - least))
    for one, own in zip(found.per_class, energy.per_class, strict=True):
        assert one is not None and own is not None
        assert one == pytest.approx((random - own) / (random - least))
    assert found.worst is not None and energy.worst is not None
    assert [one.index for one in found.worst] == [one.index for one in energy.worst]


# By class: energies over the others, whose mean is the value; the nearest other, whose least is.
def test_by_class() -> None:
    rows = cloud(3, 15, 6)
    square = ((rows[:, None] - rows) ** 2).sum(-1)
    np.fill_diagonal(square, np.inf)
    report = of_head(stretched(rows), per_class=True)
    others = square[~np.eye(15, dtype=bool)].reshape(15, 14)
    wanted = {
        "energy_s0": (-np.log(others) / 2).mean(1),
        "energy_s1": (others**-0.5).mean(1),
        "energy_s2": (1 / others).mean(1),
        "energy_newton": np.log((others**-2).mean(1)),
        "separation": np.sqrt(others.min(1)),
    }
    for name, values in wanted.items():
        assert report[f"hug.{name}.weights"].per_class == pytest.approx(values.tolist(), rel=1e-12)
    closest = report["hug.separation.weights"]
    assert closest.details is not None and closest.worst is not None
    pair = [str(one) for one in np.unravel_index(square.argmin(), square.shape)]
    assert closest.details["closest"] == pair
    assert {one.name for one in closest.worst[:2]} == set(pair)


# Where directions coincide no energy has a value, and the reason counts and names the pairs; the
# separation is nought, and says the same in its details, as plain JSON.
def test_coincident() -> None:
    rows = cloud(4, 8, 5)
    rows[3], rows[6], rows[7] = 2 * rows[1], rows[1], 0.1 * rows[0]
    report = of_head(rows, class_names=list("abcdefgh"))
    for name in REFUSED:
        found = report[f"{name}.weights"]
        assert found.status == "undefined" and found.value is None
        assert found.reason == (
            "4 pairs of classifier rows have one direction: a and h; b and d; b and g; ..."
        )
    found = report["hug.separation.weights"]
    assert found.value == 0.0
    pairs = [["a", "h"], ["b", "d"], ["b", "g"], ["d", "g"]]
    assert found.details == {"closest": ["a", "h"], "coincident_pairs": 4, "pairs": pairs}
    assert json.loads(json.dumps(found.details)) == found.details


# One pair is one.
def test_one_pair() -> None:
    report = of_means(np.array([[1.0, 0, 0, 0], [2.0, 0, 0, 0], [-3.0, 1, 0, 0], [0.0, -1, 0, 0]]))
    reason = report["hug.energy_s2.means"].reason
    assert reason == "1 pair of class means has one direction: 0 and 1"


# Means that coincide before scaling, as far as arithmetic can tell, do so after it, however large
# the rounding looks on the sphere.
def test_coincident_means() -> None:
    features = np.random.default_rng(0).standard_normal((5, 40, 6)).astype(np.float32)
    features[2] = features[1][::-1]
    given: dict[str, Any] = {"features": features.reshape(200, 6), "labels": LABELS}
    facts = analyzed(METRICS, given).facts
    assert facts.value("energies[means]").separation == 0.0
    report = nctool.analyze(**given, metrics=between("means"))
    assert report["hug.separation.means"].value == 0.0
    reason = "1 pair of class means has one direction: 1 and 2"
    assert report["hug.energy_s2.means"].reason == reason
    assert report["hug.logdet.means"].reason == reason


# On a line two classes are apart and three are not.
def test_one_dimension() -> None:
    two = of_head(np.array([[1.0], [-2.0]]))
    assert value(two["hug.separation.weights"]) == 2.0
    assert value(two["hug.energy_s1.weights"]) == best(two["hug.energy_s1.weights"]) == 0.5
    three = of_head(np.array([[1.0], [-2.0], [3.0]]))
    assert three["hug.separation.weights"].value == best(three["hug.separation.weights"]) == 0.0
    assert "0 and 2" in str(three["hug.energy_s0.weights"].reason)


# Degenerate inputs have a reason of their own, never a number.
@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("one_class", "means", "one class only"),
        ("one_class", "weights", "one class only"),
        ("all_zero", "means", "all class means coincide"),
        ("all_means_coincide", "means", "all class means coincide"),
        ("zero_weight_row", "weights", "classifier row 2 is zero"),
        ("coincident_means", "means", "1 pair of class means"),
    ],
)
def test_degenerate(name: str, kind: str, reason: str) -> None:
    for metric in REFUSED:
        found = result(registry()[f"{metric}.{kind}"], arrays(name))
        assert found.status == "undefined" and reason in str(found.reason), metric


# A matrix that does not fit is not made, and the reason says how large it would be.
def test_memory() -> None:
    rows = cloud(6, 3500, 8)
    report = nctool.analyze(weight=rows, metrics="hug.logdet.weights", memory=64 << 20)
    reason = "half a K x K matrix would need 67.2 MiB: --memory 68MiB allows it"
    assert report["hug.logdet.weights"].reason == reason


# Directions that nearly coincide have energies but no log-determinant: its digits are gone.
@pytest.mark.parametrize("width", [1e-6, 1e-8])
def test_singular(width: float) -> None:
    rows = cloud(7, 6, 5)
    rows[1] = rows[0] + width * rows[2]
    report = of_head(rows)
    assert "singular" in str(report["hug.logdet.weights"].reason)
    assert value(report["hug.energy_s2.weights"]) > 0.01 / width**2


# Without a bound energies still have their values, and uniformity says what it lacks.
def test_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> float:
        raise NoBound("the linear program failed")

    monkeypatch.setattr("nctool.geometry.delsarte.energy_bound", none)
    report = of_head(cloud(8, 9, 4))
    for name in ENERGIES:
        found = report[f"{name}.weights"]
        assert value(found) and found.best_known is None
    reason = report["hug.uniformity.weights"].reason
    assert reason == "nothing to measure against: the linear program failed"


class Heard(Silent):
    """Remembers every task, and how much of it was done."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, int]] = []
        self.done = 0.0

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        self.tasks.append((title, total))

        def advance(amount: float, note: str = "") -> None:
            self.done += amount

        yield advance


# Many pairs are one watched pass, whatever number of metrics asks for them; few are not watched.
def test_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    given = arrays("many_classes")
    heard = Heard()
    measure(sourced(given), METRICS, SETTINGS, heard)
    assert [title for title, _ in heard.tasks] == ["class means"]
    monkeypatch.setattr(pairs, "MANY", 40)
    heard = Heard()
    measure(sourced(given), METRICS, SETTINGS, heard)
    total = pairs_of(40)
    watched = {("pairs of class means", total), ("pairs of classifier rows", total)}
    assert set(heard.tasks[1:]) == watched and len(heard.tasks) == 3
    assert heard.done == 2 * total + len(given["labels"])


# Means that samples blur more than they differ are flagged, the head's rows never.
@pytest.mark.parametrize(("spread", "flagged"), [(0.0, True), (0.15, True), (1.0, False)])
def test_flags(spread: float, flagged: bool) -> None:
    random = np.random.default_rng(9)
    centres = spread * random.standard_normal((5, 12))
    given: dict[str, Any] = {
        "features": centres[LABELS] + random.standard_normal((200, 12)),
        "labels": LABELS,
        "weight": random.standard_normal((5, 12)),
    }
    share = analyzed(METRICS, given).facts.value("understatement")
    assert share is not None and (share > 0.5) == flagged
    assert 0.5 < share < 0.95 or spread != 0.15
    for one in nctool.analyze(**given, metrics=between("s")):
        blurred = flagged and one.id.endswith("means")
        assert one.flags == (("sample-limited",) if blurred else ()), one.id
