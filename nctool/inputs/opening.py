"""Opening the sources of a command: paths, globs and addresses in, opened files out."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nctool import readers
from nctool.arrays import Opened
from nctool.core import checkpoints as runs
from nctool.core.array_spec import is_address, split
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.core.text import natural
from nctool.inputs.joining import joined
from nctool.readers import remote
from nctool.readers.statistics_file import NAME as SUMS
from nctool.settings.role_options import RoleOptions

KEYS = {"features": "features", "labels": "labels", "head": "weight", "bias": "bias"}
"""Of every option that takes a key: the role it decides, as ``Roles`` has it."""


@dataclass(slots=True)
class Opening:
    """The sources of one command; each is opened once, however often it is named."""

    downloads: remote.Downloads = field(default_factory=remote.Downloads)
    opened: dict[Path | str, tuple[Opened, ...]] = field(default_factory=dict)
    chosen: list[Notice] = field(default_factory=list)
    joining: list[Notice] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    """Sources that were named again."""
    addresses: dict[str, str] = field(default_factory=dict)
    """By how each is shown, the address itself, which may hold a secret."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Notices about files, about checkpoints chosen from folders, and about parts."""
        of_files = (
            notice for files in self.opened.values() for file in files for notice in file.notices
        )
        each_once = {(notice.slug, notice.message): notice for notice in of_files}
        return (*self.chosen, *each_once.values(), *self.joining)

    def open_all(self, sources: Sequence[str], options: RoleOptions) -> tuple[Opened, ...]:
        """Every file that was named, directly or in front of a ``::``; parts of one set as one."""
        keys = (getattr(options, role) or "" for role in KEYS)
        named = [path for key in keys if _exists(path := split(key)[0])]
        given = expanded(sources)
        self.repeated = [
            printable_name(each) for each, times in Counter(given).items() if times > 1
        ]
        return self.whole([*given, *expanded(named)], options)

    def whole(
        self, sources: Sequence[str], options: RoleOptions, *, unlabelled: bool = False
    ) -> tuple[Opened, ...]:
        """These files, those of one data set as one."""
        files = {id(file): file for source in sources for file in self.open(source)}
        # Sums of ranks are no rows: they are merged, not put below one another.
        sums = [file for file in files.values() if file.format == SUMS]
        rows = [file for file in files.values() if file.format != SUMS]
        opened, notices = joined(rows, options, unlabelled=unlabelled)
        self.joining += notices
        return (*sums, *opened)

    def open(self, source: str) -> tuple[Opened, ...]:
        """A file or a folder; of the folder of a run, the last checkpoint and all its parts."""
        if is_address(source):
            return self._open_address(source)
        path = Path(source)
        series = runs.checkpoints(path) if _exists(source) and path.is_dir() else ()
        if series:
            self._chose(str(path), series)
        paths = series[-1].paths if series else (path,)
        for part in paths:
            if part not in self.opened:
                self.opened[part] = (readers.open_path(part),)
        return tuple(file for part in paths for file in self.opened[part])

    def _open_address(self, source: str) -> tuple[Opened, ...]:
        shown = remote.parse(source).shown
        if self.addresses.setdefault(shown, source) != source:
            message = f"two addresses are both shown as '{shown}', without what may be secret"
            raise InputError("remote-alike", message, "download one of them, and name the file")
        if shown not in self.opened:
            visit = self.downloads.visits.pop(source, None) or remote.visit(source, self.downloads)
            series = visit.checkpoints()
            if series:
                self._chose(shown, series)
            names = [path.name for path in series[-1].paths] if series else []
            self.opened[shown] = tuple(visit.inner(name).open() for name in names) or (
                visit.open(),
            )
        return self.opened[shown]

    def _chose(self, folder: str, series: Sequence[runs.Checkpoint]) -> None:
        first, last = series[0], series[-1]
        self.chosen.append(
            Notice(
                "last-checkpoint",
                f"{folder} holds {len(series)} checkpoints, {first.moment} to {last.moment}: "
                f"this is the last, {last.path.name}",
                f"for another: nctool analyze {folder}/{first.path.name}",
                {"checkpoints": len(series), "chosen": last.path.name},
            )
        )


def checkpoints_of(source: str, downloads: remote.Downloads) -> tuple[tuple[str, ...], ...]:
    """The checkpoints of the folder of a run, in order, each with its parts; else none."""
    if is_address(source):
        visit = remote.visit(source, downloads)
        series = visit.run()
        if not series:
            # Kept for Opening: a second visit would ask the server everything again.
            downloads.visits[source] = visit
        return series
    try:
        path = Path(source)
        local = runs.checkpoints(path) if path.is_dir() else ()
    except (OSError, ValueError):
        # Too long a name, a loop of links, a null byte: the reader says what is wrong with it.
        return ()
    return tuple(tuple(map(str, checkpoint.paths)) for checkpoint in local)


def name_of(source: str) -> str:
    """The last part of a path or an address."""
    return remote.parse(source).name if is_address(source) else Path(source).name


def printable_name(source: str) -> str:
    """The path or address as it may be printed, without what may be secret."""
    return remote.parse(source).shown if is_address(source) else source


def with_printable_keys(options: RoleOptions) -> RoleOptions:
    """The options with addresses as they may be printed, which is how opened files are named."""
    shown: dict[str, Any] = {role: _shown(getattr(options, role)) for role in KEYS}
    return replace(options, **shown)


def _shown(text: str | None) -> str | None:
    if text is None or not is_address(text):
        return text
    path, key = split(text)
    return f"{remote.parse(path).shown}::{key}" if path else remote.clean(text)


def expanded(sources: Sequence[str]) -> list[str]:
    """Paths and addresses, with what each glob names in its place."""
    paths: list[str] = []
    for source in sources:
        # A file whose name holds brackets is that file, not a pattern.
        if _exists(source) or not glob.has_magic(source):
            paths.append(source)
            continue
        matching = sorted(glob.glob(source), key=natural)  # noqa: PTH207 - absolute patterns too
        if not matching:
            raise InputError(
                "path-missing", f"nothing matches {source!r}", "check the spelling of the glob"
            )
        paths += matching
    return paths


def _exists(path: str) -> bool:
    """Whether a local path exists; of an address only its server knows, so it is taken to."""
    try:
        return is_address(path) or (bool(path) and Path(path).exists())
    except (OSError, ValueError):
        return False
