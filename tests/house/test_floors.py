"""Imports go strictly downward between rooms, and heavy libraries stay in theirs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "nctool"
FACE = "nctool"
"""The package's own file: the face above all floors, and below them all its version number."""

FLOORS = (
    ("core",),
    ("settings", "report", "explanations"),
    ("roles", "arrays", "geometry"),
    ("readers", "engine"),
    ("statistics", "inputs", "capture", "ranks"),
    ("facts",),
    ("metrics",),
    ("render", "analysis"),
    ("api",),
    ("cli", "hosts"),
    (FACE, "__main__"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

HOMES: dict[str, tuple[str, ...]] = {
    "rich": ("render/console.py",),
    "typer": ("cli/",),
    "safetensors": ("readers/", "capture/spool.py", "analysis/saved_arrays.py"),
    "fsspec": ("readers/remote/",),
    "pyarrow": ("readers/shared/table/",),
    "h5py": ("readers/shared/hdf5/h5py_",),
    "hdf5plugin": ("readers/shared/hdf5/h5py_",),
    "matplotlib": ("render/panels/",),
    "pandas": ("api/outputs.py",),
    "lightning": ("hosts/",),
    "pytorch_lightning": ("hosts/",),
    "transformers": ("hosts/",),
    "keras": ("hosts/",),
    "torchmetrics": ("hosts/",),
    "click": (),
}

STANDARD = ("report/", "render/values/")
"""Where nothing but the standard library is imported: it reads saved results at once, anywhere."""

WITHOUT_TORCH = (
    "nctool",
    "nctool.analysis.diagnostics",
    "nctool.api.check",
    "nctool.api.compare",
    "nctool.api.inspect",
    "nctool.api.load",
    "nctool.api.outputs",
    "nctool.api.trajectory",
    "nctool.arrays",
    "nctool.cli",
    "nctool.cli.doctor",
    "nctool.core.checkpoints",
    "nctool.core.errors",
    "nctool.core.files",
    "nctool.core.notice",
    "nctool.core.progress",
    "nctool.core.text",
    "nctool.engine.graph",
    "nctool.engine.solve",
    "nctool.explanations",
    "nctool.facts",
    "nctool.inputs.class_names",
    "nctool.inputs.sources",
    "nctool.metrics",
    "nctool.readers",
    "nctool.inputs.vocabulary",
    "nctool.render.ci",
    "nctool.render.console",
    "nctool.render.csv_file",
    "nctool.render.csv_wide",
    "nctool.render.curves",
    "nctool.render.explained",
    "nctool.render.figure",
    "nctool.render.handbook",
    "nctool.render.inspection",
    "nctool.render.json_flat",
    "nctool.render.junit",
    "nctool.render.markdown",
    "nctool.render.notebook",
    "nctool.render.openmetrics",
    "nctool.render.plots",
    "nctool.render.summary",
    "nctool.render.terminal",
    "nctool.ranks.local",
    "nctool.ranks.meeting",
    "nctool.ranks.place",
    "nctool.report",
    "nctool.report.comparison",
    "nctool.report.documents",
    "nctool.report.gates",
    "nctool.report.trajectory",
    "nctool.report.trends",
    "nctool.roles",
    "nctool.settings.budget",
    "nctool.settings.compute_options",
    "nctool.settings.config",
    "nctool.settings.conventions",
    "nctool.settings.gate_options",
    "nctool.settings.rank_options",
    "nctool.settings.role_options",
)

FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere, for type checkers too, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "relative import"
            if node.module == "nctool":
                yield from (f"nctool.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room_of(path: str) -> str:
    first = path.split("/")[0].removesuffix(".py")
    return FACE if first == "__init__" else first


def upward(path: str, text: str) -> list[str]:
    """Imports of a room that is not below one's own."""
    tree, room = ast.parse(text), room_of(path)
    upward_names = []
    for name in imported(tree):
        parts = name.split(".")
        if parts[0] != "nctool" or len(parts) == 1:
            continue
        target = parts[1] if parts[1] in FLOOR else FACE
        if target != room and FLOOR[target] >= FLOOR[room]:
            upward_names.append(f"{path}: {name}")
    return upward_names + [f"{path}: nctool.{name}" for name in of_the_face(tree)]


def of_the_face(tree: ast.AST) -> list[str]:
    """What is used of the bare package, other than its version."""
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    names = [node.attr for node in used if ast.unparse(node.value) == "nctool"]
    return [node for node in names if node != "__version__"]


def strangers(path: str, text: str) -> list[str]:
    """Imports of a library that lives elsewhere."""
    tops = {name.split(".")[0] for name in imported(ast.parse(text))}
    return [
        f"{path}: {library}"
        for library in sorted(tops & set(HOMES))
        if not path.startswith(HOMES[library])
    ]


def libraries(path: str, text: str) -> list[str]:
    """Imports from outside the standard library, where there may be none."""
    tops = {name.split(".")[0] for name in imported(ast.parse(text))}
    others = sorted(tops - sys.stdlib_module_names - {"nctool"})
    return [f"{path}: {library}" for library in others] if path.startswith(STANDARD) else []


# Every file is in a room, and every room is on a floor.
def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in FILES} == set(FLOOR)


# No room imports another that is not below it.
@pytest.mark.parametrize("path", FILES)
def test_downward(path: str) -> None:
    assert not upward(path, FILES[path].read_text("utf-8"))


def module_of(path: str) -> str:
    return ".".join(["nctool", *Path(path).with_suffix("").parts]).removesuffix(".__init__")


def circles(texts: Mapping[str, str]) -> list[str]:
    """Modules that import each other, however late; types for a checker only do not count."""
    modules = {module_of(path): ast.parse(text) for path, text in texts.items()}
    needs: dict[str, set[str]] = {}
    for module, tree in modules.items():
        guarded = [
            node for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ]  # fmt: skip
        for node in guarded:
            node.body = [ast.Pass()]
        names = {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }  # fmt: skip
        needs[module] = {
            name if name in modules else name.rpartition(".")[0] for name in names
        } & modules.keys() - {module}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as circle:
        return [str(name) for name in circle.args[1]]
    return []


# No two modules need each other.
def test_no_circles() -> None:
    assert circles({path: file.read_text("utf-8") for path, file in FILES.items()}) == []


# A circle would be seen, late imports included; what only a type checker reads is none.
def test_circles_are_seen() -> None:
    late = {
        "a/b.py": "def f():\n    from nctool.a import c",
        "a/c.py": "from nctool.a.b import f",
        "a/__init__.py": "",
    }
    assert set(circles(late)) == {"nctool.a.b", "nctool.a.c"}
    typed = late | {"a/b.py": "if TYPE_CHECKING:\n    from nctool.a.c import f"}
    assert circles(typed) == []


# A library that only one room speaks to is imported nowhere else.
@pytest.mark.parametrize("path", FILES)
def test_libraries_at_home(path: str) -> None:
    assert not strangers(path, FILES[path].read_text("utf-8"))


# The answer as a value needs no library, nor does anything below it that it imports.
@pytest.mark.parametrize("path", [path for path in FILES if path.startswith(STANDARD)])
def test_standard_library(path: str) -> None:
    assert not libraries(path, FILES[path].read_text("utf-8"))


# A library is seen there in every form, and only there.
@pytest.mark.parametrize("line", ["import numpy", "def late() -> None:\n    from torch import nn"])
def test_libraries_are_seen(line: str) -> None:
    assert len(libraries("report/report.py", line)) == 1
    assert not libraries("engine/batch.py", line) and not libraries("report/x.py", "import math")


# Reading, comparing and gating saved results loads no array library, directly or through others.
def test_after_the_report() -> None:
    names = [path.removesuffix(".py").replace("/", ".") for path in FILES
             if path.startswith(STANDARD) and "__init__" not in path]  # fmt: skip
    heavy = {"numpy", "torch", "jinja2", "markupsafe", "matplotlib", "rich", "typer"}
    code = f"import {', '.join(f'nctool.{name}' for name in names)}, sys\n"
    code += f"sys.exit(', '.join(sorted({heavy!r} & set(sys.modules))) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert len(names) > 5 and done.returncode == 0, done.stderr.decode()


# The checks see imports of every form, wherever they stand.
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/errors.py", "import nctool.report"),
        ("geometry/pairs.py", "from nctool.metrics.nc1 import pinv"),
        ("core/errors.py", "from nctool import roles"),
        ("geometry/pairs.py", "from nctool.statistics.moments import Moments"),
        ("analysis/measure.py", "def late() -> None:\n    from nctool.api import analyze"),
        ("report/report.py", "if TYPE_CHECKING:\n    from nctool.arrays import Source"),
        ("analysis/measure.py", "from nctool import analyze"),
        ("analysis/measure.py", "import nctool\nnctool.analyze()"),
    ],
)
def test_upward_is_seen(path: str, line: str) -> None:
    assert len(upward(path, line)) == 1


