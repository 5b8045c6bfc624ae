"""Objects of the user's own code, named ``file.py:object`` or ``package.module:object``.

Their code runs as ``python file.py`` would run it: its folder can be imported from, its arguments
are its own. What it prints goes to stderr, and an error in it is told with its file and line.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from nctool.cli.user_errors import as_errors
from nctool.core.errors import InputError, UsageError
from nctool.core.text import one_line

STDOUT, STDERR = 1, 2
"""Where C writes to, whatever ``sys.stdout`` is."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object is: a file or a module, and its name there, perhaps with dots."""

    text: str
    module: str
    name: str

    @property
    def file(self) -> Path | None:
        """The file, where it is one that is named."""
        path = Path(self.module)
        return path if path.suffix == ".py" or len(path.parts) > 1 else None

    @property
    def folder(self) -> Path:
        """Where imports of it start."""
        return Path.cwd() if self.file is None else self.file.resolve().parent


def address(text: str) -> Address:
    module, colon, name = text.rpartition(":")
    if not colon or not module or not all(part.isidentifier() for part in name.split(".")):
        message = f"'{one_line(text)}' names no object of a file or a module"
        raise UsageError("object-spec", message, "write file.py:object or package.module:object")
    return Address(text, module, name)


@contextmanager
def running(addresses: Sequence[Address]) -> Iterator[None]:
    """Their code may run: imports work, stdout is kept clean, its errors are told as its own."""
    folders = [*dict.fromkeys([*(str(each.folder) for each in addresses), str(Path.cwd())])]
    path, arguments, modules = sys.path[:], sys.argv, {*sys.modules}
    sys.path[:0] = folders
    sys.argv = [addresses[0].module]
    try:
        with _stdout_is_stderr(), as_errors():
            yield
    finally:
        sys.path[:], sys.argv = path, arguments
        # A second command in this process may name another file of the same name.
        for name in {*sys.modules} - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and str(Path(file).parent) in folders:
                del sys.modules[name]


def named(address: Address) -> Any:
    """The object itself, after its module has run."""
    module = _of_file(address.file) if address.file is not None else _imported(address)
    value: Any = module
    for part in address.name.split("."):
        if not hasattr(value, part):
            public = [name for name in vars(value) if not name.startswith("_")]
            near = get_close_matches(part, public, n=3, cutoff=0.5)
            message = f"'{one_line(address.module)}' has no '{part}'"
            known = ", ".join(sorted(public)[:12]) or "no names"
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {known}"
            raise InputError("object-missing", message, hint)
        value = getattr(value, part)
    return value


def made(value: Any, arguments: Mapping[str, Any]) -> Any:
    """What a function of theirs returns."""
    return value(**arguments)


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        message = f"there is no file at '{one_line(str(path))}'"
        hint = "check the spelling; relative paths start at the current folder"
        raise InputError("path-missing", message, hint)
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and _same_file(loaded, path):
        return loaded
    if loaded is not None:  # json.py of theirs, and json of everybody's
        name = f"{name} of {path.parent}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        message = f"'{one_line(str(path))}' is no Python file"
        raise UsageError("object-spec", message, "write file.py:object or package.module:object")
    module = importlib.util.module_from_spec(spec)
    # Before it runs: its classes look for their module there, and other files import it.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _same_file(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path.resolve()


def _imported(address: Address) -> ModuleType:
    try:
        return importlib.import_module(address.module)
    except ModuleNotFoundError as problem:
        # Of the module itself or of a package around it; what it imports is its own affair.
        if problem.name is None or not f"{address.module}.".startswith(f"{problem.name}."):
            raise
        message = f"there is no module '{one_line(address.module)}' here"
        hint = f"for a file: {address.module.replace('.', '/')}.py:{address.name}"
        raise InputError("object-missing", message, hint) from None


@contextmanager
def _stdout_is_stderr() -> Iterator[None]:
    """What is printed meanwhile, by C and by worker processes too, goes to stderr."""
    with ExitStack() as stack:
        sys.stdout.flush()
        try:
            kept = os.dup(STDOUT)
        except OSError:
            pass  # closed: nobody reads what is written there
        else:
            os.dup2(STDERR, STDOUT)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, STDOUT)
        stack.enter_context(redirect_stdout(sys.stderr))
        yield
