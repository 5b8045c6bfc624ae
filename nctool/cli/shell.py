"""What every command shares: how errors become exit codes, and where text goes."""

from __future__ import annotations

import functools
import os
import select
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec

import typer

from nctool.core import files
from nctool.core.errors import InternalError, NctoolError, ResourceError
from nctool.core.notice import Notice
from nctool.core.text import printable, speakable

if TYPE_CHECKING:
    from nctool.render.lines import Line

P = ParamSpec("P")

INTERRUPTED, PIPE_CLOSED = 130, 141


def with_exit_codes(command: Callable[P, None]) -> Callable[P, None]:
    """Run a command; whatever stops it becomes one clear message and the documented code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            # A closed pipe shows when text leaves the buffer: here it can still be handled.
            sys.stdout.flush()
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The interpreter flushes stdout again at exit, and would complain there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None
        except Exception as problem:
            error = as_ours(problem)
            complain(error)
            raise typer.Exit(error.exit_code) from None

    return run


def complain(error: NctoolError) -> None:
    hints = [error.hint] if error.hint else []
    # For people only: in a log the slug in brackets is enough.
    if sys.stderr.isatty():
        hints.append(f"more: nctool explain {error.slug}")
    note(f"error[{error.slug}]: {error.message}", "\n".join(hints))


def warn(notice: Notice) -> None:
    note(f"warning[{notice.slug}]: {notice.message}", notice.hint)


def note(text: str, hint: str = "") -> None:
    """One message on stderr; names from files cannot command the terminal."""
    message = "nctool: " + printable(text)
    if hint:
        message += "\n  " + printable(hint).replace("\n", "\n  ")
    print(speakable(message, sys.stderr.encoding), file=sys.stderr)


def as_ours(problem: Exception) -> NctoolError:
    """Everything a user can cause is an NctoolError already; the rest is our mistake."""
    if isinstance(problem, NctoolError):
        return problem
    if isinstance(problem, MemoryError):
        return ResourceError(
            "out-of-memory", "memory ran out", "analyse fewer metrics with --metrics"
        )
    with tempfile.NamedTemporaryFile(
        "w", prefix="nctool-", suffix=".traceback", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(problem, file=file)
    return InternalError(
        "internal",
        f"a mistake of nctool's own ({type(problem).__name__}); the traceback is in {file.name}",
        "please report it with that file",
    )


def say(text: str) -> None:
    """One message on stdout; names from files cannot command the terminal."""
    write_out("-", printable(text))


def write_out(target: str, text: str) -> None:
    """To stdout for ``-``, otherwise to a file, whole or not at all."""
    text = text if text.endswith("\n") else text + "\n"
    if target == "-":
        sys.stdout.write(speakable(text, sys.stdout.encoding))
    else:
        files.write(target, text)


def show(lines: Callable[[int], Sequence[Line]], width: int | None = None) -> None:
    """Lines, made for so many columns or for those of the terminal, on stdout."""
    from nctool.render import console

    columns = width or console.terminal_width()
    write_out("-", console.paint(lines(columns), width=columns, color=_color_wanted()))


def reader_left() -> bool:
    """Whether the reader of stdout has closed its end, which Typer turns into exit code 1."""
    try:
        watch = select.poll()
        watch.register(sys.__stdout__.fileno() if sys.__stdout__ else 1, 0)
        return any(event & select.POLLERR for _, event in watch.poll(0))
    except (AttributeError, OSError, ValueError):
        # No poll on this system, or no file behind stdout.
        return False


def _color_wanted() -> bool:
    """On a terminal, unless NO_COLOR; anywhere with FORCE_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
