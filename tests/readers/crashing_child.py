"""A reader that ends its process, as a library does over a file that was made for it."""

from __future__ import annotations

import os
import signal


def session(path: str, kind: str) -> object:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None
