"""Damaged and hostile Orbax checkpoints: an input error, and no byte from outside the folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.shared import zstd_size
from tests.readers.readers_help import plain

pytest.importorskip("tensorstore", reason="reads and writes Orbax's arrays; large")
from tests.readers import orbax_help as orbax

KERNEL = numpy.arange(12, dtype="float32").reshape(4, 3)
WIDE = numpy.arange(600, dtype="float32").reshape(6, 100)
OUTSIDE = "../outside-the-checkpoint-and-private"[:34]


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        for array in open_path(path).arrays:
            array.whole()
    assert caught.value.hint and caught.value.message.isprintable()
    return caught.value


# Law: a link that leads out of the folder is not followed, whatever it stands for.
@pytest.mark.parametrize("name", ["x", "x/.zarray", "x/0.0", "_METADATA"])
def test_links_in_files(tmp_path: Path, name: str) -> None:
    folder = orbax.write(tmp_path / "a", {"x": KERNEL}, "files-zarr")
    (folder / name).rename(tmp_path / "canary")
    (folder / name).symlink_to(tmp_path / "canary")
    assert refused(folder).slug == "path-escapes"


@pytest.mark.parametrize("name", ["x/c", "x/c/0"])
def test_links_to_folders(tmp_path: Path, name: str) -> None:
    folder = orbax.write(tmp_path / "a", {"x": KERNEL}, "files-zarr3")
    (folder / name).rename(tmp_path / "canary")
    (folder / name).symlink_to(tmp_path / "canary")
    assert refused(folder).slug == "path-escapes"


@pytest.mark.parametrize("which", ["manifest.ocdbt", "d", "data"])
def test_links_in_a_database(tmp_path: Path, which: str) -> None:
    folder = orbax.write(tmp_path / "a", {"x": WIDE})
    data = next(path for path in (folder / "d").iterdir() if path.stat().st_size > 1000)
    path = data if which == "data" else folder / which
    path.rename(tmp_path / "canary")
    path.symlink_to(tmp_path / "canary")
    assert refused(folder).slug == "path-escapes"


@pytest.mark.parametrize("item", ["state", "meta"])
def test_linked_items(tmp_path: Path, item: str) -> None:
    orbax.write(tmp_path / "run" / "7" / "state", {"x": KERNEL})
    (tmp_path / "run" / "7" / "_CHECKPOINT_METADATA").write_text("{}")
    (tmp_path / "run" / "7" / "meta").mkdir()
    (tmp_path / "run" / "7" / "meta" / "metadata").write_text('{"secret": 1}')
    (tmp_path / "run" / "7" / item).rename(tmp_path / "canary")
    (tmp_path / "run" / "7" / item).symlink_to(tmp_path / "canary")
    assert refused(tmp_path / "run" / "7").slug == "path-escapes"


# Law: a database whose tree names a file outside is refused, though its checksums are right.
@pytest.mark.parametrize("whose", ["manifest", "node"])
def test_names_in_a_database(tmp_path: Path, whose: str) -> None:
    config = {"compression": None, "max_inline_value_bytes": 10}
    folder = orbax.write(tmp_path / "a", {"x": WIDE}, config=config, together=True)
    assert (plain(open_path(folder).arrays[0].whole()) == WIDE).all()
    (data,) = (folder / "d").iterdir()
    shutil.copy(data, folder / OUTSIDE)
    name, content = f"d/{data.name}".encode(), data.read_bytes()
    assert len(name) == len(OUTSIDE)
    manifest = (folder / "manifest.ocdbt").read_bytes()
    if whose == "manifest":
        assert name in manifest
        changed = orbax.sealed(manifest.replace(name, OUTSIDE.encode()))
        (folder / "manifest.ocdbt").write_bytes(changed)
    else:
        start, length = orbax.root_of(folder)
        node = content[start : start + length]
        assert name in node
        changed = orbax.sealed(node.replace(name, OUTSIDE.encode()))
        data.write_bytes(content[:start] + changed + content[start + length :])
    assert refused(folder).slug == "path-escapes"


# Law: names that would lead elsewhere are refused, and a name that is listed must be stored.
@pytest.mark.parametrize(
    ("parts", "slug"),
    [
        (["..", "secret"], "path-escapes"),
        (["/etc"], "path-escapes"),
        (["a/../../b"], "path-escapes"),
        ([""], "path-escapes"),
        (["gone"], "file-corrupt"),
    ],
)
def test_listed_names(tmp_path: Path, parts: list[str], slug: str) -> None:
    folder = orbax.write(tmp_path / "a", {"x": KERNEL})
    content = json.loads((folder / "_METADATA").read_text())
    content["tree_metadata"]["new"] = {
        "key_metadata": [{"key": part} for part in parts],
        "value_metadata": {"value_type": "jax.Array"},
    }
    (folder / "_METADATA").write_text(json.dumps(content))
    assert refused(folder).slug == slug


# Law: sizes that cannot be are refused, or the array is left out and named.
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"shape": [2**40, 3]}, "file-corrupt"),
        ({"shape": [4, -3]}, "shape-invalid"),
        ({"shape": [0, 2**40]}, "shape-invalid"),
        ({"shape": "4"}, "shape-invalid"),
        ({"chunks": [4]}, "file-corrupt"),
        ({"chunks": [0, 3]}, "file-corrupt"),
        ({"chunks": [2**40, 2**40]}, "array far larger than what is stored of it"),
        ({"dtype": "|O"}, "array of type |O"),
        ({"dtype": [["a", "<f4"]]}, "array of type [['a', '<f4']]"),
        ({"dtype": "<f8"}, "file-corrupt"),
        ({"compressor": {"id": "pickle"}}, "array packed in an unusual way"),
        ({"filters": [{"id": "pickle"}]}, "array packed in an unusual way"),
        ({"compressor": {"id": "bz2"}}, "file-corrupt"),
    ],
)
def test_descriptions(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    folder = orbax.write(tmp_path / "a", {"x": KERNEL}, "files-zarr")
    change(folder / "x" / ".zarray", lambda fields: fields.update(changes))
    if "-" in expected:
        assert refused(folder).slug == expected
    else:
        (notice,) = open_path(folder).notices
        assert notice.slug == "objects-ignored" and notice.data["names"] == [expected]


def nested(fields: dict[str, object]) -> None:
    codecs = fields["codecs"]
    assert isinstance(codecs, list)
    codecs[0]["configuration"]["codecs"] = json.loads(json.dumps(codecs))


def outer(fields: dict[str, object], size: int) -> None:
    grid = fields["chunk_grid"]
    assert isinstance(grid, dict)
    grid["configuration"]["chunk_shape"] = [size, 3 * size]


# Law: the same for the third version, in which chunks lie in shards.
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (nested, "array packed in an unusual way"),
        (lambda fields: outer(fields, 2**20), "array far larger than what is stored of it"),
        (lambda fields: outer(fields, 5), "array cut in an unusual way"),
        (lambda fields: fields.update(data_type="r16"), "array of type r16"),
        (lambda fields: fields.update(codecs=[]), "file-corrupt"),
        (lambda fields: fields.update(codecs=[{"name": "pickle"}]), "array packed in an unusual"),
        (lambda fields: fields.update(chunk_grid=None), "array cut in an unusual way"),
        (lambda fields: fields.update(storage_transformers=[1]), "array cut in an unusual way"),
    ],
)
def test_third_version(
    tmp_path: Path, how: Callable[[dict[str, object]], None], expected: str
) -> None:
    folder = orbax.write(tmp_path / "a", {"x": KERNEL}, "files-zarr3")
    change(folder / "x" / "zarr.json", how)
    if "-" in expected:
        assert refused(folder).slug == expected
    else:
        (notice,) = open_path(folder).notices
        assert str(notice.data["names"]).startswith(f"['{expected}")


# Law: descriptions that are no JSON, or endless, are refused.
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b" " * 2**21])
@pytest.mark.parametrize("name", ["_METADATA", "x/.zarray"])
def test_unreadable_descriptions(tmp_path: Path, content: bytes, name: str) -> None:
    folder = orbax.write(tmp_path / "a", {"x": KERNEL}, "files-zarr")
    (folder / name).write_bytes(content)
    assert refused(folder).slug == "file-corrupt"


# Law: an empty step, and a folder that only looks like one.
def test_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "_CHECKPOINT_METADATA").write_text("{}")
    assert refused(tmp_path).slug == "arrays-missing"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "manifest.ocdbt").write_bytes(b"x")
    assert refused(tmp_path / "b").slug == "file-corrupt"


# Law: the limit from the block sizes holds for real frames, and a bomb is known before it is lit.
def test_frame_sizes(tmp_path: Path) -> None:
    for count in (1, 300, 40_000, 400_000):
        values = numpy.random.default_rng(0).integers(0, 50, count).astype("uint8")
        folder = orbax.write(tmp_path / str(count), {"x": values}, "files-zarr")
        frame = (folder / "x" / "0").read_bytes()
        assert count <= zstd_size.unpacked(frame) <= count + 2**17
        assert not zstd_size.bombs(frame)
    block = (2**17 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    bomb = b"\x28\xb5\x2f\xfd\0\x58" + block * 4000
    assert zstd_size.unpacked(bomb) == 4000 * 2**17 and zstd_size.bombs(bomb)
    skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    assert zstd_size.unpacked(skipped + bomb + b"rest") >= 4000 * 2**17


# Law: such a node is refused before tensorstore unpacks it.
def test_exploding_manifest(tmp_path: Path) -> None:
    folder = orbax.write(tmp_path / "a", {"x": KERNEL})
    head = (folder / "manifest.ocdbt").read_bytes()[:14]
    block = (2**17 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    bomb = head + b"\x28\xb5\x2f\xfd\0\x58" + block * 4000 + bytes(4)
    (folder / "manifest.ocdbt").write_bytes(bomb)
    assert "without end" in refused(folder).message


# Law: files cut off or with a flipped bit end in arrays or in an input error.
@pytest.mark.parametrize("layout", orbax.LAYOUTS)
def test_damage(tmp_path: Path, layout: str) -> None:
    folder = orbax.write(tmp_path / "a", {"params.x": KERNEL, "y": WIDE}, layout)
    random = numpy.random.default_rng(0)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for file in files:
        data = file.read_bytes()
        ends = random.integers(0, len(data), 5)
        flips = random.integers(0, len(data), 12)
        for damaged in [data[:end] for end in ends] + [flipped(data, int(at)) for at in flips]:
            file.write_bytes(damaged)
            whole_or_refused(folder)
        file.write_bytes(data)


def whole_or_refused(folder: Path) -> None:
    try:
        for array in open_path(folder).arrays:
            assert tuple(array.whole().shape) == array.shape
    except InputError as error:
        assert error.slug and error.message.isprintable()


def flipped(data: bytes, position: int) -> bytes:
    damaged = bytearray(data)
    damaged[position] ^= 1 << position % 8
    return bytes(damaged)


def change(path: Path, how: Callable[[dict[str, object]], None]) -> None:
    fields = json.loads(path.read_text())
    how(fields)
    path.write_text(json.dumps(fields))
