"""What every command shares: how errors become exit codes, and where text goes."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import typer

from nctool.errors import InternalError, NctoolError, ResourceError, UsageError
from nctool.notice import Notice
from nctool.text import printable

P = ParamSpec("P")

INTERRUPTED, PIPE_CLOSED = 130, 141


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Run a command; whatever stops it becomes one clear message and the documented code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except NctoolError as error:
            complain(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader has left: nothing more can be said, not even at shutdown.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None
        except MemoryError:
            complain(
                ResourceError(
                    "out-of-memory", "memory ran out", "analyse fewer metrics with --metrics"
                )
            )
            raise typer.Exit(ResourceError.exit_code) from None
        except Exception as problem:
            complain(_internal(problem))
            raise typer.Exit(InternalError.exit_code) from None

    return run


def complain(error: NctoolError) -> None:
    note(f"error[{error.slug}]: {error.message}", error.hint)


def warn(notice: Notice) -> None:
    note(f"warning[{notice.slug}]: {notice.message}", notice.hint)


def note(text: str, hint: str = "") -> None:
    """One message on stderr; names from files cannot command the terminal."""
    print("nctool: " + printable(text), file=sys.stderr)
    if hint:
        print("  " + printable(hint).replace("\n", "\n  "), file=sys.stderr)


def _internal(problem: Exception) -> InternalError:
    with tempfile.NamedTemporaryFile(
        "w", prefix="nctool-", suffix=".traceback", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(problem, file=file)
    return InternalError(
        "internal",
        f"a mistake of nctool's own ({type(problem).__name__}); the traceback is in {file.name}",
        "please report it with that file",
    )


def write_out(target: str, text: str) -> None:
    """To stdout for ``-``, otherwise whole or not at all: a temporary file, then a rename."""
    if target == "-":
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    path = Path(target)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text if text.endswith("\n") else text + "\n")
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise _unwritable(target, problem) from problem


def check_writable(target: str) -> None:
    """Before the first batch: could this path be written?"""
    if target == "-":
        return
    path = Path(target)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        kind = "is a folder" if path.is_dir() else "has no writable folder"
        raise UsageError(
            "output-unwritable", f"output {target!r} {kind}", "give a file in an existing folder"
        )


def _unwritable(target: str, problem: OSError) -> NctoolError:
    if problem.errno == 28:
        return ResourceError(
            "disk-full", f"no space left to write {target!r}", "free some space, or write elsewhere"
        )
    return UsageError(
        "output-unwritable",
        f"output {target!r} cannot be written: {problem.strerror}",
        "give a file in an existing folder",
    )


def color_wanted(stream: str = "stdout") -> bool:
    """On a terminal, unless NO_COLOR; anywhere with FORCE_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(getattr(sys, stream).isatty())
