"""``nctool explain``: the list of errors and notices, and each in full."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest

from nctool.explanations import groups
from tests.cli.shell import ROOT, command, environment, inside, nctool, read_terminal

SLUGS = [slug for group in groups() for slug in group.slugs]


# The list has every slug under the title of its group, on lines of eighty columns.
def test_listing() -> None:
    said = nctool("explain")
    assert (said.code, said.err) == (0, "")
    words = said.out.replace(",", " ").split()
    assert [word for word in words if word in SLUGS] == SLUGS
    assert all(f"{group.title}\n" in said.out for group in groups())
    assert max(map(len, said.out.splitlines())) <= 80


# Each is explained in a few lines: what it is, what it means, what to do, what to type.
@pytest.mark.parametrize("slug", SLUGS)
def test_one(slug: str) -> None:
    said = inside("explain", slug)
    assert said.code == 0 and said.out.startswith(f"{slug}\nIs ")
    places = [said.out.find(f"\n{part} ") for part in ("Means", "Do", "Example")]
    assert -1 not in places and places == sorted(places)
    *lines, example = said.out.splitlines()
    assert len(lines) < 16 and max(map(len, lines)) <= 80 and example.startswith("Example")


# A slug that does not exist is 2, with the nearest there are, and the way to the list.
@pytest.mark.parametrize(
    ("slug", "near"), [("few-sample", "few-samples"), ("ambigous-head", "ambiguous-head")]
)
def test_no_such_slug(slug: str, near: str) -> None:
    said = inside("explain", slug)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(
        f"nctool: error[unknown-slug]: no error or notice is called '{slug}'"
    )
    assert f"did you mean {near} " in said.err and "nctool explain" in said.err


# A metric is no message: the command that explains it is named.
def test_metric() -> None:
    said = inside("explain", "collapse.weakest")
    assert said.code == 2 and said.err.endswith("by: nctool metrics collapse.weakest\n")


# On a terminal an error ends with the way to its explanation; in a log the slug is enough.
def test_pointer() -> None:
    words = ["check", "absent.json"]
    here, there = pty.openpty()
    with subprocess.Popen(command(*words), cwd=ROOT, env=environment(), stderr=there) as run:
        os.close(there)
        seen = read_terminal(here)
    assert run.returncode == 3
    assert seen.replace("\r", "").splitlines()[-1] == "  more: nctool explain path-missing"
    assert "nctool explain" not in nctool(*words).err
