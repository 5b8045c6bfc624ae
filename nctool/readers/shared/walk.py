"""From the value of a pickle to named arrays, plain facts, and a list of what was left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.arrays import LazyArray, Opened
from nctool.core.notice import Notice
from nctool.readers.shared.edge import shown
from nctool.readers.shared.known_calls import Locate, Unfit, array_of, scalar_of, tensor_of
from nctool.readers.shared.pickle_data import Blob, Global, Made, Outside, Table
from nctool.readers.shared.region import Region, held

if TYPE_CHECKING:
    from numpy import ndarray

DEEPEST = 64
# Shared containers can make a small file look endless when every path through it is followed.
MOST_STEPS = 1_000_000
MOST_FACTS = 10_000
MOST_TEXT_BYTES = 2**28
LONGEST_TEXT = 4096
SHORT_TUPLE = 16
PLAIN = (bool, int, float, str)
NAMESPACES = frozenset({"argparse.Namespace", "types.SimpleNamespace"})
QUIET = frozenset(
    {"torch.device", "torch.Size"}
    | {f"collections.{name}" for name in ("OrderedDict", "defaultdict", "Counter", "deque")}
)
MODULE = frozenset({"_parameters", "_buffers", "_modules"})
RUNS_CODE = frozenset(
    (
        "os", "posix", "nt", "subprocess", "sys", "runpy", "pty", "socket", "shutil",
        "importlib", "ctypes", "webbrowser", "code",
    )
)  # fmt: skip
RUNS_CODE_BUILTINS = frozenset(
    ("eval", "exec", "compile", "open", "__import__", "execfile", "breakpoint")
)


@dataclass(slots=True)
class Walk:
    """One walk through one pickle; ``locate`` knows where this container keeps its storages."""

    path: Path
    format: str
    locate: Locate
    arrays: dict[str, LazyArray] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    items: int = 0

    def opened(self, root: object) -> Opened:
        self.visit(root, "", 0)
        return Opened(
            self.path, self.format, tuple(self.arrays.values()), self.facts, self.notices()
        )

    def visit(self, value: object, key: str, depth: int) -> None:
        self.steps += 1
        if depth > DEEPEST or self.steps > MOST_STEPS:
            raise ValueError("its containers are nested without end")
        match value:
            case None | Global() | Outside() | Blob() | bytes():
                pass
            case bool() | int() | float() | str():
                self.state(key, value)
            case Table():
                self.visit_pairs(value.pairs, key, depth)
            case list() | tuple():
                self.visit_items(value, key, depth)
            case Made():
                try:
                    self.visit_made(value, key, depth)
                except Unfit as reason:
                    self.ignored[str(reason)] += 1
            case _:
                self.ignored[type(value).__name__] += 1

    def visit_pairs(self, pairs: list[tuple[object, object]], key: str, depth: int) -> None:
        names = {name for name, _ in pairs if isinstance(name, str)}
        for name, value in pairs:
            # The groups of an optimizer are lists of parameter numbers that look like labels.
            if name == "param_groups" and "state" in names:
                continue
            if isinstance(name, str):
                name = name.encode("utf-8", "backslashreplace").decode()
            if isinstance(name, str | int):
                self.visit(value, f"{key}.{name}" if key else str(name), depth + 1)
            else:
                self.ignored["entry whose key is no name"] += 1

    def visit_items(self, items: list[object] | tuple[object, ...], key: str, depth: int) -> None:
        self.items += len(items)
        if self.items > 4 * self.path.stat().st_size + 1000:
            raise ValueError("its lists repeat one another without end")
        plain = [_scalar(item) if isinstance(item, Made) else item for item in items]
        if isinstance(items, tuple) and len(items) <= SHORT_TUPLE:
            if items and all(isinstance(item, PLAIN) for item in plain):
                self.state(key, plain)
                return
        elif len(plain) > 1:
            array = _as_array(plain)
            if array is not None:
                self.keep(key, held(key or "value", array, self.path, self.format))
                return
        for number, item in enumerate(items):
            self.visit(item, f"{key}.{number}" if key else str(number), depth + 1)

    def visit_made(self, made: Made, key: str, depth: int) -> None:
        region = tensor_of(made, self.path, key, self.locate)
        array = region if region is not None else array_of(made, self.path, key)
        name = key or "value"
        if array is not None:
            lazy = (
                array.lazy(name, self.format)
                if isinstance(array, Region)
                else held(name, array, self.path, self.format)
            )
            self.keep(name, lazy)
            return
        scalar = scalar_of(made)
        if scalar is not None:
            self.state(name, scalar)
            return
        self.visit_object(made, key, depth)

    def visit_object(self, made: Made, key: str, depth: int) -> None:
        """An object of a class that is not loaded: what it holds is still plain data."""
        state = made.state
        if isinstance(state, tuple) and len(state) == 2:  # a class with slots
            state = next((part for part in state if isinstance(part, Table)), None)
        entries = state.texts() if isinstance(state, Table) else {}
        module = entries.keys() >= MODULE
        if module:
            for part in sorted(MODULE):
                inside = entries[part]
                if isinstance(inside, Table | Made):
                    self.visit_pairs(inside.pairs, key, depth)
        elif isinstance(state, Table) and (made.name in NAMESPACES or not made.pairs):
            facts = dict(self.facts)
            self.visit_pairs(state.pairs, key, depth)
            if made.name not in NAMESPACES:
                self.facts = facts
        if made.pairs:
            self.visit_pairs(made.pairs, key, depth)
        elif made.items:
            self.visit_items(made.items, key, depth)
        elif made.name.endswith("OrderedDict") and made.args and isinstance(made.args[0], list):
            pairs = [tuple(pair) for pair in made.args[0] if isinstance(pair, list | tuple)]
            self.visit_pairs([(pair[0], pair[1]) for pair in pairs if len(pair) == 2], key, depth)
        known = module or made.name in QUIET or made.name in NAMESPACES
        if not known or _runs_code(made.name):
            self.ignored[made.name or "unnamed object"] += 1

    def state(self, key: str, value: object) -> None:
        """Keep a plain fact, if it is of a kind and size that can be shown."""
        if isinstance(value, str):
            value = value.encode("utf-8", "backslashreplace").decode()
        long = isinstance(value, str) and len(value) > LONGEST_TEXT
        wide = isinstance(value, int) and not -(2**63) <= value < 2**64
        if long or wide or len(self.facts) >= MOST_FACTS:
            self.ignored["overlong value"] += 1
        else:
            self.facts[key or "value"] = value

    def keep(self, key: str, array: LazyArray) -> None:
        if key in self.arrays:
            self.ignored[f"second array named {key}"] += 1
        else:
            self.arrays[key] = array

    def notices(self) -> tuple[Notice, ...]:
        if not self.ignored:
            return ()
        count, names = sum(self.ignored.values()), [shown(name, 80) for name in self.ignored]
        listed = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
        noun = "object was" if count == 1 else "objects were"
        found = [
            Notice(
                "objects-ignored",
                f"{count} {noun} not loaded: {listed}",
                "only arrays, numbers and text are read; no code from the file is run",
                {"count": count, "names": names[:50]},
            )
        ]
        dangerous = [shown(name, 80) for name in self.ignored if _runs_code(name)]
        if dangerous:
            found.append(
                Notice(
                    "code-not-run",
                    f"the file asks whoever loads it to run {', '.join(dangerous[:4])}; "
                    "nctool did not",
                    "do not open this file with torch.load(weights_only=False) or pickle.load",
                    {"names": dangerous[:50]},
                )
            )
        return tuple(found)


def _runs_code(name: str) -> bool:
    module, _, rest = name.partition(".")
    if module in ("builtins", "__builtin__"):
        return rest in RUNS_CODE_BUILTINS
    return module in RUNS_CODE and bool(rest)


def _scalar(made: Made) -> object:
    try:
        value = scalar_of(made)
    except Unfit:
        return made
    return made if value is None else value


def _as_array(items: list[object]) -> ndarray | None:
    """Numbers or text in a list, or rows of numbers of one length, as an array."""
    import numpy

    kinds = {type(item) for item in items}
    if kinds == {str}:
        longest = max(len(str(item)) for item in items)
        return numpy.array(items) if 4 * longest * len(items) <= MOST_TEXT_BYTES else None
    if kinds <= {list, tuple}:
        lengths = {len(item) for item in items if isinstance(item, list | tuple)}
        inner = {type(x) for item in items if isinstance(item, list | tuple) for x in item}
        if len(lengths) != 1 or not inner or not inner <= {int, float}:
            return None
        kinds = inner
    if kinds == {bool}:
        return numpy.array(items, dtype="bool")
    try:
        if kinds == {int}:
            return numpy.array(items, dtype="int64")
        return numpy.array(items, dtype="float64") if kinds <= {int, float} else None
    except OverflowError:
        return None
