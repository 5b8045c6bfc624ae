"""Addresses: which are allowed, and how they are shown.

What somebody types may hold a password or a signed query. Only ``Place.shown`` is ever printed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from nctool.core.array_spec import CHAINED
from nctool.core.errors import InputError, NctoolError
from nctool.core.extras import Extra
from nctool.readers.shared.edge import shown

LIBRARIES: dict[str, tuple[str, ...]] = {
    "s3": ("fsspec", "s3fs"),
    "gs": ("fsspec", "gcsfs"),
    "gcs": ("fsspec", "gcsfs"),
    "hf": ("fsspec", "huggingface_hub"),
    "memory": ("fsspec",),
    "http": (), "https": (), "file": (),
}  # fmt: skip
WEB = frozenset({"http", "https"})
LONGEST_NAME = 255

# In hf://name@revision the @ is part of the name; a password follows a colon.
USER = re.compile(r"(?i)\b((?!hf://)[a-z][a-z0-9+.-]*://)[^/\s@'\"]*@|(hf://)[^/\s@'\"]*:[^/\s@]*@")
QUERY = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s?'\"]*)\?[^\s'\"]*")
FRAGMENT = re.compile(r"(?i)(\bhttps?://[^\s#'\"]*)#[^\s'\"]*")
SECRET = re.compile(
    r"(?i)\b([\w-]*(?:signature|credential|token|secret|password|\bsig|key-?id)=)[^&\s'\"]+"
)
TOKEN = re.compile(r"\bhf_\w{8,}|(?i:\b(bearer|basic)\s+)[\w+/=.~-]{6,}")


@dataclass(frozen=True, slots=True)
class Address:
    """One address: ``text`` as it was typed, for asking only; ``shown`` for everybody."""

    protocol: str
    text: str = field(repr=False)
    shown: str

    @property
    def name(self) -> str:
        """The last part of it as the name of a local file; nothing else of it becomes local."""
        last = _open_part(self.text).partition("://")[2].rstrip("/").rpartition("/")
        name = unquote(last[2]) if self.protocol in WEB else last[2]
        return name if is_name(name) and (last[1] or self.protocol not in WEB) else "download"

    def beside(self, name: str) -> Address:
        """Another file of the same folder."""
        if self.protocol not in WEB:
            return parse(f"{self.text.rpartition('/')[0]}/{name}")
        parts = urlsplit(self.text)
        path = f"{parts.path.rpartition('/')[0]}/{quote(name)}"
        return parse(parts._replace(path=path).geturl())

    def inner(self, name: str) -> Address:
        """What is in this folder under that name."""
        return parse(f"{self.text.rstrip('/')}/{name}")


def clean(text: str) -> str:
    """Any text without the passwords, tokens and queries of the addresses in it."""
    text = USER.sub(lambda match: match[1] or match[2], text)
    text = FRAGMENT.sub(r"\1", QUERY.sub(r"\1", text))
    return TOKEN.sub("…", SECRET.sub(r"\1…", text))


def is_name(name: str) -> bool:
    """Whether this may be the name of a local file: one part, not a way up, printable."""
    return (
        name not in ("", ".", "..")
        and not {"/", "\\"} & set(name)
        and name.isprintable()
        and len(name.encode("utf-8", "replace")) <= LONGEST_NAME
    )


def parse(text: str) -> Address:
    """The address, if it is an allowed one."""
    protocol, _, rest = text.partition("://")
    protocol = protocol.lower()
    seen = shown(_open_part(text))
    if protocol not in LIBRARIES or CHAINED.match(text) or "::" in rest.partition("/")[2]:
        raise InputError(
            "remote-protocol",
            f"'{seen}' is not an address nctool reads",
            "plain addresses only: " + " ".join(f"{name}://" for name in LIBRARIES)
            + "; copy anything else to a local folder first",
        )  # fmt: skip
    host, _, path = rest.partition("/")
    if protocol not in WEB and re.search(r":[^@]*@", host):
        hint = "put credentials where the protocol's own tools look for them, not into the address"
        raise InputError("remote-credentials", f"'{seen}' was given with a password in it", hint)
    if ".." in re.split(r"[/\\]", unquote(path.partition("?")[0])) or host == "..":
        raise InputError(
            "path-escapes", f"'{seen}' leads upwards with '..'", "give the address without dots"
        )
    if not rest or (protocol in WEB and not host) or not text.isprintable():
        hint = f"write it as {protocol}://{'host' if protocol in WEB else 'name'}/folder/file"
        raise InputError("remote-address", f"'{seen}' is not a complete address", hint)
    return Address(protocol, text, seen.rstrip("/"))


def _open_part(text: str) -> str:
    """An address without what may be secret in it, whatever other signs it has."""
    protocol, sign, rest = text.partition("://")
    kind = protocol.lower()
    if kind != "file":
        rest = rest.partition("?")[0]
    if kind in WEB:
        rest = rest.partition("#")[0]
    host, slash, path = rest.partition("/")
    if kind != "hf" or ":" in host:
        host = host.rpartition("@")[2]
    return protocol + sign + host + slash + path


def require_libraries(address: Address) -> None:
    """Go on only with the libraries that this protocol needs."""
    extra = Extra("remote", LIBRARIES[address.protocol])
    if extra.missing:
        message = f"reading '{address.shown}' needs " + " and ".join(extra.missing)
        raise InputError("extra-missing", message, extra.command)


def discreet(error: NctoolError) -> NctoolError:
    """The same error without credentials."""
    return type(error)(error.slug, clean(error.message), clean(error.hint))
