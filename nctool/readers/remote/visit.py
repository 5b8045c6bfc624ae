"""One address, looked at and opened: by ranges where that is possible, otherwise by a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from nctool import readers
from nctool.arrays import Opened
from nctool.core import checkpoints as runs
from nctool.core.errors import InputError
from nctool.readers import safetensors_files as safe
from nctool.readers.remote import copies, in_place, store, web
from nctool.readers.remote.copies import Listener
from nctool.readers.remote.naming import Names
from nctool.readers.remote.place import WEB, Place, parse
from nctool.readers.remote.room import Room
from nctool.readers.remote.served import RemoteFile, RemoteFolder
from nctool.readers.shared.edge import edge, shown
from nctool.readers.shared.shards import MOST_JSON, is_index

NO_FORMAT = ("", "unsupported")


@dataclass(frozen=True, slots=True)
class Visit:
    """What is at one address; nothing but its name, its size and its first bytes was read."""

    place: Place
    found: Path | RemoteFile | RemoteFolder
    listener: Listener

    def checkpoints(self) -> Sequence[runs.Checkpoint]:
        """The checkpoints in order, if this is the folder of a run."""
        if isinstance(self.found, RemoteFolder):
            room = Room()
            return runs.checkpoints(_names(self.found, room))
        if isinstance(self.found, Path) and self.found.is_dir():
            return runs.checkpoints(self.found)
        return ()

    def run(self) -> tuple[str, ...]:
        """The same as addresses, which may hold secrets."""
        return tuple(self.place.inner(one.path.name).text for one in self.checkpoints())

    def inner(self, name: str) -> Visit:
        """What this folder holds under that name."""
        return visit(self.place.inner(name).text, self.listener)

    def open(self) -> Opened:
        """Its arrays, under its address."""
        if isinstance(self.found, Path):
            names = Names(self.found, self.place.shown, in_room=False)
            with names.told():
                return names.opened(readers.open_path(self.found))
        room = Room()
        names = Names(room.target(self.place.name), self.place.shown)
        with room.or_nothing(), names.told(), edge(names.local, "remote"):
            opened = (
                _file(self.found, names.local, room, self.listener)
                if isinstance(self.found, RemoteFile)
                else _folder(self.found, room, self.listener)
            )
        return names.opened(opened, room)


@contextmanager
def fetched(text: str, listener: Listener) -> Iterator[Path]:
    """One small file, here for as long as the block lasts."""
    seen = visit(text, listener)
    if isinstance(seen.found, RemoteFolder):
        raise InputError(
            "not-a-file", f"'{seen.place.shown}' is a folder", "name one of the files in it"
        )
    if isinstance(seen.found, Path):
        with Names(seen.found, seen.place.shown, in_room=False).told():
            yield seen.found
        return
    room = Room()
    names = Names(room.target(seen.place.name), seen.place.shown)
    with room.whole(), names.told():
        copies.file(seen.found, names.local.name, room, listener)
        yield names.local


def visit(text: str, listener: Listener) -> Visit:
    """Ask what is at an address."""
    place = parse(text)
    if place.protocol == "file":
        return Visit(place, _local(place), listener)
    return Visit(place, web.look(place) if place.protocol in WEB else store.look(place), listener)


def _local(place: Place) -> Path:
    host, _, path = place.text.partition("://")[2].partition("/")
    if host not in ("", "localhost"):
        raise InputError(
            "remote-address",
            f"'{place.shown}' names the host '{shown(host)}', but its files are on this machine",
            "write file:/// and the absolute path",
        )
    plain = Path("/" + path)
    return plain if plain.exists() else Path("/" + unquote(path))


def _file(served: RemoteFile, path: Path, room: Room, listener: Listener) -> Opened:
    if safe.is_single(served.head) and served.ranges is not None:
        return in_place.file(served, path, room)
    _, notices = copies.file(served, path.name, room, listener)
    if served.size <= MOST_JSON and is_index(path, served.head, safe.SUFFIX):
        parts = {name: _beside(served.place, name, room) for name in in_place.named_by(path)}
        return in_place.shards(path, parts, room, listener)
    opened = readers.open_path(path)
    return replace(opened, notices=(*notices, *opened.notices))


def _beside(place: Place, name: str, room: Room) -> RemoteFile:
    room.target(name)  # a name that leads elsewhere is not even asked for
    found = visit(place.beside(name).text, Listener()).found
    if not isinstance(found, RemoteFile):
        raise InputError(
            "shard-missing",
            f"'{shown(name)}' beside '{place.shown}' is not a file",
            "check that the model was uploaded completely",
        )
    return found


def _folder(served: RemoteFolder, room: Room, listener: Listener) -> Opened:
    root = _names(served, room)
    reader = _reader(root)
    if reader == safe.NAME:
        return in_place.model(served, root, room)
    if reader in NO_FORMAT:
        return readers.open_path(root)  # says why, from the names alone
    another = Room()
    names = Names(another.target(root.name), str(root))
    with another.or_nothing(), names.told():
        notices = copies.folder(served, root.name, another, listener)
        opened = readers.open_path(names.local)
        return names.opened(replace(opened, notices=(*notices, *opened.notices)), another)


def _names(served: RemoteFolder, room: Room) -> Path:
    """A folder with the same names and sizes, and nothing in the files yet."""
    if len(served.entries) > copies.MOST_FILES:
        raise copies.too_large(served.place, f"{len(served.entries):,} names")
    root = room.target(served.place.name)
    root.mkdir()
    for name, entry in served.entries.items():
        path = f"{root.name}/{name}"
        if entry.folder:
            room.target(path).mkdir()
        else:
            room.empty(path, entry.size)
    return root


def _reader(folder: Path) -> str:
    """The name of the format that a folder has by its names."""
    for reader in readers.readers():
        with edge(folder, reader.name):
            if reader.recognises(folder, b""):
                return reader.name
    return ""
