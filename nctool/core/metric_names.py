"""Which metrics a text names: one id, a family or other beginning of ids, or a glob of them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

CLOSE = 0.4
"""Least similarity of a name that is worth proposing: ids share their long endings."""


def names(pattern: str, metric_id: str) -> bool:
    """Whether ``pattern`` names this metric.

    ``nc1`` names all of ``nc1.*``, ``nc2.norm_cv`` both of its variants, ``gnc`` every family of
    that name with or without a number. Only whole parts count, so that ``nc3.cosine`` stays one
    metric beside ``nc3.cosine_cv``.
    """
    family = metric_id.partition(".")[0]
    return (
        fnmatchcase(metric_id, pattern)
        or metric_id.startswith(pattern + ".")
        or family.rstrip("0123456789") == pattern
    )


def matching(pattern: str, ids: Iterable[str]) -> list[str]:
    """The ids that ``pattern`` names, in their order."""
    return [metric_id for metric_id in ids if names(pattern, metric_id)]


def suggestion(pattern: str, ids: Iterable[str], otherwise: str, *, families: bool = True) -> str:
    """What to type instead of a name that is none: the nearest ids and families, if any are."""
    known = [*ids]
    if families:
        known += dict.fromkeys(metric_id.rpartition(".")[0] for metric_id in known)
    near = get_close_matches(pattern.lower().strip("*?"), known, n=3, cutoff=CLOSE)
    return f"did you mean {' or '.join(near)}? {otherwise}" if near else otherwise


def naming(chosen: Iterable[str], ids: Iterable[str]) -> str:
    """Patterns that name these and no other ids, few and short: what to write after --metrics."""
    wanted, known = [*chosen], [*ids]
    others = set(known) - set(wanted)
    patterns: dict[str, frozenset[str]] = {}
    for metric_id in wanted:
        for end in range(2, len(metric_id) + 1):
            whole = end == len(metric_id) or metric_id[end] == "."
            for pattern in ([metric_id[:end]] if whole else []) + [metric_id[:end] + "*"]:
                patterns.setdefault(pattern, frozenset(matching(pattern, known)))
    allowed = {name: found for name, found in patterns.items() if others.isdisjoint(found)}
    left, parts = set(wanted), []
    while left:
        # The most at a time; of equals a whole name, or else the stem that says most.
        best = max(
            allowed, key=lambda each: (len(allowed[each] & left), each[-1] != "*", len(each))
        )
        parts.append(best)
        left -= allowed[best]
    return ",".join(parts)
