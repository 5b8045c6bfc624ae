"""Roles written into the settings file, so that the next analysis starts from them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.core import files
from nctool.core.errors import UsageError
from nctool.inputs.opening import KEYS
from nctool.settings.config import NCTOOL_TOML, PYPROJECT, nearest, table

if TYPE_CHECKING:
    from nctool.inputs.sources import Inspection
    from nctool.roles import Pick
    from nctool.settings.role_options import RoleOptions

Settings = Mapping[str, str | bool]

HEADER = re.compile(r"^\s*\[")


def settings_of(inspection: Inspection, options: RoleOptions) -> dict[str, str | bool]:
    """The settings that give the same roles again: keys, and the split instead of its arrays."""
    roles = inspection.roles
    if roles is None:
        return {}
    keys = [array.key for file in inspection.opened for array in file.arrays]
    settings: dict[str, str | bool] = {}
    for role, name in KEYS.items():
        pick: Pick | None = getattr(roles, name)
        # Where a file holds several splits, the split says which features and labels.
        by_split = bool(roles.splits) and role in ("features", "labels")
        if pick is not None and not (by_split and pick.chosen_by == "auto"):
            key = pick.candidate.key
            alone = keys.count(key) == 1
            settings[role] = key if alone else f"{Path(pick.candidate.path).name}::{key}"
    if roles.weight is not None and roles.bias is None:
        settings["bias"] = "none"
    chosen = {
        "transpose-head": options.transpose_head,
        "weights": "" if options.weights == "raw" else options.weights,
        "split": roles.split,
        "pool": options.pool,
    }
    settings |= {name: value for name, value in chosen.items() if value}
    return settings


def save(roles: Settings, start: Path | None = None) -> Path:
    """Replace the table of roles in this folder's settings; nothing else in it changes."""
    path, header = _place(start or Path.cwd())
    before = path.read_text("utf-8") if path.is_file() else ""
    table(path)  # a file that is not valid TOML is refused before it is touched
    # A JSON string of printable text is a TOML string too; the result is read back and compared.
    values = (f"{key} = {json.dumps(role, ensure_ascii=False)}" for key, role in roles.items())
    lines = [f"[{header}]", *values]
    text = _replaced(before, lines)
    if not _only_these(before, text, header, roles):
        raise UsageError(
            "roles-not-saved",
            f"the table [{header}] of {path} is written in a way that cannot be replaced safely",
            "\n".join(["write it yourself:", *lines]),
        )
    files.write(str(path), text)
    return path


def _only_these(before: str, after: str, header: str, roles: Settings) -> bool:
    """Whether the new text is valid TOML, holds these roles and changes nothing else."""
    try:
        _, others = _apart(before, header)
        return _apart(after, header) == (dict(roles), others)
    except tomllib.TOMLDecodeError:
        return False


def _place(start: Path) -> tuple[Path, str]:
    """The file, and the name of its table."""
    folder = nearest(start) or start
    if not (folder / NCTOOL_TOML).is_file() and (folder / PYPROJECT).is_file():
        return folder / PYPROJECT, "tool.nctool.roles"
    return folder / NCTOOL_TOML, "roles"


def _replaced(text: str, table: list[str]) -> str:
    """The text without the table of this header, and the new one at its end."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if HEADER.match(line):
            inside = line.split("#")[0].strip() == table[0]
        if not inside:
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    blank = [""] if kept else []
    return "\n".join([*kept, *blank, *table]) + "\n"


def _apart(text: str, header: str) -> tuple[object, object]:
    """The table of roles, and everything else that a file says."""
    content: dict[str, object] = tomllib.loads(text)
    place: object = content
    *outer, last = header.split(".")
    for key in outer:
        place = place.setdefault(key, {}) if isinstance(place, dict) else {}
    return place.pop(last, {}) if isinstance(place, dict) else {}, content
