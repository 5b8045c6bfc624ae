"""What the user named: ``[PATH::]KEY`` with globs, and the errors that help to name it better."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import PurePath

from nctool.core.array_spec import split
from nctool.core.errors import InputError
from nctool.roles.role_types import Candidate

SHOWN = 8


def describe(candidate: Candidate, several_files: bool = False) -> str:
    shape = ", ".join(f"{size:,}" for size in candidate.shape)
    where = f"{PurePath(candidate.path).name}::" if several_files else ""
    return f"{where}{candidate.title} ({shape}) {candidate.dtype}"


def listing(candidates: Sequence[Candidate]) -> str:
    """One line for each array, the first few of them."""
    several = len({candidate.path for candidate in candidates}) > 1
    lines = [f"  {describe(candidate, several)}" for candidate in candidates[:SHOWN]]
    if len(candidates) > SHOWN:
        lines.append(f"  … and {len(candidates) - SHOWN:,} more")
    return "\n".join(lines)


def flag(role: str, candidate: Candidate, among: Sequence[Candidate]) -> str:
    """The exact flag that would name this array and no other of these."""
    key = candidate.key
    if sum(other.key == key for other in among) > 1:
        names = [PurePath(other.path).name for other in among]
        path = PurePath(candidate.path).name
        key = f"{path if names.count(path) == 1 else candidate.path}::{key}"
    quoted = key.replace("'", "'\\''")
    return f"--{role} '{quoted}'"


def tie(role: str, candidates: Sequence[Candidate], detail: str = "") -> InputError:
    """Several arrays could play this role and nothing decides between them."""
    ordered = sorted(candidates, key=lambda candidate: (candidate.path, candidate.key))
    hint = "choose one: " + "  or  ".join(flag(role, item, ordered) for item in ordered[:SHOWN])
    globs = {re.sub(r"\d+", "*", candidate.key) for candidate in ordered}
    rows = {candidate.shape[:1] for candidate in ordered}
    # As many rows each, and names that a number tells apart: the depths of one network.
    if role == "features" and len(globs) == len(rows) == 1 and globs != {ordered[0].key}:
        hint += f"\nor, where each is a layer: --layers '{globs.pop()}'"
    return InputError(
        f"ambiguous-{role}",
        f"{len(ordered)} arrays could be the {role}{detail}:\n{listing(ordered)}",
        hint,
    )


def _on_path(candidate: Candidate, pattern: str) -> bool:
    names = (candidate.path, PurePath(candidate.path).name)
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)


def matches(candidates: Iterable[Candidate], text: str) -> list[Candidate]:
    """The arrays that ``[PATH::]KEY`` names: exactly, as a layer's weight, or by a glob."""
    everything = list(candidates)
    exact = [candidate for candidate in everything if candidate.key == text]
    if exact:
        return exact
    path, key = split(text)
    if path:
        everything = [candidate for candidate in everything if _on_path(candidate, path)]
    for name in (key, f"{key}.weight"):
        exact = [candidate for candidate in everything if candidate.key == name]
        if exact:
            return exact
    return [candidate for candidate in everything if fnmatchcase(candidate.key, key)]


def missing(role: str, text: str, candidates: Sequence[Candidate]) -> InputError:
    key = text.rpartition("::")[2]
    keys = sorted({candidate.key for candidate in candidates})
    near = get_close_matches(key, keys, n=3, cutoff=0.5)
    near = near or [name for name in keys if key.strip("*?") and key.strip("*?") in name][:3]
    by_key = {candidate.key: candidate for candidate in candidates}
    hint = "nctool inspect lists every array"
    if near:
        hint = "did you mean " + " or ".join(flag(role, by_key[name], ()) for name in near) + "?"
    return InputError(
        "no-such-array", f"--{role} {text!r} names none of the {len(keys):,} arrays", hint
    )


def named_array(
    role: str, text: str, candidates: Sequence[Candidate], fits: Sequence[Candidate]
) -> Candidate:
    """The single array that was named; those that could play the role at all go first."""
    matching = matches(candidates, text)
    if not matching:
        raise missing(role, text, candidates)
    able = set(fits)
    several = [candidate for candidate in matching if candidate in able] or matching
    if len(several) > 1:
        raise tie(role, several, f" named {text!r}")
    return several[0]
