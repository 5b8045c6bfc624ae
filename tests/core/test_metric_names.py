"""Which metrics a text names: ids, families, beginnings in whole parts, globs."""

from __future__ import annotations

import pytest

from nctool.core.metric_names import matching, names, suggestion
from nctool.metrics import registry

IDS = tuple(registry())


# An id names itself alone: no id is the family or the beginning of another.
@pytest.mark.parametrize("metric_id", IDS)
def test_ids(metric_id: str) -> None:
    assert matching(metric_id, IDS) == [metric_id]


# A family, a beginning of whole parts and a glob name what they say, in the order of the ids.
@pytest.mark.parametrize(
    ("pattern", "glob"),
    [
        ("nc1", "nc1.*"),
        ("gnc", "gnc*"),
        ("nc", "nc*"),
        ("hug", "hug.*"),
        ("gnc2", "gnc2.*"),
        ("nc2.norm_cv", "nc2.norm_cv.*"),
        ("gnc2.margin", "gnc2.margin.*"),
    ],
)
def test_families(pattern: str, glob: str) -> None:
    assert len(matching(pattern, IDS)) > 1
    assert matching(pattern, IDS) == matching(glob, IDS)


# A beginning inside a word names nothing, and neither does half an id without its neighbour.
@pytest.mark.parametrize("pattern", ["nc1.p", "n", "", "nc1.", "nc3.cos", "1", "."])
def test_no_parts_of_words(pattern: str) -> None:
    assert matching(pattern, IDS) == []
    assert not names("nc3.cosine", "nc3.cosine_cv")


# What names nothing gets the nearest ids and families, in any case, and else only the way out.
@pytest.mark.parametrize(
    ("pattern", "near"),
    [("nc1.pniv", "nc1.pinv"), ("NC1", "nc1"), ("hgu", "hug"), ("nc2.maxcos*", "nc2.max_cos")],
)
def test_suggestion(pattern: str, near: str) -> None:
    text = suggestion(pattern, IDS, "otherwise")
    assert near in text.removeprefix("did you mean ").split("?")[0].split(" or ")
    assert text.endswith("? otherwise") and suggestion("????", IDS, "otherwise") == "otherwise"
