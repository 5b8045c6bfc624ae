"""Pickles that want to run code, fill memory or never end."""

from __future__ import annotations

import builtins
import os
import pickle
import resource
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import FEATURES


class Calls:
    """An object whose pickle is a call."""

    def __init__(self, call: Callable[..., object], *args: object) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.args


class SetsState:
    """An object that runs code when its state is put back."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __getstate__(self) -> dict[str, object]:
        return {"canary": str(self.canary)}

    def __setstate__(self, state: dict[str, str]) -> None:
        Path(state["canary"]).touch()


class Restores:
    """An object with a call in the item, list and state slots of its pickle."""

    def __init__(self, evil: object) -> None:
        self.evil = evil

    def __reduce__(self) -> tuple[object, ...]:
        return dict, (), None, iter([]), iter([("evil", self.evil)])


class Key:
    """A dict key whose hash is a call."""

    def __init__(self, evil: object) -> None:
        self.evil = evil

    def __hash__(self) -> int:
        return 1


def evils(canary: Path) -> dict[str, object]:
    touch = f"touch '{canary}'"
    code = f"open({str(canary)!r}, 'w').close()"
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    module.payload = Calls(os.system, touch)  # type: ignore[assignment]
    inner = torch.nn.Linear(2, 2)
    inner.register_buffer("b", torch.ones(2))
    inner._buffers["b"] = Calls(os.system, touch)  # type: ignore[assignment]
    return {
        "os.system": Calls(os.system, touch),
        "eval": Calls(eval, code),
        "exec": Calls(builtins.exec, code),
        "subprocess": Calls(subprocess.getoutput, touch),
        "getattr": Calls(getattr, Calls(__import__, "os"), "system"),
        "torch.load": Calls(torch.load, str(canary)),
        "setstate": SetsState(canary),
        "restore": Restores(Calls(os.system, touch)),
        "in a list": [1, [2, Calls(os.system, touch)]],
        "as a key": {Key(Calls(os.system, touch)): 1},
        "in a module": module,
        "in a module's buffers": inner,
        "in a whole module": torch.nn.ModuleDict({"a": module, "b": inner}),
    }


NAMES = sorted(evils(Path("x")))
SAVERS: dict[str, Callable[[object, Path], object]] = {
    "zip": lambda value, path: torch.save(value, path),
    "legacy": lambda value, path: torch.save(value, path, _use_new_zipfile_serialization=False),
    "pickle": lambda value, path: path.write_bytes(pickle.dumps(value)),
}


# Law: whatever a pickle calls, nothing runs; the arrays beside it are still read.
@pytest.mark.parametrize("saver", sorted(SAVERS))
@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs(tmp_path: Path, name: str, saver: str) -> None:
    canary = tmp_path / "canary"
    path = tmp_path / "a"
    SAVERS[saver]({"x": FEATURES, "evil": evils(canary)[name]}, path)
    opened = open_path(path)
    for array in opened.arrays:
        array.whole()
    assert "x" in {array.key for array in opened.arrays}
    assert not canary.exists()


# Law: the canary is a good one: the standard loader would have run the same pickle.
def test_the_canary_sings(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(evils(canary)["eval"]))
    assert canary.exists()


# Law: a file that asks for code is named as such.
def test_dangerous_calls_are_named(tmp_path: Path) -> None:
    torch.save({"x": FEATURES, "evil": Calls(os.system, "true")}, tmp_path / "a")
    notices = {notice.slug: notice for notice in open_path(tmp_path / "a").notices}
    assert "posix.system" in notices["code-not-run"].message or os.name == "nt"


def opened(tmp_path: Path, program: bytes, container: str) -> Opened | InputError:
    path = tmp_path / "a"
    if container == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", program)
            archive.writestr("a/data/0", bytes(16))
    else:
        path.write_bytes(program)
    try:
        return open_path(path)
    except InputError as error:
        return error


def number(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little")


NESTED = b"]" + b"2\x86" * 60
BOMBS = {
    "bytearray": b"\x80\x02c__builtin__\nbytearray\n" + number(2**36) + b"\x85R.",
    "torch constructor": b"\x80\x02ctorch\nFloatTensor\n" + number(2**36) + b"\x85R.",
    "long text": b"\x80\x04\x8d" + (2**40).to_bytes(8, "little") + b"abc.",
    "long bytes": b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"abc.",
    "long number": b"\x80\x02\x8b" + (2**31 - 1).to_bytes(4, "little") + b"abc.",
    "long frame": b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"N.",
    "high memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "hash of a shared tuple": b"\x80\x02}" + NESTED + b"K\x01s.",
    "laughs": b"\x80\x02" + NESTED + b".",
    "self": b"\x80\x02]q\0h\0a.",
    "deep": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "deep tuple": b"\x80\x02)" + b"\x85" * 100_000 + b".",
    "marks": b"\x80\x02" + b"(" * 100_000 + b".",
    "extension": b"\x80\x02\x82\x01.",
    "no stop": b"\x80\x02N",
    "pop nothing": b"\x80\x020000.",
    "shared lists": b"\x80\x02]q\0(" + b"K\x01" * 4000 + b"e0](" + b"h\0" * 4000 + b"e.",
    "huge integer": b"\x80\x02}U\x01a\x8b\x88\x13\0\0" + b"\x7f" * 5000 + b"s.",
    "decimal": b"\x80\x02L" + b"9" * 100_000 + b"L\n.",
}  # fmt: skip


# Law: a crafted program ends at once, in little memory, in an answer or an input error.
@pytest.mark.parametrize("container", ["zip", "pickle"])
@pytest.mark.parametrize("name", sorted(BOMBS))
def test_bombs(tmp_path: Path, name: str, container: str) -> None:
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    opened(tmp_path, BOMBS[name], container)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # Generous for a slow machine; a bomb that goes off takes minutes or gigabytes.
    assert time.process_time() - begun < 10
    assert grown < 200_000  # KiB
