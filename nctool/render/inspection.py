"""What a source holds, as lines and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nctool.render.lines import BLANK, Line, columns, line, wrapped

if TYPE_CHECKING:
    from nctool.inputs.sources import Inspection
    from nctool.roles import Pick

ROLES = ("features", "labels", "weight", "bias")


def lines(found: Inspection, width: int) -> list[Line]:
    """Files, their arrays, and the role each would get."""
    out: list[Line] = []
    picks = _picks(found)
    for one in found.opened:
        out.append(line((one.where, "title"), (f"  {one.format}", "faint")))
        rows = [
            [
                picks.get((array.path, array.key), ""),
                array.key,
                " × ".join(f"{size:,}" for size in array.shape) or "scalar",
                array.dtype,
                _bytes(array.nbytes),
            ]
            for array in one.arrays
        ]
        out += [line("  " + text) for text in columns(rows, "<<><>")] if rows else []
        out.append(BLANK)
    if found.roles is not None:
        out.append(line(("Roles", "title")))
        for role in ROLES:
            pick: Pick | None = getattr(found.roles, role)
            why = "not found" if pick is None else f"{pick.candidate.key}: {pick.reason}"
            out += wrapped(f"{_name(role):<9} {why}", width - 2, "  ")
        if found.roles.ignored:
            out += wrapped("ignored: " + ", ".join(found.roles.ignored), width - 2, "  ", "faint")
    for notice in (*found.notices, *(found.roles.notices if found.roles else ())):
        out += wrapped(f"! {notice.message}", width - 2, "  ")
    return out


def to_json(found: Inspection) -> str:
    picks = _picks(found)
    plain: dict[str, Any] = {
        "kind": "inspection",
        "schema_version": "1.0",
        "epoch": found.moment.epoch,
        "step": found.moment.step,
        "arrays": [
            {
                "path": array.path,
                "key": array.key,
                "format": array.format,
                "shape": list(array.shape),
                "dtype": array.dtype,
                "bytes": array.nbytes,
                "role": picks.get((array.path, array.key)) or None,
            }
            for one in found.opened
            for array in one.arrays
        ],
        "roles": None
        if found.roles is None
        else {
            _name(role): None
            if (pick := getattr(found.roles, role)) is None
            else {
                "path": pick.candidate.path,
                "key": pick.candidate.key,
                "reason": pick.reason,
                "chosen_by": pick.chosen_by,
                "transposed": pick.transposed,
                "tied": pick.tied,
            }
            for role in ROLES
        },
        "problem": None
        if found.problem is None
        else {
            "slug": found.problem.slug,
            "message": found.problem.message,
            "hint": found.problem.hint,
        },
        "ignored": [] if found.roles is None else list(found.roles.ignored),
        "warnings": [
            {"slug": notice.slug, "message": notice.message, "hint": notice.hint}
            for notice in (*found.notices, *(found.roles.notices if found.roles else ()))
        ],
    }
    return json.dumps(plain, indent=2, ensure_ascii=True)


def _picks(found: Inspection) -> dict[tuple[str, str], str]:
    if found.roles is None:
        return {}
    chosen = {role: getattr(found.roles, role) for role in ROLES}
    return {
        (pick.candidate.path, pick.candidate.key): _name(role)
        for role, pick in chosen.items()
        if pick is not None
    }


def _name(role: str) -> str:
    """The role as the command line calls it."""
    return "head" if role == "weight" else role


def _bytes(size: int) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024  # type: ignore[assignment]
    raise AssertionError
