"""Which files can be written: the help of ``-o`` and the renderers say the same."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from nctool.cli.outputs import Outputs
from nctool.core import extras
from nctool.core.errors import InputError, UsageError
from nctool.render import rendered, renderer_for, renderers
from nctool.report import documents
from nctool.settings.option import options_of
from tests.support.saved import EVERY, document

ALIASES = {".htm": ".html"}
"""Other spellings, which need no help of their own."""


def helped() -> list[str]:
    """Every suffix that the help of ``-o`` names."""
    (output,) = (declared for declared in options_of(Outputs) if declared.name == "output")
    return re.findall(r"(?:\.[a-z]+)+\b", output.option.help)


# Every suffix in the help can be written, and every one that can be is in the help.
def test_help() -> None:
    assert len(set(helped())) == len(helped()) > 5
    assert set(helped()) == set(renderers()) - set(ALIASES)
    for other, known in ALIASES.items():
        assert renderers()[other] is renderers()[known]


# The suffix decides, in any case; another one is refused with all that there are.
def test_suffix() -> None:
    assert renderer_for("a/b.c/REPORT.JSON").name == "JSON"
    for target in ("report", "report.txt", ".json", "json"):
        with pytest.raises(UsageError) as caught:
            renderer_for(target)
        assert caught.value.slug == "unknown-output"
        assert set(renderers()) <= set(caught.value.hint.split())


# A kind whose library is not here says what to type, before anything is computed.
def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        renderer_for("figure.pdf")
    assert caught.value.slug == "extra-missing" and "nctool[plot]" in caught.value.hint
    assert renderer_for("report.json").extra is None


# Knowing what could be written imports no library for it, and writing text needs none.
def test_imports() -> None:
    code = """
import sys
from nctool.report import documents
from nctool.settings.option import options_of
from nctool.render import rendered, renderers
renderers()
found = documents.read("fixtures/reports/trajectory-1.0.json")
for suffix in (".json", ".flat.json", ".csv", ".wide.csv", ".xml", ".prom", ".md"):
    assert rendered(found, "x" + suffix)
print(*{"torch", "numpy", "matplotlib", "jinja2", "rich", "scipy"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# The JSON is the document itself.
@pytest.mark.parametrize("name", EVERY)
def test_json(name: str) -> None:
    text = rendered(document(name), "x.json")
    assert isinstance(text, str) and text.endswith("}\n")
    assert documents.from_text(text).to_dict() == document(name).to_dict()
