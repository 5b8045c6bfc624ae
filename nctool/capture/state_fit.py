"""How the arrays of a file fit the state of a model: names, shapes, and what to say where not."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from torch import Tensor

from nctool.arrays import FLOATS, LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.text import count, one_line
from nctool.roles.array_names import INNER_WRAPPERS

SHOWN = 4
"""Names of each kind in a message."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """How the arrays under one prefix fit a model."""

    wanted: Mapping[str, Tensor]
    group: Mapping[str, LazyArray]
    """By name under the prefix: every array there."""
    tied: Mapping[str, Sequence[str]]

    @property
    def arrays(self) -> dict[str, LazyArray]:
        """By the model's names; a tied tensor that was stored once serves every name of it."""
        return {name: self.group[at] for name in self.wanted if (at := self._stored_as(name))}

    @property
    def missing(self) -> list[str]:
        return [name for name in self.wanted if self._stored_as(name) is None]

    @property
    def left_over(self) -> list[str]:
        return [name for name in self.group if name not in self.wanted]

    @property
    def unlike(self) -> list[str]:
        """Names that both have, with other shapes, or whole numbers for floats."""
        return [
            name
            for name, array in self.group.items()
            if (tensor := self.wanted.get(name)) is not None
            and (tuple(tensor.shape), tensor.is_floating_point())
            != (array.shape, array.dtype in FLOATS)
        ]

    @property
    def exact(self) -> bool:
        return not (self.missing or self.left_over or self.unlike)

    @property
    def likeness(self) -> tuple[int, int]:
        return len(self.arrays) - len(self.unlike), -len(self.left_over)

    def _stored_as(self, name: str) -> str | None:
        names = (name, *self.tied.get(name, ()))
        return next((each for each in names if each in self.group), None)


def parts_of(name: str) -> Parts:
    """A name without what wrappers put into the middle of it."""
    return tuple(part for part in name.split(".") if part not in INNER_WRAPPERS)


def plain_names(tensors: Iterable[str]) -> Iterator[dict[str, str]]:
    """The model's names as files may have them: as they are, then without what all begin with.

    A Lightning module or DistributedDataParallel keeps its network under a name, and the file may
    be of the network alone.
    """
    split = {name: parts_of(name) for name in tensors}
    while True:
        yield {name: ".".join(parts) for name, parts in split.items()}
        if len({parts[0] for parts in split.values()}) != 1:
            return
        split = {name: parts[1:] for name, parts in split.items()}
        if not all(split.values()):
            return


def groups(
    arrays: Sequence[LazyArray], wanted: Container[str]
) -> dict[Parts, dict[str, LazyArray]]:
    """By what stands before a name of the model: all arrays that are under it."""
    split = [(parts_of(array.key), array) for array in arrays]
    starts: dict[Parts, dict[str, LazyArray]] = {
        parts[:cut]: {}
        for parts, _ in split
        for cut in range(len(parts))
        if ".".join(parts[cut:]) in wanted
    }
    for parts, array in split:
        for cut in range(len(parts)):
            if parts[:cut] in starts:
                starts[parts[:cut]][".".join(parts[cut:])] = array
    return starts


def tied_names(wanted: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """By name: all names of the same memory, which files often hold under one of them alone."""
    places: dict[tuple[object, ...], list[str]] = {}
    for name, tensor in wanted.items():
        if tensor.numel() and not tensor.is_meta:
            place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride())
            places.setdefault(place, []).append(name)
    return {name: names for names in places.values() if len(names) > 1 for name in names}


def mismatch(
    opened: Opened, tried: Sequence[Fit], model: Iterable[str], prefix: str | None
) -> InputError:
    """What the state that fits best lacks, has beside, or has in another shape."""
    best = max(tried, key=lambda fit: fit.likeness, default=None)
    where = opened.where if prefix is None else f"{opened.where}::{one_line(prefix)}"
    if best is None or not best.arrays:
        keys = _names([array.key for array in opened.arrays])
        message = f"'{where}' holds no weights of the model: it has {keys}; "
        return InputError(
            "state-missing",
            f"{message}the model has {_names([*model])}",
            f"see what it holds: nctool inspect '{opened.where}'",
        )
    said = []
    if missing := best.missing:
        said.append(f"{count(len(missing), 'array')} missing: {_names(missing, best.left_over)}")
    if extra := best.left_over:
        said.append(f"{count(len(extra), 'array')} left over: {_names(extra, missing)}")
    if best.unlike:
        shapes = [_unlike(name, best.group[name], best.wanted[name]) for name in best.unlike]
        said.append(f"of another shape or kind: {_names(shapes)}")
    return InputError(
        "state-mismatch",
        f"'{where}' does not fit the model: {'; '.join(said)}",
        "make the model as it was when this was saved; its arguments go by --set key=value",
    )


def _unlike(name: str, array: LazyArray, tensor: Tensor) -> str:
    own = f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
    return f"{name} is {array.dtype} {array.shape} there, {own} in the model"


def _names(names: Sequence[str], near: Sequence[str] = ()) -> str:
    """The first few names, each with the nearest among others if one is near."""
    shown = []
    for name in names[:SHOWN]:
        like = get_close_matches(name, near, n=1)
        shown.append(one_line(name) + (f" (nearest: {one_line(like[0])})" if like else ""))
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return (", ".join(shown) or "nothing") + more
