"""What nctool knows without data: its metrics, its schema, and the machine it runs on."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import torch

import nctool as package
from nctool.metrics import registry
from nctool.readers import readers
from nctool.report import schema
from tests.cli.shell import inside, nctool


# The list has every metric once, with its direction and title.
def test_every_metric_is_listed() -> None:
    said = nctool("metrics")
    assert (said.code, said.err) == (0, "")
    rows = [one.split(maxsplit=2) for one in said.out.splitlines() if one.startswith("  ")]
    arrows = {"up": "↑", "down": "↓"}
    assert rows == [
        [key, arrows[one.toward_collapse], one.title] for key, one in registry().items()
    ]


# One metric is explained by its own documentation, in the promised order.
@pytest.mark.parametrize("metric_id", registry())
def test_one_metric(metric_id: str) -> None:
    said = inside("metrics", metric_id)
    one = registry()[metric_id]
    assert said.code == 0 and said.out.startswith(f"{metric_id}  {one.title}\n{one.definition}\n")
    assert " ".join(one.doc.split()) in " ".join(said.out.split())
    # A title stays in one piece.
    assert max(map(len, said.out.splitlines()[1:])) <= 80
    parts = ["Formula:", "Convention:", "Undefined when:", "Reference:", "Perfect:", "Needs:"]
    places = [said.out.find(f"\n{part}") for part in parts]
    assert -1 not in places and places == sorted(places)


# A metric that does not exist is 2, with the nearest there are.
@pytest.mark.parametrize(
    ("name", "near"),
    [("nc1.pniv", "nc1.pinv"), ("nc2.max_cos", "nc2.max_cos.means"), ("acuracy", "nc4.accuracy")],
)
def test_no_such_metric(name: str, near: str) -> None:
    said = nctool("metrics", name)
    assert (said.code, said.out) == (2, "")
    nearest = re.search(r"nearest: ([^;]+);", said.err)
    assert nearest and near in nearest[1].split(", ")
    assert name in said.err and "nctool metrics" in said.err


# A name like nothing else gets the way to the list and no wild guess.
def test_nothing_near() -> None:
    said = inside("metrics", "????")
    assert said.code == 2 and "nearest" not in said.err and "nctool metrics" in said.err


# The printed schema is the published one, and a valid JSON Schema.
def test_schema() -> None:
    said = nctool("schema")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == schema()
    jsonschema.Draft202012Validator.check_schema(schema())


# The doctor names the versions, the devices, and every format that can be read.
def test_doctor() -> None:
    said = inside("doctor")
    assert said.code == 0
    rows = [one.split() for one in said.out.splitlines() if one.startswith("  ")]
    assert ["nctool", package.__version__] in rows
    assert ["torch", torch.__version__] in rows
    assert any(one[0] == "cpu" and str(torch.get_num_threads()) in one for one in rows)
    assert torch.cuda.is_available() or ["cuda", "not", "available"] in rows
    formats = [one for one in readers() if one.covers]
    for row, one in zip(rows[-len(formats) :], formats, strict=True):
        assert row[0] == one.name
        missing = one.extra is not None and bool(one.extra.missing)
        assert row[1:] == (f"needs: {one.extra.command}".split() if one.extra and missing else [])
