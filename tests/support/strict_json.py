"""JSON as strictly as it is defined, and the schema that a report's JSON keeps."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest

from nctool.report import schema


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def strict(text: str) -> dict[str, Any]:
    """Parse as JSON is defined: NaN and Infinity are no JSON."""

    def refuse(token: str) -> None:
        pytest.fail(f"{token} is no JSON")

    plain: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return plain
