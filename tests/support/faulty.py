"""The command, one of whose processes comes to harm: python -m tests.support.faulty HARM ..."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from typing import Any

from nctool.analysis import together
from nctool.arrays import Source
from nctool.cli import main
from nctool.core.errors import InputError

HARMED = 1
"""The rank that it happens to."""

measure_together = together.measure_together


def harmed(source: Source, *rest: Any) -> Any:
    """The measurement, which one rank does not bring to its end."""
    group, harm = rest[-1], sys.argv[0]
    if group.rank == HARMED:
        match harm:
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "crashed":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "raised":
                raise InputError("truncated", "the file ends early", "copy it again")
            case "mistaken":
                raise ZeroDivisionError
            case "hung":
                threading.Event().wait()
            case "other":
                assert source.labels is not None
                source = replace(source, labels=source.labels.roll(1))
            case _:
                raise AssertionError(harm)
    return measure_together(source, *rest)


if __name__ == "__main__":
    setattr(together, "measure_together", harmed)  # noqa: B010
    del sys.argv[0]
    main()
