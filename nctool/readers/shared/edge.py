"""The edge of a reader: every stop behind it leaves as an nctool error, with printable names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nctool.core.errors import InputError, NctoolError, ResourceError


def shown(name: object, limit: int = 200) -> str:
    """A name from a file, safe to print: control characters escaped, the length bounded."""
    text = "".join(
        mark if mark.isprintable() else mark.encode("unicode_escape").decode("ascii")
        for mark in str(name)[: limit + 1]
    )
    return text if len(text) <= limit else text[: limit - 1] + "…"


def corrupt(path: Path, format: str, problem: str) -> InputError:
    """The file has the marks of its format but contradicts itself."""
    message = f"'{shown(path)}' is a damaged {format} file: {problem}"
    hint = "download or save the file again and compare its size with the original"
    return InputError("file-corrupt", message, hint)


@contextmanager
def edge(path: Path, format: str) -> Iterator[None]:
    """Turn whatever a library raises into an error that says which file it was about."""
    try:
        yield
    except NctoolError:
        raise
    # Sizes were checked against the file; what still does not fit is this machine's limit.
    except MemoryError as error:
        message = f"memory ran out while reading '{shown(path)}'"
        raise ResourceError("out-of-memory", message, "read fewer rows at a time") from error
    except OSError as error:
        message = f"'{shown(path)}' cannot be read: {shown(error.strerror or error)}"
        hint = "check the path and its permissions"
        raise InputError("file-unreadable", message, hint) from error
    except Exception as error:
        problem = f"{type(error).__name__}: {shown(error)}"
        raise corrupt(path, format, problem) from error
