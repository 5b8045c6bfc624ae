"""How large a Zstandard frame can become, from the sizes of its blocks alone."""

from __future__ import annotations

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = range(0x184D2A50, 0x184D2A60)
LARGEST_BLOCK = 2**17
DICTIONARY_BYTES = (0, 1, 2, 4)
SIZE_BYTES = (0, 2, 4, 8)
RAW, REPEATED, COMPRESSED = range(3)
# Text and numbers shrink to a tenth; a thousandth is a stream of zeros.
LARGE, SUSPICIOUS = 2**28, 1000


def bombs(data: bytes) -> bool:
    """Whether these frames could unpack into far more than they are themselves."""
    return unpacked(data) > max(LARGE, SUSPICIOUS * len(data))


def unpacked(data: bytes) -> int:
    """An upper limit of the unpacked size; what is no frame counts as it is."""
    position, total = 0, 0
    while position < len(data):
        if int.from_bytes(data[position : position + 4], "little") in SKIPPABLE:
            position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
            continue
        if data[position : position + 4] != MAGIC:
            return total + len(data) - position
        position, size = _frame(data, position + 4)
        total += size
    return total


def _frame(data: bytes, position: int) -> tuple[int, int]:
    """Where the frame ends whose magic ends here, and what it unpacks to at most."""
    flags = data[position] if position < len(data) else 0
    single = flags >> 5 & 1
    position += 1 + (1 - single) + DICTIONARY_BYTES[flags & 3]
    position += SIZE_BYTES[flags >> 6] or single
    total = 0
    while position + 3 <= len(data):
        block = int.from_bytes(data[position : position + 3], "little")
        kind, size = block >> 1 & 3, block >> 3
        position += 3 + (1 if kind == REPEATED else size)
        total += LARGEST_BLOCK if kind == COMPRESSED else size
        if block & 1:
            break
    return position + 4 * (flags >> 2 & 1), total
