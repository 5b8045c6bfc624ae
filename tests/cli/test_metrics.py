"""``nctool metrics``: every metric in a list, and each explained by its own documentation."""

from __future__ import annotations

import re

import pytest

from nctool.metrics import registry
from tests.cli.shell import inside, nctool


# The list has every metric once, with its direction and title.
def test_every_metric_is_listed() -> None:
    said = nctool("metrics")
    assert (said.code, said.err) == (0, "")
    rows = [line.split(maxsplit=2) for line in said.out.splitlines() if line.startswith("  ")]
    arrows = {"up": "↑", "down": "↓"}
    assert rows == [
        [key, arrows[metric.toward_collapse], metric.title] for key, metric in registry().items()
    ]


# One metric is explained by its own documentation, in the promised order.
@pytest.mark.parametrize("metric_id", registry())
def test_one_metric(metric_id: str) -> None:
    said = inside("metrics", metric_id)
    metric = registry()[metric_id]
    assert said.code == 0 and said.out.startswith(
        f"{metric_id}  {metric.title}\n{metric.definition}\n"
    )
    assert " ".join(metric.doc.split()) in " ".join(said.out.split())
    # A title stays in one piece.
    assert max(map(len, said.out.splitlines()[1:])) <= 80
    parts = ["Formula:", "Convention:", "Undefined when:", "Reference:", "Perfect:", "Needs:"]
    places = [said.out.find(f"\n{part}") for part in parts]
    assert -1 not in places and places == sorted(places)


# A family or a glob is listed, with nothing else in the list.
@pytest.mark.parametrize(("name", "count"), [("nc1", 5), ("nc4.*", 3), ("nc2.norm_cv", 2)])
def test_family(name: str, count: int) -> None:
    rows = [line.split()[0] for line in inside("metrics", name).out.splitlines() if line[:1] == " "]
    assert len(rows) >= count and all(row.startswith(name.rstrip("*")) for row in rows)


# A metric that does not exist is 2, with the nearest there are.
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nc1.pniv", "nc1.pinv"),
        ("nc2.maxcos", "nc2.max_cos"),
        ("acuracy", "nc4.accuracy"),
    ],
)
def test_no_such_metric(name: str, near: str) -> None:
    said = nctool("metrics", name)
    assert (said.code, said.out) == (2, "")
    nearest = re.search(r"did you mean ([^?]+)\?", said.err)
    assert nearest and near in nearest[1].split(" or ")
    assert name in said.err and "nctool metrics" in said.err


# A name like nothing else gets the way to the list and no wild guess.
def test_nothing_near() -> None:
    said = inside("metrics", "????")
    assert said.code == 2 and "did you mean" not in said.err and "nctool metrics" in said.err
