"""The reports of a small real run, as read and approved once: text and JSON."""

from __future__ import annotations

import copy
import json
import re

import pytest
import torch
from typer.testing import CliRunner

import nctool
from nctool.cli import app
from tests.golden.goldens import JSON, ROOT, check_json, check_text, differences, rounded

EPOCH_10 = "fixtures/digits/epoch=0010.safetensors"
LOOKS = dict.fromkeys(("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"))


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are as the user wrote them, so they are written from here."""
    monkeypatch.chdir(ROOT)


def said(*words: str, **looks: str) -> str:
    if words[0] == "analyze":
        words += ("--threads", "1", "--device", "cpu")
    done = CliRunner().invoke(app, words, env=LOOKS | looks)
    assert done.exit_code == 0, done.stderr
    return done.stdout.replace(nctool.__version__, "VERSION")


def masked(plain: dict[str, JSON]) -> dict[str, JSON]:
    """What another time, machine or version changes, replaced."""
    for key in ("created", "environment", "digest"):
        plain[key] = key.upper()
    for block, key in (("run", "id"), ("tool", "version")):
        part = plain[block]
        assert isinstance(part, dict)
        part[key] = key.upper()
    timing = plain["timing_s"]
    assert isinstance(timing, dict)
    plain["timing_s"] = dict.fromkeys(sorted(timing), "SECONDS")
    return plain


# The text of each of these is the one in its file.
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report", [EPOCH_10]),
        ("folder", ["fixtures/digits", "--metrics", "nc1.*"]),
        ("per_class", [EPOCH_10, "--split", "test", "--per-class", "--metrics", "nc1.*,nc4.*"]),
        ("profile", [EPOCH_10, "--profile", "zhu", "--metrics", "nc2.*"]),
    ],
)
def test_text(name: str, words: list[str], update_golden: bool) -> None:
    text = said("analyze", *words)
    check_text(f"{name}.txt", text, update=update_golden)


# So are the colours.
def test_colours(update_golden: bool) -> None:
    words = ["analyze", EPOCH_10, "--metrics", "nc4.*,nc5.*"]
    text = said(*words, FORCE_COLOR="1").replace("\x1b", "<ESC>")
    check_text("colours.txt", text, update=update_golden)


# And what inspect finds.
def test_inspect(update_golden: bool) -> None:
    check_text("inspect.txt", said("inspect", EPOCH_10), update=update_golden)


# The JSON is the one in its file, but for what another time or machine changes.
def test_json(update_golden: bool) -> None:
    plain = json.loads(said("analyze", EPOCH_10, "--per-class", "--json", "-"))
    check_json("report.json", masked(plain), update=update_golden)


# The numbers of the file are those of float64, so that it may be trusted as a reference.
def test_precision() -> None:
    words = ["analyze", EPOCH_10, "--per-class", "--json", "-", "--dtype", "float64"]
    found = {one["id"]: one["value"] for one in json.loads(said(*words))["metrics"]}
    stored = json.loads((ROOT / "tests/golden/report.json").read_text("utf-8"))["metrics"]
    assert list(differences({one["id"]: one["value"] for one in stored}, found)) == []


# A digit, a word, a key or an item that moves would be seen; another machine's rounding would not.
def test_the_comparison() -> None:
    stored = rounded({"id": "x", "values": [0.123456789, 2.0, None], "n": 10})
    same: dict[str, JSON] = {"id": "x", "values": [0.12345677, 2.0000002, None], "n": 10}
    assert list(differences(stored, same)) == []
    changes: tuple[dict[str, JSON], ...] = (
        {"values": [0.12346, 2.0, None]},
        {"values": [0.123457, 2.0, 0.0]},
        {"values": [0.123457, 2.0]},
        {"n": 11},
        {"n": True},
        {"id": "y"},
        {"more": 1},
    )
    for change in changes:
        assert list(differences(stored, copy.deepcopy(same) | change))


# Nothing of this machine is in the golden files.
def test_files_are_of_no_machine() -> None:
    for path in (ROOT / "tests/golden").glob("*.*"):
        if path.suffix in (".txt", ".json"):
            text = path.read_text("utf-8")
            assert str(ROOT) not in text and torch.__version__ not in text
            assert not re.search(r"20\d\d-\d\d-\d\d|/tmp|/home", text)
