"""Where readers meet roles: paths and wishes in, a Source (or an Inspection) out."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nctool import naming, readers, runs, vocabulary
from nctool.arrays import LazyArray, Opened, Source
from nctool.errors import InputError
from nctool.notice import Notice
from nctool.report import Input
from nctool.roles import Candidate, Pick, Request, Roles, assign

Pool = Literal["cls", "mean", "last"]
FINGERPRINT_ROWS = 16
KEPT = {"features": "features", "labels": "labels", "head": "weight", "bias": "bias"}
"""The roles by the names of their options."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for about inputs."""

    request: Request = field(default_factory=Request)
    ood: str | None = None
    pool: Pool | None = None
    classes: str | None = None
    ignore: tuple[int, ...] = (-100,)
    origin: Mapping[str, str] = field(default_factory=dict)
    """Of each wish that comes from a settings file or a variable: which."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Every array that was found, the role each would get, and why."""

    opened: tuple[Opened, ...]
    roles: Roles | None
    problem: InputError | None
    moment: runs.Moment
    notices: tuple[Notice, ...]


def inspect(sources: Sequence[str], wishes: Wishes) -> Inspection:
    """Look without reading: headers only, nothing computed."""
    opened, chosen = _open(sources, wishes)
    try:
        count, _ = _classes(wishes.classes)
        config = _config(opened)
        roles, problem = _assigned(opened, wishes, config, count), None
    except InputError as error:
        roles, problem = None, error
    notices = (*chosen, *(notice for one in opened for notice in one.notices))
    return Inspection(opened, roles, problem, _moment(opened), notices)


def load(sources: Sequence[str], wishes: Wishes) -> Source:
    """Open, give out the roles, check that they fit, and read the head and the labels."""
    from nctool.assemble import assemble, head_bias, head_weight

    count, asked = _classes(wishes.classes)
    opened, chosen = _open(sources, wishes)
    config = _config(opened)
    roles = _assigned(opened, wishes, config, count)
    arrays = {(one.path, one.key): one for each in opened for one in each.arrays}

    def array(pick: Pick | None) -> LazyArray | None:
        return None if pick is None else arrays[pick.candidate.path, pick.candidate.key]

    features = _pooled(array(roles.features), wishes.pool)
    weight = None
    if roles.weight is not None:
        scale = roles.weight.scale
        weight = head_weight(
            arrays[roles.weight.candidate.path, roles.weight.candidate.key],
            None if scale is None else arrays[scale.path, scale.key],
            transposed=roles.weight.transposed,
        )
    ood = None if wishes.ood is None else _pooled(_out_of_distribution(wishes.ood), wishes.pool)
    picks = {
        "features": roles.features,
        "labels": roles.labels,
        "head": roles.weight,
        "bias": roles.bias,
    }
    moment = _moment(opened)
    rows = None if weight is None else len(weight)
    names, named = naming.names(asked, config, [one.path for one in opened], rows)
    source = assemble(
        features,
        array(roles.labels),
        weight,
        head_bias(array(roles.bias)),
        ood=ood,
        names=names,
        ignore=wishes.ignore,
        inputs=(
            *(
                _input(role, pick, arrays[pick.candidate.path, pick.candidate.key])
                for role, pick in picks.items()
                if pick is not None
            ),
            *(() if ood is None else (_given("ood", ood),)),
        ),
        run={"epoch": moment.epoch, "step": moment.step, "split": roles.split},
        notices=(
            *chosen,
            *(notice for one in opened for notice in one.notices),
            *roles.notices,
            *named,
        ),
    )
    if asked is None:
        _check_count(source, count)
    return source


def _assigned(
    opened: Sequence[Opened], wishes: Wishes, config: Mapping[str, Any], count: int | None
) -> Roles:
    """The roles; those that a file named say so, also where they cannot be had."""
    try:
        roles = assign(_candidates(opened), wishes.request, config=config, classes=count)
    except InputError as problem:
        kept = [f"{name} from {where}" for name, where in wishes.origin.items() if name in KEPT]
        if kept:
            problem.hint = f"settings in use: {', '.join(kept)}\n{problem.hint}"
        raise
    named: dict[str, Any] = {}
    for role, field_name in KEPT.items():
        pick: Pick | None = getattr(roles, field_name)
        if role in wishes.origin and pick is not None:
            reason = f"{role} in {wishes.origin[role]}"
            named[field_name] = replace(pick, chosen_by="config", reason=reason)
    return replace(roles, **named)


def _check_count(source: Source, count: int | None) -> None:
    """Fewer classes than the labels hold cannot be right."""
    if count is None or source.labels is None:
        return
    highest = int(source.labels.max()) + 1
    if highest > count:
        raise InputError(
            "classes-against-labels",
            f"--classes {count}, but the labels hold {highest} classes",
            "leave the option out, or name another array with --labels",
        )


