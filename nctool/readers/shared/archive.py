"""The directory of a zip file, believed only after it agrees with the bytes it points at."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.section import section

LOCAL = struct.Struct("<4sHHHHHIIIHH")
# Deflate cannot do better than 1032 to 1.
BEST_RATIO = 1032


@dataclass(frozen=True, slots=True)
class Member:
    """One member: ``stored`` bytes from ``offset`` on, ``size`` bytes once decompressed."""

    name: str
    offset: int
    stored: int
    size: int
    compressed: bool
    crc: int


def is_zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def names(path: Path) -> frozenset[str]:
    """The names in the directory; empty when the file has no readable directory."""
    try:
        with ZipFile(path) as archive:
            return frozenset(archive.namelist())
    except Exception:
        return frozenset()


def members(
    path: Path, format: str, start: int = 0, length: int | None = None
) -> Mapping[str, Member]:
    """Every member by name; refused when sizes, offsets or names contradict one another.

    The archive may be a range of a larger file; offsets count from the start of that file.
    """
    with ExitStack() as opened:
        file = opened.enter_context(path.open("rb"))
        if length is not None:
            file = section(file, start, length)
        archive = opened.enter_context(ZipFile(file))
        infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
        ends = [info.header_offset for info in infos[1:]] + [archive.start_dir]
        by_name: dict[str, Member] = {}
        for info, end in zip(infos, ends, strict=True):
            name, stored, size = info.filename, info.compress_size, info.file_size
            if name in by_name:
                raise corrupt(path, format, f"'{shown(name)}' is in it twice")
            problem, offset = _located(info, end, file)
            if problem:
                raise corrupt(path, format, f"member '{shown(name)}' {problem}")
            compressed = info.compress_type == ZIP_DEFLATED
            by_name[name] = Member(name, start + offset, stored, size, compressed, info.CRC)
    return by_name


def _located(info: ZipInfo, end: int, file: BufferedReader) -> tuple[str, int]:
    # Readers differ in which of the two headers they believe; only a file in which both agree means
    # the same to all of them.
    file.seek(info.header_offset)
    head = file.read(LOCAL.size)
    if len(head) < LOCAL.size or head[:4] != b"PK\x03\x04":
        return "is not where the directory says", 0
    fields = LOCAL.unpack(head)
    name, extra = file.read(fields[9]), file.read(fields[10])
    text = name.decode("utf-8" if fields[2] & 0x800 else "cp437")
    if (
        text.replace("\\", "/") != info.filename.replace("\\", "/")
        or fields[3] != info.compress_type
    ):
        return "has another name or method than the directory says", 0
    if info.flag_bits & 1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "is encrypted or packed by a method other than stored and deflate", 0
    offset = info.header_offset + LOCAL.size + len(name) + len(extra)
    # Bytes between members may only be a data descriptor: anything else would be hidden content.
    gap = end - offset - info.compress_size
    file.seek(offset + info.compress_size)
    if not _well_formed(extra) or gap < 0 or (gap and file.read(4) != b"PK\x07\x08"):
        return "does not end where its size says", 0
    if info.compress_type == ZIP_STORED and info.compress_size != info.file_size:
        return f"claims {info.file_size} bytes but stores {info.compress_size}", 0
    # A claim beyond what Deflate can reach is no compression but an order for memory.
    if info.file_size > BEST_RATIO * info.compress_size + 1024:
        return f"claims {info.file_size} bytes from {info.compress_size} compressed ones", 0
    return "", offset


def _well_formed(extra: bytes) -> bool:
    position = 0
    while position + 4 <= len(extra):
        position += 4 + int.from_bytes(extra[position + 2 : position + 4], "little")
    return position == len(extra)


def bytes_of(member: Member, path: Path, format: str, at_most: int | None = None) -> bytearray:
    """The content, decompressed; memory follows the bytes that are there, not the claimed size."""
    limit = member.size if at_most is None else min(at_most, member.size)
    out = bytearray()
    unpack = zlib.decompressobj(-15) if member.compressed else None
    with path.open("rb") as file:
        file.seek(member.offset)
        left = member.stored
        while left and len(out) <= limit:
            chunk = file.read(min(left, 1 << 20))
            if not chunk:
                break
            left -= len(chunk)
            if unpack is None:
                out += chunk
            while unpack is not None and chunk and len(out) <= limit:
                out += unpack.decompress(chunk, 1 << 20)
                chunk = unpack.unconsumed_tail
        if unpack is not None and not left and len(out) <= limit:
            out += unpack.flush()
    if at_most is not None:
        return out[:at_most]
    # torch writes a zero where it was told not to compute checksums.
    if len(out) != member.size or (member.crc and zlib.crc32(out) != member.crc):
        raise corrupt(path, format, f"member '{shown(member.name)}' fails its checksum")
    return out