# What is downward, in the same room or the version is not taken for upward.
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("report/report.py", "from nctool.core.errors import InputError"),
        ("metrics/nc1.py", "from nctool.metrics.shared import require"),
        ("analysis/measure.py", "import nctool\nprint(nctool.__version__)"),
        ("__main__.py", "from nctool.cli import main"),
    ],
)
def test_downward_is_not(path: str, line: str) -> None:
    assert not upward(path, line)


# A library away from home is seen in every form, too.
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("render/summary.py", "import rich.console"),
        ("analysis/saved_arrays.py", "from typer import echo"),
        ("cli/shell.py", "def late() -> None:\n    import click"),
        ("render/summary.py", "import safetensors"),
    ],
)
def test_strangers_are_seen(path: str, line: str) -> None:
    assert len(strangers(path, line)) == 1


# Words, formats and names are looked at without importing torch.
def test_without_torch() -> None:
    code = "\n".join(
        f"import {name}\nif 'torch' in sys.modules: sys.exit('{name}')" for name in WITHOUT_TORCH
    )
    code += "\nassert nctool.metrics.registry()\nif 'torch' in sys.modules: sys.exit('registry()')"
    done = subprocess.run([sys.executable, "-c", f"import sys\n{code}"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


# torch arrives with the first analysis, so that the check above could have seen it.
def test_with_torch() -> None:
    code = "import sys, nctool\nnctool.analyze\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
