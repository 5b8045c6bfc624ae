"""The reports of a small real run, as read and approved once: text and JSON."""

from __future__ import annotations

import copy
import json
import re
from fnmatch import fnmatch
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import nctool
from nctool.cli import app
from tests.golden.goldens import (
    FOLDER,
    JSON,
    ROOT,
    check_json,
    check_text,
    differences,
    identified,
    rounded,
)

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


def golden_metrics() -> list[Any]:
    metrics: list[Any] = json.loads((FOLDER / "report.json").read_text("utf-8"))["metrics"]
    return metrics


def a_metric(name: str, value: float | None) -> JSON:
    return {"id": name, "value": value}


def known(*patterns: str) -> list[str]:
    """Options that select, of these metrics, those of the golden report.

    So a metric that is new changes no text before the texts are written anew.
    """
    names = [
        name for name in identified(golden_metrics()) if any(fnmatch(name, p) for p in patterns)
    ]
    return ["--metrics", ",".join(names)]


# The JSON is the one in its file, but for what another time or machine changes. This comes first:
# where the files are written, the texts below show the metrics that it has.
def test_json(regenerate: bool) -> None:
    document = json.loads(said("analyze", EPOCH_10, "--per-class", "--json", "-"))
    check_json("report.json", masked(document), regenerate=regenerate)


# The numbers of the file are those of float64, so that it may be trusted as a reference.
def test_precision() -> None:
    words = ["analyze", EPOCH_10, "--per-class", "--json", "-", "--dtype", "float64"]
    documents = golden_metrics(), json.loads(said(*words))["metrics"]
    stored, exact = (
        [a_metric(metric["id"], metric["value"]) for metric in metrics] for metrics in documents
    )
    assert list(differences(stored, exact)) == []


# The text of each of these is the one in its file.
@pytest.mark.parametrize(
    ("name", "words", "patterns"),
    [
        ("screen", ["fixtures/digits"], ["*"]),
        ("report", [EPOCH_10, "--all"], ["*"]),
        ("folder", ["fixtures/digits"], ["nc1.*"]),
        ("per_class", [EPOCH_10, "--split", "test", "--per-class"], ["nc1.*", "nc4.*"]),
        ("profile", [EPOCH_10, "--profile", "zhu"], ["nc2.*"]),
    ],
)
def test_text(name: str, words: list[str], patterns: list[str], regenerate: bool) -> None:
    text = said("analyze", *words, *known(*patterns))
    check_text(f"{name}.txt", text, regenerate=regenerate)


# So are the colours.
def test_colours(regenerate: bool) -> None:
    text = said("analyze", EPOCH_10, *known("nc4.*", "nc5.*"), FORCE_COLOR="1")
    check_text("colours.txt", text.replace("\x1b", "<ESC>"), regenerate=regenerate)


# And what inspect finds.
def test_inspect(regenerate: bool) -> None:
    check_text("inspect.txt", said("inspect", EPOCH_10), regenerate=regenerate)


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


# A metric that is new passes between those there were; one that is lost, moved or changed does not.
def test_the_comparison_by_id() -> None:
    first, second, new = a_metric("a", 1.0), a_metric("b", 2.0), a_metric("new", None)
    moved = a_metric("b", 2.1)
    for metrics in ([first, new, second], [new, first, second], [first, second, new]):
        assert list(differences([first, second], metrics)) == []
    for metrics in ([first, new], [second, first], [first, new, moved], []):
        assert list(differences([first, second], metrics))


# Nothing of this machine is in the golden files.
def test_files_are_of_no_machine() -> None:
    for path in FOLDER.glob("*.*"):
        if path.suffix in (".txt", ".json"):
            text = path.read_text("utf-8")
            assert str(ROOT) not in text and torch.__version__ not in text
            assert not re.search(r"20\d\d-\d\d-\d\d|/tmp|/home", text)
