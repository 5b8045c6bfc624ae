"""Unpacking one chunk; what comes out is never larger than the chunk was said to be."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from nctool.readers.shared.archive import BEST_RATIO
from nctool.readers.shared.hdf5.datasets import DEFLATE, FLETCHER, LZF, SHUFFLE, Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

SEAL_BYTES = 4


def unpacked(content: bytes, filters: Sequence[Filter], skipped: int, size: int) -> bytes:
    """The bytes of a chunk of ``size`` bytes; bit n of ``skipped``: filter n was not used."""
    used = [one for place, one in enumerate(filters) if not skipped >> place & 1]
    for one in reversed(used):
        if one.number == FLETCHER:
            content = _without_seal(content)
        elif one.number == DEFLATE:
            content = _inflated(content, size + SEAL_BYTES * len(used))
        elif one.number == LZF:
            content = expanded(content, size + SEAL_BYTES * len(used))
        elif one.number == SHUFFLE:
            content = _in_order(content, one.item)
    if len(content) != size:
        raise ValueError(f"a chunk of it has {len(content):,} bytes, its shape needs {size:,}")
    return content


def _inflated(content: bytes, most: int) -> bytes:
    if most > BEST_RATIO * len(content) + 1024:
        raise ValueError(f"a chunk of it claims {most:,} bytes from {len(content):,} packed ones")
    unpack = zlib.decompressobj()
    found = unpack.decompress(content, most + 1)
    if unpack.unconsumed_tail or not unpack.eof:
        raise ValueError("a chunk of it is longer or shorter than its shape needs")
    return found


def _in_order(content: bytes, item: int) -> bytes:
    """Undo the sorting of bytes by their place in an item; what is left over stays where it is."""
    import numpy

    count = len(content) // item if item > 1 else 0
    if count < 2:
        return content
    planes = numpy.frombuffer(content, "u1", count * item).reshape(item, count)
    return planes.T.tobytes() + content[count * item :]


def _without_seal(content: bytes) -> bytes:
    """Check and take off Fletcher's checksum, over words of 16 bits, the first byte the higher."""
    import numpy

    body, seal = content[:-SEAL_BYTES], int.from_bytes(content[-SEAL_BYTES:], "little")
    even = body + bytes(len(body) % 2)
    words = numpy.frombuffer(even, ">u2").astype("u8") % 65535
    weights = numpy.arange(len(words), 0, -1, dtype="u8") % 65535
    low, high = int(words.sum()), int((words * weights % 65535).sum())
    if len(content) < SEAL_BYTES or [low % 65535, high % 65535] != [
        (seal & 0xFFFF) % 65535,
        (seal >> 16) % 65535,
    ]:
        raise ValueError("a chunk of it fails its checksum")
    return body


def expanded(content: bytes, most: int) -> bytes:
    """Undo LZF: runs of plain bytes, and copies of what came before."""
    out = bytearray()
    place, end = 0, len(content)
    while place < end:
        control = content[place]
        place += 1
        if control < 32:
            out += content[place : place + control + 1]
            place += control + 1
        else:
            length = control >> 5
            if length == 7:
                length += content[place]
                place += 1
            back = ((control & 31) << 8) + content[place] + 1
            place, length = place + 1, length + 2
            if back > len(out):
                raise ValueError("a chunk of it copies from before its beginning")
            piece = out[len(out) - back : len(out) - back + length]
            while len(piece) < length:  # a copy that overlaps itself repeats
                piece += piece[: length - len(piece)]
            out += piece
        if place > end or len(out) > most:
            raise ValueError("a chunk of it is longer or shorter than its shape needs")
    return bytes(out)
