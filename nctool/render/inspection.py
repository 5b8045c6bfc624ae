"""What a source holds, as lines and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nctool.core.text import amount
from nctool.render.lines import BLANK, Line, line, table, wrapped

if TYPE_CHECKING:
    from nctool.core.errors import InputError
    from nctool.core.notice import Notice
    from nctool.inputs.sources import Inspection
    from nctool.roles import Pick

ROLES = {"features": "features", "labels": "labels", "head": "weight", "bias": "bias"}
"""The roles as the command line calls them, and what they are called in ``Roles``."""


def lines(inspection: Inspection, width: int) -> list[Line]:
    """Files, their arrays, and the role each would get."""
    out: list[Line] = []
    roles = _roles_by_array(inspection)
    for opened in inspection.opened:
        out.append(line((opened.where, "title"), (f"  {opened.format}", "faint")))
        rows = []
        for array in opened.arrays:
            shape = " × ".join(f"{size:,}" for size in array.shape) or "scalar"
            role = roles.get((array.path, array.key), "")
            rows.append([role, array.key, shape, array.dtype, amount(array.nbytes)])
        out += [*table(rows, "<<><>"), BLANK]
    if inspection.roles is not None:
        out.append(line(("Roles", "title")))
        for role, pick in picks(inspection):
            why = "not found" if pick is None else f"{pick.candidate.key}: {pick.reason}"
            out += wrapped(f"{role:<9} {why}", width - 2, "  ")
        if inspection.roles.ignored:
            ignored = ", ".join(inspection.roles.ignored)
            out += wrapped(f"ignored: {ignored}", width - 2, "  ", "faint")
    for notice in notices(inspection):
        out += wrapped(f"! {notice.message}", width - 2, "  ")
    return out


def to_json(inspection: Inspection) -> str:
    roles = _roles_by_array(inspection)
    plain: dict[str, Any] = {
        "kind": "inspection",
        "schema_version": "1.0",
        "epoch": inspection.moment.epoch,
        "step": inspection.moment.step,
        "arrays": [
            {
                "path": array.path, "key": array.key, "format": array.format,
                "shape": list(array.shape), "dtype": array.dtype, "bytes": array.nbytes,
                "role": roles.get((array.path, array.key)), "joined": array.joined or None,
            }
            for opened in inspection.opened for array in opened.arrays
        ],
        "roles": inspection.roles and {role: _pick(pick) for role, pick in picks(inspection)},
        "problem": None if inspection.problem is None else _notice(inspection.problem),
        "ignored": [] if inspection.roles is None else list(inspection.roles.ignored),
        "warnings": [_notice(notice) for notice in notices(inspection)],
    }  # fmt: skip
    return json.dumps(plain, indent=2, ensure_ascii=True)


def _pick(pick: Pick | None) -> dict[str, Any] | None:
    if pick is None:
        return None
    return {
        "path": pick.candidate.path, "key": pick.candidate.key, "reason": pick.reason,
        "chosen_by": pick.chosen_by, "transposed": pick.transposed, "tied": pick.tied,
    }  # fmt: skip


def _notice(notice: Notice | InputError) -> dict[str, str]:
    return {"slug": notice.slug, "message": notice.message, "hint": notice.hint}


def notices(inspection: Inspection) -> tuple[Notice, ...]:
    return (*inspection.notices, *(inspection.roles.notices if inspection.roles else ()))


def picks(inspection: Inspection) -> list[tuple[str, Pick | None]]:
    """Every role and its array, if there is one."""
    return [(role, getattr(inspection.roles, name, None)) for role, name in ROLES.items()]


def _roles_by_array(inspection: Inspection) -> dict[tuple[str, str], str]:
    return {
        (pick.candidate.path, pick.candidate.key): role
        for role, pick in picks(inspection)
        if pick is not None
    }
