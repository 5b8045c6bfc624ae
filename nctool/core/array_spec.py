"""``[PATH::]KEY`` in two, where the path may be an address."""

from __future__ import annotations

import re

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
CHAINED = re.compile(r"[a-z][a-z0-9+.-]*::[^:]*://", re.IGNORECASE)
"""One address inside another, as fsspec writes them."""


def is_address(text: str) -> bool:
    """Whether this is an address at all, allowed or not; everything else is a local path."""
    return bool(ADDRESS.match(text) or CHAINED.match(text))


def split(text: str) -> tuple[str, str]:
    """The path, empty where none is named, and the key."""
    if CHAINED.match(text):  # nobody opens it, but it is no key either
        path, _, key = text.rpartition("::")
        return (path, key) if "://" in path else (text, "")
    start = 0
    if ADDRESS.match(text):  # its host may be written in brackets with colons of its own
        start = max(text.find("/", text.index("://") + 3), 0)
    path, separator, key = text[start:].partition("::")
    return (text[:start] + path, key) if separator else ("", text)
