"""One data set written in parts, as ranks, batches and chunks leave it, read as one array.

Parts are found by their names (``parts.py``) and joined only where the numbers of rows bear it
out: features and labels part by part, or the features' parts together and one array of labels. What
else has a row for each sample follows them. Only names, shapes and sample numbers are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import commonpath
from pathlib import Path, PurePath

from nctool.arrays import LazyArray, Opened
from nctool.core.array_spec import is_address, split
from nctool.core.notice import Notice
from nctool.core.text import natural
from nctool.inputs import shard_problems as problems
from nctool.inputs.fingerprint import fingerprint
from nctool.inputs.parts import Family, families, own
from nctool.inputs.sample_index import IN_PARTS, by_index, is_index
from nctool.readers.shared.joined import Joined
from nctool.roles import Candidate
from nctool.roles.exclude import exclude
from nctool.roles.explicit import matches
from nctool.roles.sample_arrays import NAMED, Role, SampleArray, sample_arrays, split_of
from nctool.settings.role_options import RoleOptions

Able = Mapping[tuple[str, str], SampleArray]
"""By path and key, the arrays that could play a role."""

ROLES: tuple[Role, Role] = ("features", "labels")


def joined(
    opened: Sequence[Opened], options: RoleOptions, *, unlabelled: bool = False
) -> tuple[tuple[Opened, ...], tuple[Notice, ...]]:
    """The files with what belongs together as one, and notices about it.

    ``unlabelled`` takes parts of features without labels, as out-of-distribution features are.
    """
    arrays = [array for file in opened for array in file.arrays]
    joining = _Joining(arrays, families(arrays), options, unlabelled)
    joining.decide()
    if not joining.instead:
        return tuple(opened), ()
    return tuple(_replaced(opened, joining.instead)), tuple(joining.notices)


@dataclass(slots=True)
class _Joining:
    arrays: list[LazyArray]
    families: list[Family]
    options: RoleOptions
    unlabelled: bool
    instead: dict[int, LazyArray | None] = field(default_factory=dict)
    """By the id of a part: the whole that comes in its place; None where another part has it."""
    notices: list[Notice] = field(default_factory=list)

    def decide(self) -> None:
        inside = {id(array) for family in self.families for array in family.arrays}
        alone = [array for array in self.arrays if id(array) not in inside]
        everything = [own(family.candidate) for family in self.families]
        everything += [own(_candidate(array)) for array in alone]
        kept = exclude(everything)[0]
        able: dict[str, Able] = {
            role: {array.candidate.place: array for array in sample_arrays(role, kept)}
            for role in ROLES
        }
        features = self._named("features", able["features"])
        labels = self._named("labels", able["labels"])
        if features is None or labels is None:  # a single part was asked for, and gets its due
            return
        rows = {
            role: {array.shape[0] for array in alone if own(_candidate(array)).place in able[role]}
            for role in ROLES
        }
        for family in features:
            self._join_features(family, labels, rows["labels"], able)
        for family in labels:
            if id(family.arrays[0]) not in self.instead and family.rows in rows["features"]:
                self._together(family, [], [])

    def _named(self, role: Role, able: Able) -> list[Family] | None:
        """The families that may play a role; None where the user named a part by itself."""
        text = getattr(self.options, role)
        usable = [family for family in self.families if own(family.candidate).place in able]
        if text is None or text == "none":
            return usable if text is None else []
        whole = matches([family.candidate for family in self.families], text)
        named = [family for family in self.families if family.candidate in whole]
        if named:
            return [family for family in named if family in usable] or named
        some = matches([_candidate(array) for array in self.arrays], text)
        chosen = [array for array in self.arrays if _candidate(array) in some]
        if len(chosen) < 2:
            parts = {id(array) for family in self.families for array in family.arrays}
            return None if any(id(array) in parts for array in chosen) else []
        family = _of_glob(role, text, chosen, self.families)
        if family is None:
            return []
        numbers, taken = family.parts.keys(), {id(array) for array in family.arrays}
        # What else is in parts is taken of the same ones.
        self.families = [
            each.only(numbers) if numbers < each.parts.keys() else each
            for each in self.families
            if taken.isdisjoint(map(id, each.arrays))
        ]
        self.families.append(family)
        return [family]

    def _join_features(
        self,
        features: Family,
        labels: Sequence[Family],
        sums: Collection[int],
        able: Mapping[str, Able],
    ) -> None:
        partners = [family for family in labels if family.like(features)]
        places = {id(family): own(family.candidate).place for family in partners}
        partners.sort(key=lambda family: able["labels"][places[id(family)]].tier
                      if places[id(family)] in able["labels"] else NAMED)  # fmt: skip
        index = next(
            (each for each in self.families if each.like(features) and is_index(each)), None
        )
        if partners:
            if index is None and self.options.features is None:
                problems.check_moments(features, partners[0])
            self._together(features, partners, [index] if index else [])
            return
        layers = len(set(features.sizes)) == 1 and features.sizes[0] in sums
        if features.rows in sums or index is not None:
            self._together(features, [], [index] if index else [])
        elif other := problems.unpaired(features, labels, able["features"], able["labels"]):
            raise other
        elif (
            (self.unlabelled or features.certain)
            and not layers
            and problems.misfit(features) is None
        ):
            self._together(features, [], [])

    def _together(self, first: Family, partners: Sequence[Family], index: Sequence[Family]) -> None:
        """Join this family and all that has a row for each of its rows."""
        if id(first.arrays[0]) in self.instead:
            return
        for family in (first, *partners):
            problems.check_alike(family)
            problems.check_complete(family)
        followers = [
            family for family in self.families
            if family.like(first) and family not in (first, *partners, *index)
            and problems.misfit(family) is None
            and not any(id(array) in self.instead for array in family.arrays)
        ]  # fmt: skip
        rows, how = None, IN_PARTS
        if index:
            order = by_index(index[0], first, partners)
            rows, how = order.rows, order.how
            self.notices += order.notices
            if how != IN_PARTS:
                self.instead.update((id(array), None) for array in index[0].arrays)
        self.notices += problems.gaps(first)
        for family in (first, *partners, *followers):
            parts = [array for array in family.arrays if array.shape[0]] or [*family.arrays[:1]]
            whole = Joined(parts, rows).lazy(family.key, Path(family.path), parts[0].format)
            text = f"{len(family.arrays):,} parts joined {how}"
            if is_address(family.path):
                whole = replace(whole, path=family.path)
            self._put(family.arrays, replace(whole, joined=text))
        self._copies(first)

    def _copies(self, first: Family) -> None:
        """Of what each part holds alike, as a head beside its rows, the first.

        Where they differ each stays, by its name in its file: of heads it is asked which is meant.
        """
        for family in self.families:
            free = not any(id(array) in self.instead for array in family.arrays)
            beside = free and family.parts.keys() == first.parts.keys()
            if not beside:
                continue
            named = [replace(array, key=own(_candidate(array)).key) for array in family.arrays]
            if len({fingerprint(array) for array in named}) == 1:
                self._put(family.arrays, named[0])
            else:
                pairs = zip(family.arrays, named, strict=True)
                self.instead.update((id(array), each) for array, each in pairs)

    def _put(self, parts: Iterable[LazyArray], whole: LazyArray) -> None:
        for place, array in enumerate(parts):
            self.instead[id(array)] = None if place else whole


def _candidate(array: LazyArray) -> Candidate:
    return Candidate(array.key, array.shape, array.dtype, array.path)


def _of_glob(
    role: Role, text: str, arrays: Sequence[LazyArray], known: Sequence[Family]
) -> Family | None:
    """What a glob names as the parts of one array; None where that is something else."""
    able = {array.candidate: array for array in sample_arrays(role, map(_candidate, arrays))}
    parts = [array for array in arrays if _candidate(array) in able]
    kinds = {(array.dtype, array.shape[1:]) for array in parts}
    splits = {split_of(_candidate(array)) for array in parts}
    if len(parts) < 2 or len(kinds) > 1 or len(splits) > 1:
        return None
    path, key = split(text)
    for family in known:
        numbers = {id(array): at for at, array in family.parts.items()}
        if all(id(array) in numbers for array in parts):
            return family.only({numbers[id(array)] for array in parts}, path or family.path, key)
    ordered = sorted(parts, key=lambda array: natural(f"{array.path}::{array.key}"))
    paths = {array.path for array in parts}
    path = path or (paths.pop() if len(paths) == 1 else f"{commonpath(map(_folder, paths))}/*")
    return Family(path, key, {(at,): array for at, array in enumerate(ordered)}, words=("",))


def _folder(path: str) -> str:
    return str(PurePath(path).parent)


def _replaced(opened: Sequence[Opened], instead: dict[int, LazyArray | None]) -> Iterator[Opened]:
    """The files, those that hold parts as one where several do."""
    holds = [any(id(array) in instead for array in file.arrays) for file in opened]
    holding = [file for file, held in zip(opened, holds, strict=True) if held]
    arrays = tuple(
        whole
        for file in holding
        for array in file.arrays
        if (whole := instead.get(id(array), array)) is not None
    )
    for file, held in zip(opened, holds, strict=True):
        if not held:
            yield file
        elif file is holding[0]:
            yield replace(file, arrays=arrays) if len(holding) == 1 else _as_one(holding, arrays)


def _as_one(files: Sequence[Opened], arrays: tuple[LazyArray, ...]) -> Opened:
    whole = [array for array in arrays if array.joined]
    paths = {array.path for array in whole}
    path = paths.pop() if len(paths) == 1 else str(Path(whole[0].path).parent)
    formats = ", ".join(sorted({file.format for file in files}))
    facts = {name: fact for file in files for name, fact in file.metadata.items()}
    notices = tuple({notice.message: notice for file in files for notice in file.notices}.values())
    address = path if is_address(path) else ""
    return Opened(Path(path), f"{formats}, {len(files):,} files", arrays, facts, notices, address)
