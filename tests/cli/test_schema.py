"""``nctool schema``: the published JSON Schema, printed."""

from __future__ import annotations

import json

import jsonschema

from nctool.report import schema
from tests.cli.shell import nctool


# The printed schema is the published one, and a valid JSON Schema.
def test_schema() -> None:
    said = nctool("schema")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == schema()
    jsonschema.Draft202012Validator.check_schema(schema())
