"""One address, looked at and opened: by ranges where that is possible, otherwise by a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from nctool import readers
from nctool.arrays import Opened
from nctool.core import checkpoints as runs
from nctool.core.errors import InputError
from nctool.readers import safetensors_files as safe
from nctool.readers.remote import copying, in_place, store, web
from nctool.readers.remote.address import WEB, Address, parse
from nctool.readers.remote.copying import Downloads
from nctool.readers.remote.renaming import Renaming
from nctool.readers.remote.served import RemoteFile, RemoteFolder
from nctool.readers.remote.temporary import TemporaryFolder
from nctool.readers.shared.edge import edge, shown
from nctool.readers.shared.shards import MOST_JSON, is_index

NO_FORMAT = ("", "unsupported")


@dataclass(frozen=True, slots=True)
class Visit:
    """What is at one address; nothing but its name, its size and its first bytes was read."""

    address: Address
    served: Path | RemoteFile | RemoteFolder
    downloads: Downloads

    def checkpoints(self) -> Sequence[runs.Checkpoint]:
        """The checkpoints in order, if this is the folder of a run."""
        if isinstance(self.served, RemoteFolder):
            temporary = TemporaryFolder()
            return runs.checkpoints(_names(self.served, temporary))
        if isinstance(self.served, Path) and self.served.is_dir():
            return runs.checkpoints(self.served)
        return ()

    def run(self) -> tuple[tuple[str, ...], ...]:
        """The same as addresses, which may hold secrets; of each checkpoint all its parts."""
        return tuple(
            tuple(self.address.inner(path.name).text for path in checkpoint.paths)
            for checkpoint in self.checkpoints()
        )

    def inner(self, name: str) -> Visit:
        """What this folder holds under that name."""
        return visit(self.address.inner(name).text, self.downloads)

    def open(self) -> Opened:
        """Its arrays, under its address."""
        if isinstance(self.served, Path):
            names = Renaming(self.served, self.address.shown, in_folder=False)
            with names.errors():
                return names.opened(readers.open_path(self.served))
        temporary = TemporaryFolder()
        names = Renaming(temporary.target(self.address.name), self.address.shown)
        with temporary.removed_on_error(), names.errors(), edge(names.local, "remote"):
            opened = (
                _file(self.served, names.local, temporary, self.downloads)
                if isinstance(self.served, RemoteFile)
                else _folder(self.served, temporary, self.downloads)
            )
        return names.opened(opened, temporary)


@contextmanager
def fetched(text: str, downloads: Downloads) -> Iterator[Path]:
    """One small file, here for as long as the block lasts."""
    visited = visit(text, downloads)
    if isinstance(visited.served, RemoteFolder):
        raise InputError(
            "not-a-file", f"'{visited.address.shown}' is a folder", "name one of the files in it"
        )
    if isinstance(visited.served, Path):
        with Renaming(visited.served, visited.address.shown, in_folder=False).errors():
            yield visited.served
        return
    with closing(TemporaryFolder()) as temporary:
        names = Renaming(temporary.target(visited.address.name), visited.address.shown)
        with names.errors():
            copying.file(visited.served, names.local.name, temporary, downloads)
            yield names.local


def visit(text: str, downloads: Downloads) -> Visit:
    """Ask what is at an address."""
    address = parse(text)
    if address.protocol == "file":
        return Visit(address, _local(address), downloads)
    return Visit(
        address, web.look(address) if address.protocol in WEB else store.look(address), downloads
    )


def _local(address: Address) -> Path:
    host, _, path = address.text.partition("://")[2].partition("/")
    if host not in ("", "localhost"):
        raise InputError(
            "remote-address",
            f"'{address.shown}' names the host '{shown(host)}', but its files are on this machine",
            "write file:/// and the absolute path",
        )
    plain = Path("/" + path)
    return plain if plain.exists() else Path("/" + unquote(path))


def _file(
    served: RemoteFile, path: Path, temporary: TemporaryFolder, downloads: Downloads
) -> Opened:
    if safe.is_single(served.head) and served.ranges is not None:
        return in_place.file(served, path, temporary)
    _, notices = copying.file(served, path.name, temporary, downloads)
    if served.size <= MOST_JSON and is_index(path, served.head, safe.SUFFIX):
        parts = {name: _beside(served.address, name, temporary) for name in in_place.named_by(path)}
        return in_place.shards(path, parts, temporary, downloads)
    opened = readers.open_path(path)
    return replace(opened, notices=(*notices, *opened.notices))


def _beside(address: Address, name: str, temporary: TemporaryFolder) -> RemoteFile:
    temporary.target(name)  # a name that leads elsewhere is not even asked for
    served = visit(address.beside(name).text, Downloads()).served
    if not isinstance(served, RemoteFile):
        message = f"'{shown(name)}' beside '{address.shown}' is not a file"
        raise InputError("shard-missing", message, "check that the model was uploaded completely")
    return served


def _folder(served: RemoteFolder, temporary: TemporaryFolder, downloads: Downloads) -> Opened:
    root = _names(served, temporary)
    reader = _reader(root)
    if reader == safe.NAME:
        return in_place.model(served, root, temporary)
    if reader in NO_FORMAT:
        return readers.open_path(root)  # says why, from the names alone
    another = TemporaryFolder()
    names = Renaming(another.target(root.name), str(root))
    with another.removed_on_error(), names.errors():
        notices = copying.folder(served, root.name, another, downloads)
        opened = readers.open_path(names.local)
        return names.opened(replace(opened, notices=(*notices, *opened.notices)), another)


def _names(served: RemoteFolder, temporary: TemporaryFolder) -> Path:
    """A folder with the same names and sizes, and nothing in the files yet."""
    if len(served.entries) > copying.MOST_FILES:
        raise copying.too_large(served.address, f"{len(served.entries):,} names")
    root = temporary.target(served.address.name)
    root.mkdir()
    for name, entry in served.entries.items():
        path = f"{root.name}/{name}"
        if entry.folder:
            temporary.target(path).mkdir()
        else:
            temporary.empty(path, entry.size)
    return root


def _reader(folder: Path) -> str:
    """The name of the format that a folder has by its names."""
    for reader in readers.readers():
        with edge(folder, reader.name):
            if reader.recognises(folder, b""):
                return reader.name
    return ""
