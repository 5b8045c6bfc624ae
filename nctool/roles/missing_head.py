"""Why there is no head here, where that can be known: tied without a word, or quantised."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nctool.core.notice import Notice
from nctool.roles.array_names import words
from nctool.roles.explicit import flag
from nctool.roles.lexicon import HEAD
from nctool.roles.model import Model
from nctool.roles.role_types import Candidate
from nctool.roles.tied_head import word_tables

_PACKED = re.compile(r"(qweight|weight_packed|_packed_params|packed)$")


def explain_missing_head(candidates: Sequence[Candidate]) -> Notice | None:
    """What to say where no head was found; None where there is nothing to say."""
    packed = [candidate for candidate in candidates if quantised_head(candidate)]
    if packed:
        return Notice(
            "quantised-head",
            f"{packed[0].key} is quantised ({packed[0].dtype}): it looks like the head, but "
            "holds no weights as they are",
            "save the head in floating point and name it with --head 'PATH::KEY'",
            {"keys": [candidate.key for candidate in packed]},
        )
    tables = word_tables(Model(candidates))
    if not tables:
        return None
    several = [layer.weight for layer in tables]
    shown = " or ".join(flag("head", weight, several) for weight in several)
    return Notice(
        "no-head-but-embedding",
        f"no head is stored; a language model may use its input embedding "
        f"({tables[0].rows:,} × {tables[0].columns:,}) as one, but nothing here says so",
        f"if they are tied: {shown}",
        {"keys": [weight.key for weight in several]},
    )


def quantised_head(candidate: Candidate) -> bool:
    """Packed integers outside of any stack, in a layer named like a head."""
    name = candidate.name
    packed = bool(_PACKED.search(name.leaf)) or (
        name.leaf == "weight" and candidate.dtype in ("int8", "uint8")
    )
    owner = name.layer[:-1] if name.layer[-1] == name.leaf else name.layer
    return (
        packed
        and not candidate.is_float
        and bool(HEAD & set(words(owner[-1] if owner else "")))
        and not any(part.isdigit() for part in owner)
    )
