"""Exceptions of code that is not ours, told with the file and the line where they came up."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import FrameSummary

from nctool.core.errors import InputError, NctoolError, ResourceError
from nctool.core.text import one_line, shortened

OURS = Path(__file__).resolve().parents[1]
CAPTURE, CODE = OURS / "capture", OURS / "cli" / "user_code.py"
CALLS = ("_of_file", "_imported", "made")
"""Where their code is called from: anywhere in the first, and in these functions of the second."""
INSTALLED = [
    Path(sysconfig.get_path(name)).resolve()
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
]
IN_A_WORKER = re.compile(r'File "([^"\n]+)", line (\d+), in (\S+)')
LONGEST = 300
"""Characters of an exception's text in a message."""


@contextmanager
def as_errors() -> Iterator[None]:
    """An exception of theirs becomes an ``InputError``; ours stay what they are."""
    try:
        yield
    except NctoolError:
        raise
    except SystemExit as problem:
        error = theirs(problem)
        if error is None:
            raise
        error.hint = 'what is to run as a script alone belongs under if __name__ == "__main__":'
        raise error from problem
    except Exception as problem:
        error = theirs(problem)
        if error is None:
            raise
        raise error from problem


def theirs(problem: BaseException) -> NctoolError | None:
    """The error that tells of an exception in their code; None for one in ours."""
    frames = [each for each in traceback.extract_tb(problem.__traceback__) if _real(each.filename)]
    last = max((at for at, each in enumerate(frames) if _within(each, OURS)), default=-1)
    # A function mode stands between their code and torch: what fails in torch failed for them.
    while last >= 0 and frames[last].name == "__torch_function__":
        last = max((at for at, each in enumerate(frames[:last]) if _within(each, OURS)), default=-1)
    foreign = frames[last + 1 :]
    own = [each for each in foreign if not _installed(each) and not _within(each, OURS)]
    caller = frames[last] if last >= 0 else None
    # A file that is no Python, or arguments that do not fit, fail before a line of theirs runs.
    called = caller is not None and (
        (_within(caller, CODE) and caller.name in CALLS)
        or (bool(foreign) and _within(caller, CAPTURE))
    )
    if not own and not called:
        return None
    said = shortened(one_line(_last_line(problem)), LONGEST)
    if type(problem).__name__ == "OutOfMemoryError":
        hint = "use smaller batches, or a model on the CPU"
        return ResourceError("out-of-memory", f"the device ran out of memory: {said}", hint)
    calls = _in_worker(problem) or [_place(each) for each in own or foreign[-1:]]
    *outer, inner = calls or [""]
    message = f"{inner}: {said}" if inner else said
    hint = f"called from {'; '.join(reversed(outer))}\n" if outer else ""
    if not own and isinstance(problem, TypeError) and "forward()" in said:  # no line of theirs ran
        message = said
        hint = "the model is called with what a batch holds besides its labels\n"
    return InputError("user-code", message, f"{hint}this is code that nctool was asked to run")


def _real(file: str) -> bool:
    return not file.startswith("<")


def _within(frame: FrameSummary, place: Path) -> bool:
    return Path(frame.filename).resolve().is_relative_to(place)


def _installed(frame: FrameSummary) -> bool:
    return any(_within(frame, place) for place in INSTALLED)


def _place(frame: FrameSummary) -> str:
    return f"{_shown(frame.filename)}:{frame.lineno} in {frame.name}"


def _shown(file: str) -> str:
    path = Path(file)
    inside = path.is_relative_to(Path.cwd())
    return one_line(str(path.relative_to(Path.cwd()) if inside else path))


def _last_line(problem: BaseException) -> str:
    """The exception as Python would end its traceback with; of a syntax error its place."""
    if isinstance(problem, SyntaxError):
        place = f"{_shown(problem.filename or '?')}:{problem.lineno}"
        return f"{place}: {type(problem).__name__}: {problem.msg}"
    text = str(problem).strip()
    if "Original Traceback" in text:  # of a worker: the text is the whole traceback
        return text.splitlines()[-1]
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _in_worker(problem: BaseException) -> list[str]:
    """Their frames of an exception that a loader's worker sent as text."""
    text = str(problem)
    if "Original Traceback" not in text:
        return []
    frames = [FrameSummary(file, int(line), name) for file, line, name in IN_A_WORKER.findall(text)]
    return [_place(each) for each in frames if not _installed(each)]
