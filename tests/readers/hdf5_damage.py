"""Damaged HDF5 files, the same ones for a seed; ``python -m tests.readers.hdf5_damage`` reads 500.

Every one has to end in arrays or in an input error, in less than ten seconds.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.hdf5_samples import data, keras, keras_legacy, keras_weights, matlab


def _plain(version: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        data(path)
        with h5py.File(path, "a", libver=version) as file:
            file.create_dataset("g/t", data=["a", "bc"], dtype=h5py.string_dtype())
            file.create_dataset("g/c", data=numpy.ones((9, 4)), chunks=(2, 2), maxshape=(None, 4))
            file.create_dataset("g/l", data=numpy.arange(99), compression="lzf")
            file["g"].attrs["note"] = "text"

    return write


def _matlab(path: Path) -> None:
    matlab(path, features=numpy.ones((20, 3)), run__labels=numpy.arange(20.0))


KINDS: dict[str, Callable[[Path], object]] = {
    "earliest": _plain("earliest"),
    "latest": _plain("latest"),
    "weights": lambda path: path.write_bytes(keras_weights()),
    "keras": keras,
    "legacy": keras_legacy,
    "matlab": _matlab,
}
WORDS = (b"\0", b"\xff", b"\x7f", b"\x01")


def damaged(folder: Path, kind: str, count: int, seed: int) -> Iterator[Path]:
    """Files with words overwritten, bits flipped, their ends cut, or parts of them exchanged."""
    path, draw = folder / f"{kind}-{seed}", random.Random(f"{kind} {seed}")
    KINDS[kind](path)
    content = path.read_bytes()
    size = len(content)
    for number in range(count):
        broken = bytearray(content)
        for _ in range(draw.choice([1, 1, 4])):
            at, width = draw.randrange(size), draw.choice([1, 2, 4, 8])
            if number % 3 == 0:
                broken[at : at + width] = draw.choice(WORDS) * width
            elif number % 3 == 1:
                broken[at] ^= 1 << draw.randrange(8)
            elif number % 6 == 2:
                length, source = draw.randrange(1, 400), draw.randrange(size)
                broken[at : at + length] = content[source : source + length]
            else:
                del broken[draw.randrange(size // 2, size) :]
                size = max(2, min(size, len(broken)))
        size = len(content)
        path.write_bytes(broken[:size])
        yield path


def survives(path: Path) -> bool:
    """Did this file end in arrays? Anything that is neither that nor an input error is raised."""
    try:
        for array in open_path(path).arrays:
            array.rows(0, 2)
            if array.nbytes < 2**20:
                assert tuple(array.whole().shape) == array.shape
    except InputError as error:
        assert error.slug and error.message.isprintable()
        return False
    return True


def main(count: int) -> None:
    ends: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            for path in damaged(Path(folder), kind, -(-count // len(KINDS)), seed=11):
                begun = time.monotonic()
                ends["arrays" if survives(path) else "input error"] += 1
                slowest = max(slowest, time.monotonic() - begun)
    print(dict(ends), f"slowest {slowest:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
