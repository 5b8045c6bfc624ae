"""From the value of a pickle to named arrays, plain facts, and a list of what was left out."""

from __future__ import annotations

from pathlib import Path

from nctool.arrays import NumpyArray, Opened
from nctool.core.notice import Notice
from nctool.readers.shared.collection import Collection, array_of
from nctool.readers.shared.edge import shown
from nctool.readers.shared.pickle_calls import Locate, Unfit, numpy_array, scalar_of, tensor_of
from nctool.readers.shared.pickle_data import Blob, Global, Made, Outside, Table
from nctool.readers.shared.region import Region, held
from nctool.readers.shared.wording import left_out

DEEPEST = 64
# Shared containers can make a small file look endless when every path through it is followed.
MOST_STEPS = 1_000_000
SHORT_TUPLE = 16
PLAIN = (bool, int, float, str)
NAMESPACES = frozenset({"argparse.Namespace", "types.SimpleNamespace"})
QUIET = frozenset(
    {"torch.device", "torch.Size"}
    | {f"collections.{name}" for name in ("OrderedDict", "defaultdict", "Counter", "deque")}
)
MODULE = frozenset({"_parameters", "_buffers", "_modules"})
RUNS_CODE = frozenset(
    "os posix nt subprocess sys runpy pty socket shutil importlib ctypes webbrowser code".split()
)
RUNS_CODE_BUILTINS = frozenset("eval exec compile open __import__ execfile breakpoint".split())


class Walk:
    """One walk through one pickle; ``locate`` knows where this container keeps its storages."""

    def __init__(self, path: Path, format: str, locate: Locate) -> None:
        self.path, self.format, self.locate = path, format, locate
        self.collection = Collection(path, format)
        self.ignored = self.collection.ignored
        self.steps = self.items = 0

    def opened(self, root: object) -> Opened:
        self.visit(root, "", 0)
        return self.collection.opened(self.notices())

    def visit(self, value: object, key: str, depth: int) -> None:
        self.steps += 1
        # Values are shared in a pickle: a list of itself twice, a hundred times, has 2^100 paths.
        if depth > DEEPEST or self.steps > MOST_STEPS:
            raise ValueError("its containers are nested without end")
        match value:
            case None | Global() | Outside() | Blob() | bytes():
                pass
            case bool() | int() | float() | str():
                self.collection.state(key, value)
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
        # Each item took a byte to write at least, so honest lists are no longer than their file.
        if self.items > 4 * self.path.stat().st_size + 1000:
            raise ValueError("its lists repeat one another without end")
        plain = [_scalar(item) if isinstance(item, Made) else item for item in items]
        if isinstance(items, tuple) and len(items) <= SHORT_TUPLE:
            if items and all(isinstance(item, PLAIN) for item in plain):
                self.collection.state(key, plain)
                return
        elif len(plain) > 1:
            array = _as_array(plain)
            if array is not None:
                self.collection.keep(held(key or "value", array, self.path, self.format))
                return
        for number, item in enumerate(items):
            self.visit(item, f"{key}.{number}" if key else str(number), depth + 1)

    def visit_made(self, made: Made, key: str, depth: int) -> None:
        region = tensor_of(made, self.path, key, self.locate)
        array = region if region is not None else numpy_array(made, self.path, key)
        name = key or "value"
        if isinstance(array, Region):
            self.collection.keep(array.lazy(name, self.format))
        elif array is not None:
            self.collection.keep(held(name, array, self.path, self.format))
        elif (scalar := scalar_of(made)) is not None:
            self.collection.state(name, scalar)
        else:
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
            facts = dict(self.collection.facts)
            self.visit_pairs(state.pairs, key, depth)
            if made.name not in NAMESPACES:
                self.collection.facts = facts
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

    def notices(self) -> tuple[Notice, ...]:
        hint = "only arrays, numbers and text are read; no code from the file is run"
        notices = left_out(self.ignored, "object", hint)
        dangerous = [shown(name, 80) for name in self.ignored if _runs_code(name)]
        if dangerous:
            calls = ", ".join(dangerous[:4])
            message = f"the file asks whoever loads it to run {calls}; nctool did not"
            hint = "do not open this file with torch.load(weights_only=False) or pickle.load"
            notices += (Notice("code-not-run", message, hint, {"names": dangerous[:50]}),)
        return notices


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


def _as_array(items: list[object]) -> NumpyArray | None:
    """Numbers or text in a list, or rows of numbers of one length, as an array."""
    kinds = {type(item) for item in items}
    if not kinds <= {list, tuple}:
        return array_of(items, kinds)
    rows = [item for item in items if isinstance(item, list | tuple)]
    kinds = {type(number) for row in rows for number in row}
    even = len({len(row) for row in rows}) == 1
    return array_of(items, kinds) if even and kinds and kinds <= {int, float} else None
