"""How long a server is waited for, how often it is asked again, and what its silence means."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

from nctool.core.errors import InputError, NctoolError
from nctool.readers.remote.address import Address, clean, discreet
from nctool.readers.shared.edge import shown

T = TypeVar("T")

WAITS = (0.5, 2.0)
"""Seconds before the second try and before the third; there is no fourth."""
ANSWER = 60.0
"""Seconds for an answer without content."""
SLOWEST = 2**15
"""Bytes per second below which a connection counts as lost."""

NO_ACCESS = frozenset({"NoCredentialsError", "GatedRepoError", "CredentialRetrievalError"})

GONE, CLOSED, LATER = (404, 410), (401, 402, 403, 407, 451), (408, 425, 429)
"""Statuses of a server that mean: nothing here, not for you, and come back later."""


class ConnectionLost(Exception):
    """The answer did not come, or not all of it; the next try may be luckier."""


def with_retries(
    address: Address, call: Callable[[], T], size: int = 0, waits: Sequence[float] | None = None
) -> T:
    """What the server answers, with a bounded number of tries and of seconds for each."""
    # Exponential waits, few: an honest fault is over in seconds, and a command should not hang.
    for pause in (*(WAITS if waits is None else waits), None):
        try:
            return _within(ANSWER + size / SLOWEST, address, call)
        except NctoolError as error:
            raise discreet(error) from None
        except Exception as error:
            final = _meaning(address, error)
            if final is not None:
                raise final from None
            if pause is None:
                raise unreachable(address, _words(address, error)) from None
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _within(seconds: float, address: Address, call: Callable[[], T]) -> T:
    """The result of a call that is left behind when it takes longer."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as problem:
            answer.set_exception(problem)

    # A daemon: no server keeps the process from ending.
    threading.Thread(target=work, daemon=True).start()
    if not wait([answer], seconds).done:
        raise unreachable(address, f"no complete answer within {seconds:.0f} seconds")
    return answer.result()


def _meaning(address: Address, error: Exception) -> InputError | None:
    """An error that another try would not change."""
    name = type(error).__name__
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return missing(address)
    status = _status(error)
    if status in GONE:
        return missing(address)
    refused = name in NO_ACCESS or str(error).startswith("Forbidden")  # gcsfs has no class for it
    if isinstance(error, PermissionError) or refused or status in CLOSED:
        return forbidden(address, _words(address, error))
    if 400 <= status < 500 and status not in LATER:
        return unreachable(address, _words(address, error))
    if name == "FileExpired":
        return changed(address)
    if isinstance(error, ValueError | TypeError | AttributeError | ImportError):
        return unreachable(address, _words(address, error))
    return None


def _status(error: Exception) -> int:
    """The HTTP status behind a library's error, or 0."""
    answer = getattr(error, "response", None)
    for status in (getattr(answer, "status_code", None), getattr(error, "code", None)):
        if str(status).isdecimal():
            return int(str(status))
    return 0


def _words(address: Address, error: Exception) -> str:
    text = clean(" ".join(str(error).replace(address.text, address.shown).split()))
    return shown(text if isinstance(error, ConnectionLost) else f"{type(error).__name__}: {text}")


def missing(address: Address) -> InputError:
    hint = "check the spelling; without access some servers say the same"
    return InputError("remote-missing", f"there is nothing at '{address.shown}'", hint)


def forbidden(address: Address, reason: str) -> InputError:
    hint = {
        "s3": "log in (aws configure), or set FSSPEC_S3_ANON=true for a public bucket",
        "gs": "log in (gcloud auth application-default login)",
        "gcs": "log in (gcloud auth application-default login)",
        "hf": "log in (hf auth login), and accept the model's conditions on its page",
    }.get(address.protocol, "download it with the tool that has access, and name the file")
    return InputError("remote-forbidden", f"'{address.shown}' may not be read: {reason}", hint)


def unreachable(address: Address, reason: str) -> InputError:
    hint = "check the address and the network, then run again"
    return InputError("remote-unreachable", f"'{address.shown}' cannot be read: {reason}", hint)


def changed(address: Address) -> InputError:
    message = f"'{address.shown}' changed after it was opened"
    return InputError("file-changed", message, "wait until it is written, then run again")
