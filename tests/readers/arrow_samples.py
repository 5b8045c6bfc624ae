"""Small tables in every layout that Arrow and Parquet know, written by the library itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.guard import Guarded, Limits
from nctool.readers.shared.table import guarded
from tests.readers.test_damage import survives

ROWS = 23
FEATURES = numpy.arange(ROWS * 4, dtype="float32").reshape(ROWS, 4) / 7
LABELS = numpy.arange(ROWS, dtype="int64") % 3
DTYPES = (
    "float64", "float32", "float16", "int64", "int32", "int16", "int8",
    "uint64", "uint32", "uint16", "uint8", "bool",
)  # fmt: skip


def fixed(values: numpy.ndarray) -> Any:
    """A column of lists of one fixed size, nested as deep as the array has dimensions."""
    array = pyarrow.array(values.reshape(-1))
    for size in values.shape[:0:-1]:
        array = pyarrow.FixedSizeListArray.from_arrays(array, size)
    return array


def lists(values: Any, item: Any = None, levels: int = 1) -> Any:
    kind = item or pyarrow.float32()
    for _ in range(levels):
        kind = pyarrow.list_(kind)
    return pyarrow.array(values, kind)


def table(**columns: Any) -> Any:
    return pyarrow.table(columns or {"features": fixed(FEATURES), "labels": LABELS})


def write_file(path: Path, content: Any, rows: int = 10) -> None:
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, content.schema) as one:
        one.write_table(content, max_chunksize=rows)


def write_stream(path: Path, content: Any, rows: int = 10) -> None:
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_stream(sink, content.schema) as one,
    ):
        one.write_table(content, max_chunksize=rows)


def _feather(codec: str) -> Callable[..., None]:
    def write(path: Path, content: Any, rows: int = 10) -> None:
        with path.open("wb") as file:
            pyarrow.feather.write_feather(content, file, compression=codec, chunksize=rows)

    return write


def _parquet(**options: Any) -> Callable[..., None]:
    def write(path: Path, content: Any, rows: int = 10) -> None:
        with path.open("wb") as file:
            pyarrow.parquet.write_table(content, file, row_group_size=rows, **options)

    return write


write_parquet = _parquet()
ARROW: dict[str, Callable[..., None]] = {
    "file": write_file,
    "stream": write_stream,
    "lz4": _feather("lz4"),
    "zstd": _feather("zstd"),
}
PARQUET: dict[str, Callable[..., None]] = {
    "usual": write_parquet,
    "plain": _parquet(compression="none", use_dictionary=False),
    "second": _parquet(compression="zstd", data_page_version="2.0", version="2.4"),
    "indexed": _parquet(compression="gzip", write_page_index=True, write_page_checksum=True),
    "lz4": _parquet(compression="lz4", store_schema=False),
    "brotli": _parquet(compression="brotli"),
}
EVERY = {**{f"arrow-{k}": w for k, w in ARROW.items()}, "parquet": write_parquet}


def with_class_names(content: Any, names: Mapping[str, Sequence[str]]) -> Any:
    """The same table with the description that Hugging Face datasets leave in a schema."""
    features = {key: {"names": list(known), "_type": "ClassLabel"} for key, known in names.items()}
    return content.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )


def save_to_disk(folder: Path, content: Any, shards: int = 1) -> None:
    """The layout of ``Dataset.save_to_disk``: streams, and two descriptions beside them."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05}-of-{shards:05}.arrow" for number in range(shards)]
    size = -(-content.num_rows // shards)
    for number, name in enumerate(names):
        write_stream(folder / name, content.slice(number * size, size))
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": {}}))


@pytest.fixture
def one_child(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One child for every file of a test: it is asked as always, but not started anew for each."""
    children: dict[str, Guarded] = {}

    def shared(path: Path, kind: str, *words: object, limits: Limits) -> Guarded:
        return children.setdefault(kind, Guarded(path, kind, *words, limits=limits))  # type: ignore[arg-type]

    monkeypatch.setattr(guarded, "Guarded", shared)
    yield
    for child in children.values():
        child.close()


def damaged(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many damaged copies: flipped bits, cuts, pieces moved, and numbers changed in place."""
    random = Random(seed)
    for _ in range(count):
        copy = bytearray(data)
        at, other = random.randrange(len(copy)), random.randrange(len(copy))
        length = random.choice((1, 4, 8, 64))
        match random.randrange(5):
            case 0:
                for _ in range(random.choice((1, 1, 3, 30))):
                    copy[random.randrange(len(copy))] ^= 1 << random.randrange(8)
            case 1:
                del copy[at:]
            case 2:
                copy[at : at + length] = copy[other : other + length]
            case 3:
                value = random.choice((-1, 0, 1, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1))
                width = random.choice((4, 8))
                at -= at % width
                copy[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
            case 4:
                del copy[at : at + length]
        yield bytes(copy)


def survivors(folder: Path, copies: Iterable[bytes]) -> list[bytes]:
    """The copies whose arrays can be read; of all others the error is one of the input."""
    return [copy for number, copy in enumerate(copies) if survives(folder / f"copy-{number}", copy)]


def stop(path: Path) -> InputError:
    """The error that opening this file, or reading its arrays, ends in."""
    try:
        for array in open_path(path).arrays:
            array.whole()
    except InputError as error:
        assert error.hint and error.message.isprintable()
        return error
    raise AssertionError(f"{path} was read")
