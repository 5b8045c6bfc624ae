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
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from nctool.core.choices import Center, Missing, Pool, Precision, Reach, Rows, Which
from nctool.core.errors import UsageError

Kind: TypeAlias = type[str | bool | int | float] | type[StrEnum] | tuple[type]
"""What a value may be; a tuple of one type is a list of such."""

COMPUTE: dict[str, Kind] = {
    "metrics": (str,), "profile": str, "center": Center, "per-class": bool, "device": str,
    "dtype": Precision, "threads": int, "memory": str, "seed": int, "bootstrap": int,
    "deterministic": bool, "gap": float, "margin": Reach, "margin-rows": Rows, "alpha": float,
    "beta": float,
}  # fmt: skip
ROLES: dict[str, Kind] = {
    "features": str, "labels": str, "head": str, "bias": str, "weights": Which, "split": str,
    "classes": str, "ignore-label": (int,), "pool": Pool, "transpose-head": bool, "ood": str,
    "logit-scale": float,
}  # fmt: skip
GATES: dict[str, Kind] = {
    "rules": (str,), "tolerance": (str,), "baseline": str, "missing": Missing, "warn-only": bool,
}  # fmt: skip
SECTIONS: dict[str, dict[str, Kind]] = {"": COMPUTE, "roles": ROLES, "gates": GATES}

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


def resolve(start: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """What files and environment say, the stronger over the weaker, key by key."""
    values: dict[str, object] = {}
    gates: dict[str, object] = {}
    origin: dict[str, str] = {}
    folder = nearest(start or Path.cwd())
    layers = (
        [] if folder is None else [_of_file(folder / name) for name in (PYPROJECT, NCTOOL_TOML)]
    )
    for section, key, value, source in (
        *(found for layer in layers for found in layer),
        *_of_environment(os.environ if environment is None else environment),
    ):
        (gates if section == "gates" else values)[key] = value
        origin[key] = source
    return Config(values, gates, origin, folder)


def nearest(start: Path) -> Path | None:
    """The closest folder, up to the root of the repository, that has settings of ours."""
    for folder in (start, *start.parents):
        if (folder / NCTOOL_TOML).is_file() or _ours(folder / PYPROJECT):
            return folder
        if (folder / ".git").exists():
            return None
    return None


def _ours(path: Path) -> bool:
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
            for name, one in value.items():
                yield key, name, _checked(key, name, one, where), where
        else:
            where = f"[{root}] of {path.name}" if root else path.name
            yield "", key, _checked("", key, value, where), where


def _checked(section: str, key: str, value: object, where: str) -> object:
    known = SECTIONS[section]
    if key not in known:
        raise _unknown(key, where, [*known, *(() if section else (one for one in SECTIONS if one))])
    kind = known[key]
    if isinstance(kind, tuple):
        several = value if isinstance(value, list) else [value]
        return [_plain(key, one, kind[0], where) for one in several]
    return _plain(key, value, kind, where)


def _plain(key: str, value: object, kind: type, where: str) -> object:
    if issubclass(kind, StrEnum):
        if value in list(kind):
            return value
        raise _wrong(key, value, " or ".join(kind), where)
    if kind is float and type(value) is int:
        return float(value)
    if kind is str and type(value) is int and key == "classes":
        return str(value)
    if type(value) is not kind:
        names = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
        raise _wrong(key, value, names[kind], where)
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
        yield (
            section,
            key,
            _checked(section, key, _read(key, text, SECTIONS[section][key]), name),
            name,
        )


def _read(key: str, text: str, kind: Kind) -> object:
    """A value out of the text of a variable; what cannot be read is left to be refused."""
    if isinstance(kind, tuple):
        return [_read(key, one.strip(), kind[0]) for one in text.split(",") if one.strip()]
    if kind is bool:
        low = text.strip().lower()
        return low in TRUE if low in TRUE + FALSE else text
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def _unknown(key: str, where: str, known: list[str]) -> UsageError:
    near = get_close_matches(key, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    return UsageError("unknown-setting", f"{key!r} in {where} is no setting of nctool", hint)


def _wrong(key: str, value: object, wanted: str, where: str) -> UsageError:
    return UsageError("bad-setting", f"{key} = {value!r} in {where}", f"expected {wanted}")
