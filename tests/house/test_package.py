"""What is shipped: a wheel that holds all that is needed, and works with nothing beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import nctool

ROOT = Path(__file__).parents[2]
EPOCH_10 = ROOT / "fixtures" / "digits" / "epoch=0010.safetensors"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, so that nothing is written beside them."""
    source = tmp_path_factory.mktemp("source")
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, source)
    for name in ("nctool", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target)]
    run = subprocess.run([*words, str(source)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    [built] = target.iterdir()
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _run(wheel: Path, away: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command from the unpacked wheel, far from the sources."""
    place = away / "unpacked"
    if not place.exists():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(place)
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=away,
        env=os.environ | {"PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"},
    )


# The wheel is for any Python 3 on any machine, under the package's own version.
def test_name(wheel: Path) -> None:
    assert wheel.name == f"nctool-{nctool.__version__}-py3-none-any.whl"


# Every module and every file beside the modules is in the wheel.
def test_whole(names: set[str]) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nctool").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"nctool/schema/report-1.0.json", "nctool/cli/__init__.py"} <= files
    assert {name for name in names if ".dist-info/" not in name} == files


# Type checkers are told that the package is typed.
def test_typed(names: set[str]) -> None:
    assert "nctool/py.typed" in names


# The licence travels along.
def test_licence(wheel: Path, names: set[str]) -> None:
    [licence] = [name for name in names if PurePosixPath(name).name == "LICENSE"]
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()


# Neither tests nor fixtures nor anything else at the top of the tree is shipped.
def test_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert tops == {"nctool", f"nctool-{nctool.__version__}.dist-info"}


# The command is installed under its name.
def test_script(wheel: Path, names: set[str]) -> None:
    [entry] = [name for name in names if name.endswith("/entry_points.txt")]
    with zipfile.ZipFile(wheel) as archive:
        assert "nctool = nctool.cli:main" in archive.read(entry).decode().splitlines()


# The wheel alone, unpacked anywhere, is the nctool that runs.
def test_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    code = "import nctool; print(nctool.__file__)"
    assert _run(wheel, tmp_path, "-c", code).stdout.startswith(str(tmp_path))
    said = _run(wheel, tmp_path, "-m", "nctool", "--version")
    assert said.stdout == f"nctool {nctool.__version__}\n"


# It analyses the digits as the sources do.
def test_analyses_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    words = ["analyze", str(EPOCH_10), "--json", "-", "--deterministic", "--threads", "1"]
    run = _run(wheel, tmp_path, "-m", "nctool", *words)
    assert run.returncode == 0 and run.stderr == ""
    plain = json.loads(run.stdout)
    assert plain["data"]["n"] == 1437
    assert sum(result["status"] == "ok" for result in plain["metrics"]) > 20
    schema = _run(wheel, tmp_path, "-m", "nctool", "schema")
    assert json.loads(schema.stdout)["$id"] == plain["$schema"]
