"""Where readers meet roles: paths and options in, a Source (or an Inspection) out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nctool.arrays import LazyArray, Opened, Source
from nctool.core import checkpoints as runs
from nctool.core.array_spec import is_address, split
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.inputs import class_names, summed, vocabulary
from nctool.inputs.fingerprint import fingerprint
from nctool.inputs.opening import KEYS, Opening, expanded, with_printable_keys
from nctool.inputs.pooling import pooled
from nctool.inputs.unused import unused_sources
from nctool.readers.remote import Downloads, fetched
from nctool.report import Input
from nctool.roles import Candidate, Pick, Roles, assign
from nctool.settings.role_options import RoleOptions


@dataclass(frozen=True, slots=True)
class Inspection:
    """Every array that was found, the role each would get, and why."""

    opened: tuple[Opened, ...]
    roles: Roles | None
    problem: InputError | None
    moment: runs.Moment
    notices: tuple[Notice, ...]


def inspect(
    sources: Sequence[str], options: RoleOptions, downloads: Downloads | None = None
) -> Inspection:
    """The arrays, roles and reasons, from headers alone."""
    opening = Opening(downloads or Downloads())
    opened = opening.open_all(sources, options)
    options = with_printable_keys(options)
    sums, others = summed.apart(opened)
    roles, problem = None, None
    try:
        count, _ = _classes(options, opening.downloads)
        if others or not sums:
            roles = _assigned(others, options, _metadata(others), count)
    except InputError as error:
        # What was found is shown all the same; the command raises the problem after that.
        problem = error
    notices = (*opening.notices, *map(summed.holds, sums))
    return Inspection(opened, roles, problem, _moment(opened), notices)


def load(
    sources: Sequence[str], options: RoleOptions, downloads: Downloads | None = None
) -> Source:
    """Open, give out the roles, check that they fit, and read the head and the labels."""
    opening = Opening(downloads or Downloads())
    known = _classes(options, opening.downloads)
    opened = opening.open_all(sources, options)
    options = with_printable_keys(options)
    sums, others = summed.apart(opened)
    if not sums:
        return _of_arrays(opened, opening, options, *known)
    ood = None if options.ood is None else _out_of_distribution(options.ood, opening)
    alone = replace(options, ood=None)
    beside = _of_arrays(others, opening, alone, *known) if others else None
    return summed.loaded(sums, beside, pooled(ood, options.pool), options)


def _of_arrays(
    opened: Sequence[Opened],
    opening: Opening,
    options: RoleOptions,
    count: int | None,
    known_names: vocabulary.Vocabulary | None,
) -> Source:
    """What the arrays of these files are by their roles."""
    from nctool.inputs.assemble import assemble, head_bias, head_weight

    metadata = _metadata(opened)
    roles = _assigned(opened, options, metadata, count)
    arrays = {(array.path, array.key): array for file in opened for array in file.arrays}

    def stored(candidate: Candidate) -> LazyArray:
        return arrays[candidate.path, candidate.key]

    picks: dict[str, Pick] = {
        role: pick for role, name in KEYS.items() if (pick := getattr(roles, name)) is not None
    }
    by_role = {role: stored(pick.candidate) for role, pick in picks.items()}
    weight = None
    if roles.weight is not None:
        scale = None if roles.weight.scale is None else stored(roles.weight.scale)
        weight = head_weight(by_role["head"], scale, transposed=roles.weight.transposed)
    ood = None
    if options.ood is not None:
        ood = pooled(_out_of_distribution(options.ood, opening), options.pool)
    moment = _moment(opened)
    rows = None if weight is None else len(weight)
    names, on_names = class_names.names(known_names, metadata, [file.path for file in opened], rows)
    bias = head_bias(by_role.get("bias"))
    inputs = [
        _input(role, by_role[role], pick.chosen_by, pick.reason, pick.transposed)
        for role, pick in picks.items()
    ]
    if ood is not None:
        inputs.append(_input("ood", ood, "flag", "named with --ood"))
    taken = (*by_role.values(), *([] if ood is None else [ood]))
    unused = unused_sources(opened, taken, opening.repeated)
    source = assemble(
        pooled(by_role.get("features"), options.pool),
        by_role.get("labels"),
        weight,
        bias,
        ood=ood,
        names=names,
        ignore=options.ignore_label,
        inputs=tuple(inputs),
        run={
            "epoch": moment.epoch,
            "step": moment.step,
            "split": roles.split,
            "train_error": runs.train_error(metadata),
        },
        notices=(*opening.notices, *roles.notices, *on_names, *unused),
    )
    if known_names is None:
        _check_count(source, count)
    return source


def _assigned(
    opened: Sequence[Opened], options: RoleOptions, metadata: Mapping[str, Any], count: int | None
) -> Roles:
    """The roles; a role that a settings file decided names it, in its reason or in the error."""
    try:
        roles = assign(_candidates(opened), options, config=metadata, classes=count)
    except InputError as problem:
        used = [f"{name} from {where}" for name, where in options.origin.items() if name in KEYS]
        if used:
            problem.hint = f"settings in use: {', '.join(used)}\n{problem.hint}"
        raise
    wholes = {
        (array.path, array.key): array.joined
        for file in opened
        for array in file.arrays
        if array.joined
    }
    said: dict[str, Any] = {}
    for role, field_name in KEYS.items():
        pick: Pick | None = getattr(roles, field_name)
        if pick is None:
            continue
        if role in options.origin:
            reason = f"{role} in {options.origin[role]}"
            pick = replace(pick, chosen_by="config", reason=reason)
        if parts := wholes.get((pick.candidate.path, pick.candidate.key)):
            pick = replace(pick, reason=f"{pick.reason}; {parts}")
        said[field_name] = pick
    return replace(roles, **said)


def _check_count(source: Source, count: int | None) -> None:
    """Raise where the user counts fewer classes than the labels hold."""
    if count is None or source.labels is None:
        return
    highest = int(source.labels.max()) + 1
    if highest > count:
        message = f"--classes {count}, but the labels hold {highest} classes"
        hint = "leave the option out, or name another array with --labels"
        raise InputError("classes-against-labels", message, hint)


def _candidates(opened: Sequence[Opened]) -> list[Candidate]:
    return [
        Candidate(array.key, array.shape, array.dtype, array.path)
        for file in opened
        for array in file.arrays
    ]


def _metadata(opened: Sequence[Opened]) -> Mapping[str, Any]:
    return {name: value for file in opened for name, value in file.metadata.items()}


def _moment(opened: Sequence[Opened]) -> runs.Moment:
    said = [runs.moment_of(file.path.stem, file.metadata) for file in opened]
    # Parts of one moment, in a folder that bears no name of it.
    parts = (array.path for file in opened for array in file.arrays if array.joined)
    said += (runs.moment_in_name(name) for part in parts for name in Path(part).parts[-2:])
    return next((moment for moment in said if moment.known), runs.Moment())


def _out_of_distribution(spec: str, opening: Opening) -> LazyArray:
    """``PATH`` or ``PATH::KEY``: the array, or the only 2-D float array there."""
    path, key = split(spec)
    path, key = (path, key) if path else (key, "")
    options = RoleOptions(features=key or None)
    opened = opening.whole(expanded([path]), options, unlabelled=True)
    picked = assign(_candidates(opened), options).features
    if picked is None:
        where = ", ".join(file.where for file in opened)
        message = f"{where} holds no array that looks like features"
        raise InputError("no-ood-features", message, "name one with --ood PATH::KEY")
    chosen = (picked.candidate.path, picked.candidate.key)
    return next(
        array for file in opened for array in file.arrays if (array.path, array.key) == chosen
    )


def _classes(
    options: RoleOptions, downloads: Downloads
) -> tuple[int | None, vocabulary.Vocabulary | None]:
    """How many classes there are, from their number or from a file with their names."""
    if options.classes is None:
        return None, None
    text = str(options.classes)
    if text.isdigit():
        return int(text), None
    names = vocabulary_at(text, downloads)
    return names.size, names


def vocabulary_at(place: str, downloads: Downloads | None = None) -> vocabulary.Vocabulary:
    """The names of the classes in a file, a folder or at an address."""
    if is_address(place):
        with fetched(place, downloads or Downloads()) as file:
            return replace(vocabulary.read(file), path=Path(file.name))
    return vocabulary.read(Path(place))


def _input(
    role: str, array: LazyArray, chosen_by: str, reason: str, transposed: bool = False
) -> Input:
    return Input(
        role, array.path, array.key, array.format, array.shape, array.dtype, fingerprint(array),
        chosen_by, reason, transposed,
    )  # fmt: skip
