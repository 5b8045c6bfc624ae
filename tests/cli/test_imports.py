"""Words are quick: what needs no arrays imports nothing that handles them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.shell import EPOCH_10, ROOT, environment

HEAVY = ("torch", "numpy", "scipy", "safetensors")
ASK = f"""
import atexit, sys
atexit.register(lambda: print(*[name for name in {HEAVY!r} + ("rich",) if name in sys.modules],
                              file=sys.stderr))
"""


def imported(code: str) -> tuple[str, set[str]]:
    """What the code prints, and which heavy packages it has imported at the end."""
    run = subprocess.run(
        [sys.executable, "-c", ASK + code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        timeout=120,
    )
    return run.stdout, set(run.stderr.splitlines()[-1].split())


def of_command(*words: str) -> tuple[str, set[str]]:
    return imported(f"sys.argv = {['nctool', *words]!r}\nfrom nctool.cli import main\nmain()")


# Help and the version import no array library, and no renderer either.
@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"], ["analyze", "--help"]])
def test_help_and_version(words: list[str]) -> None:
    out, heavy = of_command(*words)
    assert out and heavy == set()


# What is known without any data is said without any array library.
@pytest.mark.parametrize(
    "words",
    [["metrics"], ["metrics", "nc1.pinv"], ["schema"], ["explain"], ["explain", "few-samples"]],
)
def test_knowledge(words: list[str]) -> None:
    out, heavy = of_command(*words)
    assert out and heavy == set()


# A mistake in the words is told before anything heavy is imported.
@pytest.mark.parametrize(
    "option", [["--metrics", "nc9"], ["--profile", "nc9"], ["--json", "no/such/folder/f"], ["--n"]]
)
def test_mistakes(option: list[str]) -> None:
    out, heavy = of_command("analyze", str(EPOCH_10), *option)
    assert out == "" and heavy == set()


# To look into a file torch is not needed.
def test_inspect() -> None:
    out, heavy = of_command("inspect", str(EPOCH_10))
    assert "head.weight" in out and "torch" not in heavy


# Reports are read and roles are found without any array library.
@pytest.mark.parametrize(
    "module", ["nctool", "nctool.report", "nctool.roles", "nctool.render.summary", "nctool.metrics"]
)
def test_modules(module: str) -> None:
    assert imported(f"import {module}")[1] == set()


# The sight of an array library would be noticed.
def test_the_probe() -> None:
    assert imported("import numpy")[1] == {"numpy"}
