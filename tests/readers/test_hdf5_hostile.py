"""HDF5 files that want more than to be read: other files, endless loops, memory, a crash."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import h5py
import numpy
import pytest

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.hdf5_damage import KINDS, damaged, survives
from tests.readers.readers_help import arrays, plain
from tests.readers.test_laziness import resident

CANARY = 123456789.0


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file that nobody asked for."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = numpy.full(4, CANARY)
    numpy.full(4, CANARY).tofile(tmp_path / "other.bin")
    return tmp_path


def outward(file: h5py.File, folder: Path) -> None:
    """Every way to point at another file."""
    file["link"] = h5py.ExternalLink(str(folder / "other.h5"), "/x")
    file["up"] = h5py.ExternalLink("../other.h5", "/x")
    file.create_dataset("raw", (4,), "f8", external=[(str(folder / "other.bin"), 0, 32)])
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (4,))
    file.create_virtual_dataset("virtual", layout)


# Law: links, storage and virtual arrays that lead to another file bring nothing from it.
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_other_files(other: Path, version: str) -> None:
    with h5py.File(other / "a", "w", libver=version) as file:
        outward(file, other)
        file["own"] = numpy.ones(4)
        assert file["virtual"][0] == file["raw"][0] == CANARY
    opened = open_path(other / "a")
    assert [array.key for array in opened.arrays] == ["own"]
    assert opened.notices[0].data["count"] == 4


# Law: a file with nothing of its own says so.
def test_only_other_files(other: Path) -> None:
    with h5py.File(other / "a", "w") as file:
        outward(file, other)
    with pytest.raises(InputError) as caught:
        open_path(other / "a")
    assert caught.value.slug == "path-escapes"


# Law: groups that contain themselves or are in many places are walked once.
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_cycles(tmp_path: Path, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        group = file.create_group("g0")
        group["x"] = numpy.ones(3)
        group["self"], group["root"] = group, file
        for number in range(40):  # two ways at each of forty steps
            deeper = file.create_group(f"g{number + 1}")
            deeper["left"] = deeper["right"] = file[f"g{number}"]
    opened = open_path(tmp_path / "a")
    assert [array.key for array in opened.arrays] == ["g0/x"]


# Law: one array under many names is as many arrays, and no more.
def test_aliases(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file["x"] = numpy.ones(3)
        for number in range(30):
            file[f"y{number}"] = file["x"]
    assert len(arrays(tmp_path / "a")) == 31


# Law: sizes that nothing in the file stands for are refused before anything is allocated.
@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20), (2**62, 2**62)])
@pytest.mark.parametrize("chunked", [False, True])
def test_sizes(tmp_path: Path, shape: tuple[int, ...], chunked: bool) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        ways = {"chunks": (64,) * len(shape), "compression": "gzip"} if chunked else {}
        try:
            file.create_dataset("x", shape, "f4", **ways)
        except (ValueError, OSError):
            pytest.skip("h5py makes no such array")
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "a")
    assert "bytes" in caught.value.message


# Law: an array that was never written costs the rows that are asked for.
def test_unwritten_rows(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", (2**20, 512), "f4")
    array = arrays(tmp_path / "a")["x"]
    assert plain(array.rows(2**19, 2**19 + 2)).sum() == 0


def flipped(path: Path, mark: bytes, skip: int, new: bytes, last: bool = False) -> None:
    """Overwrite what stands so many bytes behind a mark."""
    content = bytearray(path.read_bytes())
    at = (content.rindex(mark) if last else content.index(mark)) + skip
    content[at : at + len(new)] = new
    path.write_bytes(content)


# Law: a chunk that unpacks to more than its shape costs nothing here, and ends in time.
@pytest.mark.parametrize("packing", ["gzip", "lzf"])
def test_chunk_bombs(tmp_path: Path, packing: str) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        made = file.create_dataset("x", (4,), "u1", chunks=(4,), compression=packing)
        with h5py.File(tmp_path / "b", "w") as much:
            large = much.create_dataset(
                "x", data=numpy.zeros(2**22, "u1"), chunks=(2**22,), compression=packing
            )
            made.id.write_direct_chunk((0,), large.id.read_direct_chunk((0,))[1])
    before = resident()
    with suppress(InputError):
        assert plain(arrays(tmp_path / "a")["x"].whole()).tolist() == [0] * 4
    assert resident() - before < 2**24


# Law: a chunk of another size than its shape needs is refused: the rest would be anything.
@pytest.mark.parametrize("size", [0, 15, 17, 2**31])
def test_short_chunks(tmp_path: Path, size: int) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=numpy.arange(8, dtype="f4"), chunks=(4,))
    flipped(tmp_path / "a", struct.pack("<IIQQ", 16, 0, 4, 0), 0, struct.pack("<I", size))
    with pytest.raises(InputError) as caught:
        arrays(tmp_path / "a")["x"].whole()
    assert "chunk" in caught.value.message


# Law: a shape that the bytes of an array do not fit is refused, the smaller ones too.
@pytest.mark.parametrize("rows", [1, 3, 5, 2**33])
def test_shape_against_bytes(tmp_path: Path, rows: int) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file["x"] = numpy.ones((4, 7))
    flipped(tmp_path / "a", struct.pack("<QQ", 4, 7), 0, struct.pack("<Q", rows))
    with pytest.raises(InputError):
        open_path(tmp_path / "a")


# Law: names that lie in a sealed heap are those that were written.
def test_sealed_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w", libver="v110") as file:
        for number in range(12):
            file[f"name{number}"] = number
    content = (tmp_path / "a").read_bytes()
    begin = content.index(b"FHDB")
    for position in range(begin, begin + 120, 29):
        damaged = bytearray(content)
        damaged[position] ^= 4
        (tmp_path / "a").write_bytes(damaged)
        with pytest.raises(InputError):
            open_path(tmp_path / "a")


# Law: a chunk that claims two gibibytes from nine packed bytes is an error, and costs us nothing.
def test_claimed_chunk(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        made = file.create_dataset("x", (2**31,), "u1", chunks=(2**31,), compression="gzip")
        made.id.write_direct_chunk((0,), b"x\x9c\x03\x00\x00\x00\x00\x01")
    before = resident()
    with pytest.raises(InputError):
        arrays(tmp_path / "a")["x"].rows(0, 1)
    assert resident() - before < 2**26


# Law: a chunk that is there twice, off the grid or outside of its array is refused.
@pytest.mark.parametrize("begin", [0, 5, 8, 2**62])
def test_displaced_chunks(tmp_path: Path, begin: int) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=numpy.arange(8, dtype="f4"), chunks=(4,))
    assert plain(arrays(tmp_path / "a")["x"].whole()).tolist() == list(range(8))
    second = struct.pack("<IIQQ", 16, 0, 4, 0)
    flipped(tmp_path / "a", second, 8, struct.pack("<Q", begin))
    with pytest.raises(InputError) as caught:
        arrays(tmp_path / "a")["x"].whole()
    assert "chunk" in caught.value.message


# Law: a chunk whose checksum fails is refused.
def test_chunk_checksum(tmp_path: Path) -> None:
    values = numpy.arange(1000, dtype="u2")
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=values, chunks=(1000,), fletcher32=True)
    assert (plain(arrays(tmp_path / "a")["x"].whole()) == values).all()
    flipped(tmp_path / "a", values[500:520].tobytes(), 3, b"\xff")
    with pytest.raises(InputError) as caught:
        arrays(tmp_path / "a")["x"].whole()
    assert "checksum" in caught.value.message.lower()


# Law: thousands of facts, or one that is huge, cost what is shown of them.
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_attribute_bombs(tmp_path: Path, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", libver=version, track_order=version == "latest") as file:
        file["x"] = numpy.ones(2)
        file.attrs["huge"] = "x" * 60_000
        if version == "latest":
            file.attrs["vast"] = numpy.zeros(9**6)
        for number in range(1500 if version == "latest" else 200):
            file.attrs[f"a{number}"] = number
    opened = open_path(tmp_path / "a")
    assert len(opened.metadata) <= 1000 and "huge" not in opened.metadata
    assert all(isinstance(value, int) for value in opened.metadata.values())


# Law: one long text named by many rows is not multiplied.
def test_repeated_text(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        words = ["x" * 2**18, *["y"] * 4000]
        file.create_dataset("x", data=words, dtype=h5py.string_dtype())
    array = arrays(tmp_path / "a")["x"]
    assert array.rows(1, 4).tolist() == ["y"] * 3
    with pytest.raises(InputError) as caught:
        array.whole()
    assert caught.value.slug == "text-too-long"


# Law: one text that all rows name costs what one text costs.
@pytest.mark.parametrize("attribute", [False, True])
def test_shared_text(tmp_path: Path, attribute: bool) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file["y"] = numpy.ones(3)
        kind, words = h5py.string_dtype(), ["x" * 2**20, *["y"] * 2999]
        if attribute:
            file.attrs.create("x", words, dtype=kind)
        else:
            file.create_dataset("x", data=words, dtype=kind)
    content = (tmp_path / "a").read_bytes()
    at = content.index((2**20).to_bytes(4, "little") + content[:0])
    while content[at + 16 : at + 20] != b"\1\0\0\0":
        at = content.index((2**20).to_bytes(4, "little"), at + 1)
    (tmp_path / "a").write_bytes(
        content[:at] + content[at : at + 16] * 3000 + content[at + 48000 :]
    )
    before = resident()
    opened = open_path(tmp_path / "a")
    if not attribute:
        with pytest.raises(InputError) as caught:
            next(array for array in opened.arrays if array.key == "x").whole()
        assert caught.value.slug == "text-too-long"
    assert resident() - before < 2**29


# Law: names that share their bytes do not add up, however deep they stand.
def test_long_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        group = file
        for _ in range(9):
            group = group.create_group("n" * 500)
        group["x"], file["x"] = numpy.ones(3), numpy.ones(3)
    opened = open_path(tmp_path / "a")
    assert [array.key for array in opened.arrays] == ["x"]
    assert "overlong name" in opened.notices[0].message
    with h5py.File(tmp_path / "b", "w") as file:
        file["n" * 2000] = 1
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "b")
    assert "name" in caught.value.message


# Law: a tree whose nodes lead back to it is refused; the C library was seen to hang on one.
@pytest.mark.parametrize("kind", [0, 1])
def test_looping_trees(tmp_path: Path, kind: int) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        if kind:
            file.create_dataset("x", data=numpy.ones(500), chunks=(1,))
        for number in range(400):
            file[f"g/{number}"] = h5py.SoftLink("/")
    content = bytearray((tmp_path / "a").read_bytes())
    inner = [
        at
        for at in range(0, len(content) - 8, 8)
        if content[at : at + 5] == b"TREE" + bytes([kind]) and content[at + 5]
    ]
    for at in inner:
        child = at + (32 if kind == 0 else 24 + 8 + 16)
        assert struct.unpack_from("<Q", content, child)[0] < len(content)
        struct.pack_into("<Q", content, child, at)
    assert inner
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError):
        arrays(tmp_path / "a")["x"].whole()


# Law: the newer structures carry checksums, so a surviving flip left the arrays as they were.
def test_flips_in_sealed_parts(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with h5py.File(path, "w", libver="v110") as file:
        file["x"] = numpy.zeros(3, "u1")
        for number in range(12):
            file[f"g/{number}"] = numpy.zeros(3, "u1")
    content = path.read_bytes()
    keys = sorted(arrays(path))
    survived = 0
    for position in range(0, len(content), 799):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            after = arrays(path)
        except InputError:
            continue
        survived += 1
        assert sorted(after) == keys
        assert {(array.shape, array.dtype) for array in after.values()} == {((3,), "uint8")}
    assert 0 < survived < len(content) // 799


# Law: damage anywhere ends in arrays or in an input error; the C library was seen to crash on it.
@pytest.mark.parametrize("kind", list(KINDS))
def test_damage(tmp_path: Path, kind: str) -> None:
    survived = [survives(path) for path in damaged(tmp_path, kind, 9, seed=7)]
    assert True in survived and False in survived


# Law: names are paths whose parts may hold anything but never reach the terminal raw.
def test_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file["..\x1b[31m"] = numpy.zeros(3, dtype="V9")
        file["é"] = numpy.ones(1)
        file.create_dataset("bad\x07", (2**50,), "f4", chunks=(99,))
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "a")
    assert caught.value.message.isprintable()


# Law: a file that becomes shorter after it was opened is an error, not the end of the process.
def test_shrinking_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=numpy.arange(1000), chunks=(10,))
        file["y"] = numpy.arange(1000)
    content = arrays(tmp_path / "a")
    with (tmp_path / "a").open("r+b") as raw:
        raw.truncate(3000)
    for key in ("x", "y"):
        with pytest.raises(InputError):
            content[key].whole()
