"""Sources that the user gave and that nothing was taken from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from nctool.arrays import LazyArray, Opened
from nctool.core.notice import Notice
from nctool.core.text import count

SHOWN_KEYS = 3


def unused_sources(
    opened: Sequence[Opened], taken: Iterable[LazyArray], repeated: Sequence[str]
) -> Iterator[Notice]:
    """A word for each file without an array in any role, and for each that was named twice."""
    used = {(array.path, array.key) for array in taken}
    for file in opened:
        # A file of settings alone is read for what it says, not for arrays.
        if (not file.arrays and file.metadata) or any(
            (array.path, array.key) in used for array in file.arrays
        ):
            continue
        keys = [array.key for array in file.arrays]
        holds = ", ".join(keys[:SHOWN_KEYS]) + (" …" if len(keys) > SHOWN_KEYS else "")
        yield Notice(
            "source-unused",
            f"nothing of {file.where} was used"
            + (f"; it holds {count(len(keys), 'array')}: {holds}" if keys else ": it is empty"),
            "leave it out, or name what it is for: --features, --labels or --head 'PATH::KEY'",
            {"source": file.where, "arrays": len(keys)},
        )
    for source in repeated:
        yield Notice(
            "source-unused",
            f"{source} was given more than once: it is read once",
            "leave the second out",
            {"source": source},
        )
