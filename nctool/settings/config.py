"""Settings from files and from the environment, and where each of them came from.

Stronger first: the command line, then ``NCTOOL_*``, then ``nctool.toml``, then ``[tool.nctool]`` of
``pyproject.toml``. The files are those of the nearest folder, from the current one upwards to the
root of the repository, that says anything to nctool.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from nctool.core.errors import UsageError
from nctool.settings.budget import Budget
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions
from nctool.settings.gate_options import GateOptions
from nctool.settings.option import Declared, options_of
from nctool.settings.rank_options import RankOptions
from nctool.settings.role_options import RoleOptions

GROUPS = (RoleOptions, ComputeOptions, ConventionOptions, Budget, GateOptions, RankOptions)
"""The values whose options a file or a variable may decide."""

SECTIONS: dict[str, dict[str, Declared]] = {
    table: {
        declared.key: declared
        for group in GROUPS
        for declared in options_of(group)
        if declared.table == table
    }
    for table in ("", "roles", "gates")
}
"""The options of every table by their names in it; the first is the top level."""

NCTOOL_TOML, PYPROJECT = "nctool.toml", "pyproject.toml"
PREFIX = "NCTOOL_"
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True)
class Config:
    """One resolved value per key, and where it came from. Gates have keys of their own."""

    values: Mapping[str, object] = field(default_factory=dict)
    gates: Mapping[str, object] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    """Of every key of both: a variable's name, or a file and its table."""
    folder: Path | None = None
    """Where the files lie: paths in them are relative to it."""

    def by_name(self) -> dict[str, object]:
        """The values as the command line would give them, by the names of the options."""
        known = {**SECTIONS[""], **SECTIONS["roles"]}
        values = dict(self.values)
        for key in values.keys() & {key for key in known if known[key].option.listed}:
            values[key] = ",".join(map(str, _listed(values[key])))
        return {known[key].name: value for key, value in values.items()}


def resolve(start: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """What files and environment say, the stronger over the weaker, key by key."""
    values: dict[str, object] = {}
    gates: dict[str, object] = {}
    origin: dict[str, str] = {}
    folder = nearest(start or Path.cwd())
    files = () if folder is None else (folder / PYPROJECT, folder / NCTOOL_TOML)
    environment = os.environ if environment is None else environment
    for section, key, value, source in chain(*map(_of_file, files), _of_environment(environment)):
        (gates if section == "gates" else values)[key] = value
        origin[key] = source
    return Config(values, gates, origin, folder)


def nearest(start: Path) -> Path | None:
    """The closest folder, up to the root of the repository, that has settings of ours."""
    for folder in (start, *start.parents):
        if (folder / NCTOOL_TOML).is_file() or _ours(folder / PYPROJECT):
            return folder
        # What lies above a repository says nothing about its numbers.
        if (folder / ".git").exists():
            return None
    return None


def _ours(path: Path) -> bool:
    # By its text: a file of somebody else's that is no valid TOML is none of our business.
    return path.is_file() and "[tool.nctool" in path.read_text("utf-8", "replace")


def table(path: Path) -> Mapping[str, object]:
    """Everything a file says to nctool; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(
            "config-unreadable", f"{path} is not valid TOML: {problem}", "correct that line"
        ) from problem
    tool = content.pop("tool", {})
    ours = tool.get("nctool", {}) if isinstance(tool, dict) else {}
    if not isinstance(ours, dict):
        raise _wrong("tool.nctool", ours, "a table", str(path))
    return ours if path.name == PYPROJECT else {**ours, **content}


def _of_file(path: Path) -> Iterator[tuple[str, str, object, str]]:
    root = "tool.nctool" if path.name == PYPROJECT else ""
    for key, value in table(path).items():
        if key in SECTIONS and isinstance(value, dict):
            where = f"[{f'{root}.{key}'.lstrip('.')}] of {path.name}"
            for name, setting in value.items():
                yield key, name, _checked(key, name, setting, where), where
        else:
            where = f"[{root}] of {path.name}" if root else path.name
            yield "", key, _checked("", key, value, where), where


def _checked(section: str, key: str, value: object, where: str) -> object:
    known = SECTIONS[section]
    if key not in known:
        tables = () if section else (table for table in SECTIONS if table)
        raise _unknown(key, where, [*known, *tables])
    declared = known[key]
    if not declared.several:
        return _checked_one(declared, value, where)
    return [_checked_one(declared, each, where) for each in _listed(value)]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _checked_one(declared: Declared, value: object, where: str) -> object:
    """A value of the option's type; a whole number may stand where any number or text may."""
    if declared.choices:
        if value in declared.choices:
            return value
        raise _wrong(declared.key, value, " or ".join(declared.choices), where)
    if type(value) is int and float in declared.kinds:
        return float(value)
    if type(value) is int and str in declared.kinds and int in declared.kinds:
        return str(value)
    # Not isinstance: true is an instance of int, and no number that anybody means.
    if type(value) is not declared.kind:
        names = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
        raise _wrong(declared.key, value, names[declared.kind], where)
    return value


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str, object, str]]:
    known = {
        PREFIX + key.upper().replace("-", "_"): (section, key)
        for section in ("", "roles")
        for key in SECTIONS[section]
    }
    for name, text in environment.items():
        if not name.startswith(PREFIX):
            continue
        if name not in known:
            raise _unknown(name, "the environment", list(known))
        section, key = known[name]
        yield section, key, _checked(section, key, _read(SECTIONS[section][key], text), name), name


def _read(declared: Declared, text: str) -> object:
    """A value out of the text of a variable; what cannot be read is left to be refused."""
    if declared.several:
        return [_read_one(declared.kind, part.strip()) for part in text.split(",") if part.strip()]
    return _read_one(declared.kind, text)


def _read_one(kind: type, text: str) -> object:
    if kind is bool:
        low = text.strip().lower()
        return low in TRUE if low in TRUE + FALSE else text
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text


def _unknown(key: str, where: str, known: list[str]) -> UsageError:
    near = get_close_matches(key, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    return UsageError("unknown-setting", f"{key!r} in {where} is no setting of nctool", hint)


def _wrong(key: str, value: object, expected: str, where: str) -> UsageError:
    return UsageError("bad-setting", f"{key} = {value!r} in {where}", f"expected {expected}")
