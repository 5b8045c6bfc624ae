"""Files and folders that are copied before they are opened, and the notices about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.core.progress import Progress, Silent
from nctool.readers.remote.address import Address
from nctool.readers.remote.served import FIRST, RemoteFile, RemoteFolder
from nctool.readers.remote.temporary import TemporaryFolder, amount

LARGEST_FOLDER = 2 << 30
"""Bytes of a folder that is copied."""
MOST_FILES = 10_000


def silent(notice: Notice) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class Downloads:
    """What the downloads of one command share."""

    progress: Progress = field(default_factory=Silent)
    warn: Callable[[Notice], None] = silent
    """Called with the size of what is about to be copied."""
    visits: dict[str, Any] = field(default_factory=dict)
    """By address, visits that were made in advance: the next one is taken from here."""


def file(
    served: RemoteFile, name: str, temporary: TemporaryFolder, downloads: Downloads
) -> tuple[Path, tuple[Notice, ...]]:
    """The whole file; nothing is said where all of it came with the first request."""
    temporary.require_space(served.size, served.address.shown)
    notices = () if served.size <= FIRST else (_notice(served.address, served.size),)
    for notice in notices:
        downloads.warn(notice)
    return temporary.copy(served, name, downloads.progress), notices


def folder(
    served: RemoteFolder, name: str, temporary: TemporaryFolder, downloads: Downloads
) -> tuple[Notice, ...]:
    """Everything below a folder, if it is small."""
    sizes = served.below()
    total = sum(sizes.values())
    if total > LARGEST_FOLDER or len(sizes) > MOST_FILES:
        raise too_large(served.address, f"{len(sizes):,} files of {amount(total)}")
    temporary.require_space(total, served.address.shown)
    notice = _notice(served.address, total)
    downloads.warn(notice)
    for path in sorted(sizes):
        temporary.copy(served.file(path), f"{name}/{path}", downloads.progress)
    return (notice,)


def too_large(address: Address, content: str) -> InputError:
    most = f"{amount(LARGEST_FOLDER)} and {MOST_FILES:,} files"
    message = f"'{address.shown}' holds {content}; folders of this format are copied up to {most}"
    hint = f"copy it yourself, and name the local folder: {_command(address)}"
    return InputError("remote-folder-large", message, hint)


def _notice(address: Address, size: int) -> Notice:
    message = f"{address.shown} is copied to a temporary folder first: {amount(size)}"
    hint = "only safetensors are read in place; keep a copy if you analyse it again"
    return Notice("remote-copied", message, hint, {"bytes": size})


def _command(address: Address) -> str:
    source, target = shlex.quote(address.shown), shlex.quote(f"./{address.name}")
    if address.protocol == "s3":
        return f"aws s3 cp --recursive {source} {target}"
    if address.protocol in ("gs", "gcs"):
        return f"gcloud storage cp --recursive {source} ."
    if address.protocol == "hf":
        parts = address.shown.partition("://")[2].split("/")
        kind = parts.pop(0) if parts[0] in ("datasets", "spaces") else ""
        name, _, revision = "/".join(parts[:2]).partition("@")
        words = [f"--repo-type {kind[:-1]}"] if kind else []
        words += [f"--revision {shlex.quote(revision)}"] if revision else []
        words += [f"--include {shlex.quote('/'.join(parts[2:]))}/*"] if parts[2:] else []
        return " ".join(["hf download", shlex.quote(name), *words, "--local-dir", target])
    return f"fsspec's get({address.shown!r}, {target!r}, recursive=True)"