def _open(sources: Sequence[str], wishes: Wishes) -> tuple[tuple[Opened, ...], tuple[Notice, ...]]:
    """Every file that was named, directly or in front of a ``::``."""
    request = wishes.request
    named = [
        text.rpartition("::")[0]
        for text in (request.features, request.labels, request.head, request.bias)
        if text and "::" in text
    ]
    paths: list[Path] = []
    notices: list[Notice] = []
    extra = [one for one in named if _exists(one)]
    for path in _expand([*sources, *extra]):
        series = runs.checkpoints(path) if _exists(str(path)) and path.is_dir() else ()
        if series:
            last = series[-1]
            notices.append(_chose_last(path, series))
            path = last.path
        if path not in paths:
            paths.append(path)
    return tuple(readers.open_path(path) for path in paths), tuple(notices)


def _expand(sources: Sequence[str]) -> list[Path]:
    paths: list[Path] = []
    for source in sources:
        if not _exists(source) and glob.has_magic(source):
            found = sorted(glob.glob(source))  # noqa: PTH207 - absolute patterns too
            if not found:
                raise InputError(
                    "path-missing", f"nothing matches {source!r}", "check the spelling of the glob"
                )
            paths += map(Path, found)
        else:
            paths.append(Path(source))
    return paths


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _chose_last(folder: Path, series: Sequence[runs.Checkpoint]) -> Notice:
    first, last = series[0], series[-1]
    return Notice(
        "last-checkpoint",
        f"{folder} holds {len(series)} checkpoints, {first.moment} to {last.moment}: "
        f"this is the last, {last.path.name}",
        f"for another: nctool analyze {first.path}",
        {"checkpoints": len(series), "chosen": last.path.name},
    )


def _candidates(opened: Sequence[Opened]) -> list[Candidate]:
    return [
        Candidate(one.key, one.shape, one.dtype, one.path) for each in opened for one in each.arrays
    ]


def _config(opened: Sequence[Opened]) -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for one in opened:
        merged.update(one.metadata)
    return merged


def _moment(opened: Sequence[Opened]) -> runs.Moment:
    for one in opened:
        moment = runs.moment_of(one.path.stem, one.metadata)
        if moment.known:
            return moment
    return runs.Moment()


def _pooled(array: LazyArray | None, pool: Pool | None) -> LazyArray | None:
    """Sequences of vectors to one vector per sample, block by block."""
    if array is None or len(array.shape) != 3 or pool is None:
        return array
    read = array.read

    def rows(start: int, stop: int) -> Any:
        part = read(start, stop)
        if pool == "mean":
            return part.double().mean(1)  # type: ignore[union-attr]
        return part[:, 0 if pool == "cls" else -1]

    dtype = "float64" if pool == "mean" else array.dtype
    return replace(array, shape=(array.shape[0], array.shape[2]), dtype=dtype, read=rows)


def _out_of_distribution(spec: str) -> LazyArray:
    """``PATH`` or ``PATH::KEY``: the array, or the only 2-D float array there."""
    path, _, key = spec.rpartition("::") if "::" in spec else (spec, "", "")
    opened = readers.open_path(Path(path))
    request = Request(features=key or None)
    picked = assign(_candidates((opened,)), request).features
    if picked is None:
        raise InputError(
            "no-ood-features",
            f"{path} holds no array that looks like features",
            "name one with --ood PATH::KEY",
        )
    return next(one for one in opened.arrays if one.key == picked.candidate.key)


def _classes(wish: str | None) -> tuple[int | None, vocabulary.Vocabulary | None]:
    """How many classes there are, from their number or from a file with their names."""
    if wish is None or wish.isdigit():
        return None if wish is None else int(wish), None
    asked = vocabulary.read(Path(wish))
    return asked.size, asked


def _input(role: str, pick: Pick, array: LazyArray) -> Input:
    return Input(
        role,
        array.path,
        array.key,
        array.format,
        array.shape,
        array.dtype,
        fingerprint(array),
        pick.chosen_by,
        pick.reason,
        pick.transposed,
    )


def _given(role: str, array: LazyArray) -> Input:
    """An input that the user named."""
    return Input(
        role, array.path, array.key, array.format, array.shape, array.dtype,
        fingerprint(array), "flag", f"named with --{role}",
    )  # fmt: skip


def fingerprint(array: LazyArray) -> str:
    """A content check that costs the same for any size: some rows, evenly spaced."""
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    rows = array.shape[0] if array.shape else 1
    step = max(1, rows // FINGERPRINT_ROWS)
    for row in [*range(0, rows, step)][:FINGERPRINT_ROWS]:
        part = array.rows(row, row + 1)
        digest.update(repr(part.tolist()).encode())
    return "rows16:" + digest.hexdigest()[:16]
