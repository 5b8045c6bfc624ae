"""Numpy: one .npy, or the members of an .npz.

Arrays that are stored as they are get mapped in place, in an .npz too; only compressed members
are unpacked into memory, when somebody asks for their rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nctool.arrays import LazyArray, NumpyArray, Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers import Reader
from nctool.readers.shared.archive import Member, bytes_of, is_zip, members, names
from nctool.readers.shared.edge import edge, shown
from nctool.readers.shared.npy import KIND_SLUGS, LONGEST_HEADER, MAGIC, Header, parse
from nctool.readers.shared.region import Region, packed, unpacked
from nctool.readers.shared.section import beginning

NPY, NPZ = "npy", "npz"
HEADER_BYTES = LONGEST_HEADER + 12


def recognises(path: Path, head: bytes) -> bool:
    if head.startswith(MAGIC):
        return True
    member_names = names(path) if is_zip(head) else frozenset()
    return bool(member_names) and all(name.endswith(".npy") for name in member_names)


def open_numpy(path: Path) -> Opened:
    return open_npy(path) if beginning(path, len(MAGIC)) == MAGIC else open_npz(path)


def open_npy(path: Path) -> Opened:
    with edge(path, NPY), path.open("rb") as file:
        header = parse(file.read(HEADER_BYTES), path.stat().st_size, path.stem, path)
        array = _region(path, 0, header).lazy(path.stem, NPY)
    return Opened(path, NPY, (array,))


def _region(path: Path, offset: int, header: Header) -> Region:
    strides = packed(header.shape, header.fortran)
    return Region(path, offset + header.start, header.code, header.dtype, header.shape, strides)


def open_npz(path: Path) -> Opened:
    with edge(path, NPZ):
        content = members(path, NPZ).values()
        arrays, notices = _readable(path, content)
    packed_names = [shown(_key(member)) for member in content if member.compressed]
    if packed_names:
        message = f"{len(packed_names)} compressed arrays are unpacked into memory when read"
        hint = "numpy.savez instead of savez_compressed makes them readable in place"
        notices.append(Notice("npz-compressed", message, hint, {"names": packed_names[:50]}))
    return Opened(path, NPZ, tuple(arrays), {}, tuple(notices))


def _readable(path: Path, content: Iterable[Member]) -> tuple[list[LazyArray], list[Notice]]:
    """What can be read; members of another kind stop the command only when nothing else is left."""
    arrays: list[LazyArray] = []
    notices: list[Notice] = []
    for member in content:
        try:
            arrays.append(_member_array(path, member))
        except InputError as error:
            if error.slug not in KIND_SLUGS:
                raise
            notices.append(Notice("objects-ignored", error.message, error.hint))
            last = error
    # One odd member of many is a notice; a file of nothing else is an error with its reason.
    if notices and not arrays:
        raise last
    return arrays, notices


def _key(member: Member) -> str:
    return member.name.removesuffix(".npy")


def _member_array(path: Path, member: Member) -> LazyArray:
    key = _key(member)
    if not member.compressed:
        with path.open("rb") as file:
            file.seek(member.offset)
            head = file.read(min(HEADER_BYTES, member.size))
        header = parse(head, member.size, key, path)
        return _region(path, member.offset, header).lazy(key, NPZ)
    header = parse(bytes(bytes_of(member, path, NPZ, HEADER_BYTES)), member.size, key, path)

    def whole() -> NumpyArray:
        import numpy

        content = bytes_of(member, path, NPZ)
        flat = numpy.frombuffer(content, dtype=header.code, offset=header.start)
        return flat.reshape(header.shape, order="F" if header.fortran else "C")

    return unpacked(key, header.shape, header.dtype, path, NPZ, whole)


READER = Reader("numpy", recognises, open_numpy, covers=".npy, .npz")
