"""The child's side of the guard: a bare interpreter that answers questions about one file.

It is started as a script without ``site``, so that nothing is imported that its module does not
need; the standard library alone is imported before the limits are set.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
HEADER_BYTES = 8
LONGEST_REASON = 2000


def main() -> None:
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get among the answers.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    start = json.loads(requests.read(int.from_bytes(requests.read(4), "little")))
    end_with(start["lifeline"])
    without_network()
    sys.path[:] = start["path"]
    session: object = None
    while length := requests.read(4):
        name, *args = json.loads(requests.read(int.from_bytes(length, "little")))
        try:
            if session is None:
                import_module(start["module"])  # what is installed here is trusted, the file not
                limit_memory(start["memory"])
            limit_time(start["cpu"])
            session = session or opened(start)
            kind, body = answered(session, name, args)
        except MemoryError:
            kind, body = b"M", memoryview(b"")
        except Exception as error:
            kind, body = b"R", memoryview(json.dumps(reasons(error)).encode())
        replies.write(kind + len(body).to_bytes(HEADER_BYTES, "little"))
        replies.write(body)
        replies.flush()


def opened(start: Mapping[str, object]) -> object:
    """The session of the module that was named."""
    args = start["args"]
    assert isinstance(args, list)
    session: object = import_module(str(start["module"])).session(*args)
    return session


def answered(session: object, name: str, args: Sequence[object]) -> tuple[bytes, memoryview]:
    """What a method returns: the bytes of an array as they are, all else as json."""
    answer = getattr(session, name)(*args)
    if answer is None or isinstance(answer, dict | list | str | int | float):
        return b"T", memoryview(json.dumps(answer).encode())
    view = memoryview(answer)
    return b"D", view.cast("B") if view.nbytes else memoryview(b"")


def reasons(error: Exception) -> list[str]:
    """An error of nctool's own keeps its slug, message and hint; a library's is one text."""
    if slug := getattr(error, "slug", ""):
        words = [slug, getattr(error, "message", ""), getattr(error, "hint", "")]
    else:
        words = [f"{type(error).__name__}: {error}"]
    return [word[:LONGEST_REASON] for word in words]


def end_with(lifeline: int) -> None:
    """Be told by the kernel when the parent is gone, even while a library computes.

    The signal's own action on Linux is to end the process. On macOS it is none: there the child
    ends when it next reads or writes, or when its time is over.
    """
    import fcntl

    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        if not os.read(lifeline, 1):  # it was gone before the signal was ordered
            os.kill(os.getpid(), signal.SIGKILL)


def without_network() -> None:
    """Move to a network of nobody's where the kernel allows it, and refuse Python's sockets."""
    if sys.platform == "linux":
        import ctypes

        # Root keeps its rights to files only outside of a user namespace of its own.
        namespaces = CLONE_NEWNET | (CLONE_NEWUSER if os.geteuid() else 0)
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).unshare(namespaces)

    def refuse(event: str, _: object) -> None:
        if event.startswith("socket."):
            raise PermissionError("a file does not need a network")

    sys.addaudithook(refuse)


def limit_memory(memory: int) -> None:
    """No more private memory than this, no file written, no core left behind."""
    import resource

    with suppress(OSError):  # when the machine runs out of memory, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    # Mapped files count as address space, but not as data: those may be of any size.
    limits = {resource.RLIMIT_DATA: memory, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for kind, most in limits.items():
        with suppress(OSError, ValueError):
            hard = resource.getrlimit(kind)[1]
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (bound, bound))


def limit_time(cpu: int) -> None:
    """So many seconds of CPU from now on; the kernel's own action ends the process then."""
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used) + 1 + cpu
    with suppress(OSError, ValueError):
        resource.setrlimit(
            resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
        )


if __name__ == "__main__":
    main()
