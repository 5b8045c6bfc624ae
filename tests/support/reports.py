"""Reports of the named populations, and JSON as strictly as it is defined."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest

from nctool import analyze
from nctool.report import Report, schema
from tests.support.populations import DEGENERATE, POPULATIONS

EVERY = POPULATIONS | DEGENERATE


@cache
def of_population(name: str, **options: Any) -> Report:
    one = EVERY[name]()
    return analyze(
        features=one.features, labels=one.labels, weight=one.weight, bias=one.bias, threads=1,
        **options,
    )  # fmt: skip


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def strict(text: str) -> dict[str, Any]:
    """Parse as JSON is defined: NaN and Infinity are no JSON."""

    def refuse(token: str) -> None:
        pytest.fail(f"{token} is no JSON")

    plain: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return plain
