"""Safetensors behind an address: the header first, then the bytes of the rows that are wanted."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import save

from nctool.core.errors import InputError
from nctool.readers.remote import Downloads, range_cache, retry, temporary, visit
from nctool.readers.remote import store as stores
from tests.readers.readers_help import plain
from tests.readers.remote_help import (
    ARRAYS,
    FEATURES,
    HEAD,
    LABELS,
    SMALL,
    Memory,
    arrays,
    large,
    memory,
    rooms,
)

MIB = 2**20


@pytest.fixture
def store() -> Iterator[Memory]:
    with memory() as found:
        yield found


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting between tries, and temporary folders of nobody else."""
    monkeypatch.setattr(retry, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


# Law: arrays behind an address are the arrays of the file, in every dtype, under the address.
def test_round_trip(store: Memory) -> None:
    names = "float64 float32 float16 bfloat16 int64 int8 uint8 bool float8_e5m2".split()
    values = {name: torch.tensor([[0, 1], [1, 0]]).to(getattr(torch, name)) for name in names}
    store.put({"a/x": save({**values, "scalar": torch.tensor(2.5), "none": torch.zeros(0, 3)})})
    found = arrays("memory://a/x")
    for name, value in values.items():
        rows = found[name].rows(1, 2)
        assert isinstance(rows, torch.Tensor) and found[name].dtype == name
        assert rows.dtype == value.dtype and (plain(rows) == plain(value[1:2])).all()
    assert float(found["scalar"].whole()) == 2.5 and found["none"].whole().shape == (0, 3)
    assert {one.path for one in found.values()} == {"memory://a/x"}


# Law: opening asks once, and again only for a long header; what is not used is not asked for.
def test_only_what_is_used(store: Memory) -> None:
    store.put({"a/x": save(large(40 * MIB))})
    found = arrays("memory://a/x")
    assert store.bytes == 2**17 and len(store.asked) == 1
    assert (plain(found["head.weight"].whole()) == plain(HEAD)).all()
    assert (plain(found["labels"].rows(7, 9)) == plain(LABELS[7:9])).all()
    assert store.bytes < 5 * MIB and len(store.asked) < 5


# Law: a header longer than the first request comes whole, with one more.
def test_long_header(store: Memory) -> None:
    many = {f"{'x' * 200}{number}": torch.tensor([number]) for number in range(2000)}
    store.put({"a/x": save(many)})
    found = arrays("memory://a/x")
    assert len(store.asked) == 2 and len(found) == 2000
    assert int(found[f"{'x' * 200}1234"].whole()) == 1234


# Law: an array of ordinary size is one request, however many of its rows are asked for.
def test_no_request_per_row(store: Memory) -> None:
    values = torch.arange(20 * MIB // 4, dtype=torch.float32).reshape(-1, 64)
    store.put({"a/x": save({"x": values})})
    array = arrays("memory://a/x")["x"]
    before = len(store.asked)
    for row in range(0, len(values), len(values) // 16):
        assert (plain(array.rows(row, row + 1)) == plain(values[row : row + 1])).all()
    assert len(store.asked) == before + 1


# Law: what has arrived is not asked for again, but for single pieces between others: two sweeps
# cost little more than one.
def test_once(store: Memory) -> None:
    values = torch.arange(90 * MIB // 4, dtype=torch.int32).reshape(-1, 64)
    store.put({"a/x": save({"x": values})})
    array = arrays("memory://a/x")["x"]
    spread = range(0, len(values), len(values) // 16)
    for row in spread:
        array.rows(row, row + 1)
    assert store.bytes < 20 * MIB
    for _ in range(2):
        for start in range(0, len(values), 20_000):
            rows = array.rows(start, start + 20_000)
            assert int(rows[0, 0]) == start * 64
    assert store.bytes < (90 + 17) * MIB and len(store.asked) < 30
    sizes = sorted(end - begin for _, begin, end in store.asked)
    assert sizes[-1] <= range_cache.REQUEST


# Law: any rows in any order are the rows of the file, wherever pieces and requests end.
def test_any_order(store: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"PIECE": 64, "REQUEST": 256, "AHEAD": 128, "WHOLE": 100}.items():
        monkeypatch.setattr(range_cache, name, size)
    monkeypatch.setattr("nctool.readers.remote.store.FIRST", 300)
    values = torch.arange(3000, dtype=torch.int16).reshape(-1, 3)
    store.put({"a/x": save({"before": torch.zeros(50), "x": values, "y": values + 1})})
    found = arrays("memory://a/x")
    chance = random.Random(1)
    for _ in range(200):
        key = chance.choice("xy")
        start = chance.randrange(1000)
        stop = start + chance.choice((1, 2, 50, 900))
        want = (values if key == "x" else values + 1)[start:stop]
        assert (plain(found[key].rows(start, stop)) == plain(want)).all()
    seen = numpy.zeros(7000, dtype=int)
    for _, begin, end in store.asked[2:]:
        seen[begin:end] += 1
    assert (seen > 1).sum() < 64 * 20 and len(store.asked) < 100


# Law: without room on the disk rows come all the same, straight into memory.
@pytest.mark.parametrize("how", ["no room", "others fill it"])
def test_full_disk(store: Memory, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    store.put({"a/x": save(large())})
    found = arrays("memory://a/x")
    if how == "no room":
        monkeypatch.setattr(temporary.TemporaryFolder, "free", lambda self: 0)
    else:

        def full(self: object, begin: int, content: bytes) -> None:
            raise temporary.full("x", "the disk is full")

        monkeypatch.setattr(range_cache.RangeCache, "_keep", full)
    for _ in range(2):
        rows = found["features"].rows(3, 40)
        assert (plain(rows) == plain(FEATURES[3:40])).all()
    exact = [end - begin for _, begin, end in store.asked if end - begin == 37 * 8 * 4]
    assert len(exact) == 2


def model(store: Memory, **more: bytes) -> None:
    """A model of two shards with an index and a configuration."""
    where = {"features": "a.safetensors", "labels": "a.safetensors", "head.weight": "b.safetensors"}
    store.put(
        {
            "m/a.safetensors": save({"features": FEATURES, "labels": LABELS}),
            "m/b.safetensors": save({"head.weight": HEAD}),
            "m/model.safetensors.index.json": json.dumps({"weight_map": where}).encode(),
            "m/config.json": json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}}).encode(),
            "m/training_args.bin": b"x" * 3_000_000,
            "m/other.pt": b"x" * 3_000_000,
            **{f"m/{name}": content for name, content in more.items()},
        }
    )


# Law: a model folder and its index open alike; its large other files are never asked for.
@pytest.mark.parametrize("address", ["memory://m", "memory://m/model.safetensors.index.json"])
def test_sharded(store: Memory, address: str) -> None:
    model(store)
    opened = visit(address, Downloads()).open()
    found = {array.key: array for array in opened.arrays}
    for key, values in ARRAYS.items():
        assert (plain(found[key].whole()) == plain(values)).all()
    assert found["head.weight"].path == "memory://m/b.safetensors"
    assert store.bytes < 100_000
    if address == "memory://m":
        assert opened.metadata["id2label"] == {"0": "a", "1": "b", "2": "c"}
        (notice,) = opened.notices
        assert notice.slug == "files-ignored" and "other.pt" in notice.message


# Law: an index of shards leads nowhere else, and nothing elsewhere is asked for.
@pytest.mark.parametrize(
    "name",
    ["../secret.safetensors", "/m/x.safetensors", "a/../../x.safetensors", "\x1b.safetensors"],
)
def test_index_escapes(store: Memory, name: str) -> None:
    content = json.dumps({"weight_map": {"x": name}}).encode()
    store.put({"y.safetensors": SMALL, "m/x.safetensors": SMALL, "m/i.json": content})
    with pytest.raises(InputError) as caught:
        visit("memory://m/i.json", Downloads()).open()
    assert caught.value.slug == "path-escapes" and caught.value.message.isprintable()
    assert {path for path, _, _ in store.asked} == {"/m/i.json"}


# Law: a shard that is not there stops with its own address.
def test_missing_shard(store: Memory) -> None:
    store.put({"m/i.json": json.dumps({"weight_map": {"x": "gone.safetensors"}}).encode()})
    with pytest.raises(InputError) as caught:
        visit("memory://m/i.json", Downloads()).open()
    assert caught.value.slug == "remote-missing"
    assert "'memory://m/gone.safetensors'" in caught.value.message


# Law: a damaged header is the file's problem, told under its address.
@pytest.mark.parametrize("cut", [9, 100, len(SMALL) - 5])
def test_damaged(store: Memory, cut: int) -> None:
    store.put({"a/x": SMALL[:cut], "m/x.safetensors": SMALL[:cut]})
    for address in ("memory://a/x", "memory://m"):
        with pytest.raises(InputError) as caught:
            visit(address, Downloads()).open()
        assert caught.value.slug in ("file-truncated", "file-corrupt", "format-unknown")
        assert "memory://" in caught.value.message and "nctool-remote" not in caught.value.message
    assert rooms() == []


# Law: a length prefix of a hundred megabytes makes nobody fetch or hold them.
def test_length_bomb(store: Memory) -> None:
    store.put({"a/x": (99_000_000).to_bytes(8, "little") + b"{" + bytes(200_000)})
    with pytest.raises(InputError) as caught:
        arrays("memory://a/x")
    assert caught.value.slug == "file-truncated" and store.bytes < 2**18


# Law: a file that is written again after it was opened is an error, never a mixture of both.
@pytest.mark.parametrize("body", [save(large()), save(large(4 * MIB)), SMALL])
def test_changed(store: Memory, body: bytes) -> None:
    store.put({"a/x": save(large())})
    found = arrays("memory://a/x")
    store.put({"a/x": body})
    with pytest.raises(InputError) as caught:
        found["features"].whole()
    assert caught.value.slug == "file-changed" and "memory://a/x" in caught.value.message


# Law: a store's most telling stamp decides; without any, the size.
@pytest.mark.parametrize(
    ("now", "same"),
    [
        ({"size": 5, "ETag": "a", "LastModified": "tuesday"}, True),
        ({"size": 5, "ETag": "b", "LastModified": "monday"}, False),
        ({"size": 6, "ETag": "a"}, False),
        ({"size": 5, "LastModified": "tuesday"}, False),
        ({"size": 5, "LastModified": "monday"}, True),
        ({"size": 5}, True),
        ({"size": 6}, False),
        ({}, False),
    ],
)
def test_stamps(now: dict[str, object], same: bool) -> None:
    opened = {"size": 5, "ETag": "a", "LastModified": "monday"}
    assert stores._same(opened, now) is same


# Law: a file that is gone is missing, before and after it was opened.
def test_gone(store: Memory) -> None:
    store.put({"a/x": save(large())})
    found = arrays("memory://a/x")
    store.put({})
    import fsspec

    fsspec.filesystem("memory").rm("/a/x")
    for ask in (found["features"].whole, lambda: arrays("memory://a/x")):
        with pytest.raises(InputError) as caught:
            ask()
        assert caught.value.slug == "remote-missing"


# Law: an answer that is too short is asked for again, and then it is an error.
@pytest.mark.parametrize("good_after", [1, 9])
def test_short_answers(good_after: int) -> None:
    left = [good_after]

    def change(content: bytes) -> bytes:
        left[0] -= 1
        return content[:-1] if left[0] >= 0 else content

    with memory(change) as store:
        store.put({"a/x": SMALL})
        if good_after == 1:
            assert (plain(arrays("memory://a/x")["features"].whole()) == plain(FEATURES)).all()
            return
        with pytest.raises(InputError) as caught:
            arrays("memory://a/x")
        assert caught.value.slug == "remote-unreachable" and len(store.asked) == 3


def answered(status: int) -> Exception:
    """The error of a library that speaks HTTP."""
    error: Any = OSError("token hf_VERYSECRETVERYSECRET")
    error.response = SimpleNamespace(status_code=status)
    return error  # type: ignore[no-any-return]


# Law: whatever a library raises is one error with the address, asked a bounded number of times.
@pytest.mark.parametrize(
    ("problem", "slug", "times"),
    [
        (ConnectionResetError("https://h/x?sig=VERYSECRET"), "remote-unreachable", 3),
        (TimeoutError(), "remote-unreachable", 3),
        (PermissionError("VERYSECRET@".join(("s3://a:", "b"))), "remote-forbidden", 1),
        (FileNotFoundError("x"), "remote-missing", 1),
        (OSError("Forbidden: https://h/x?sig=VERYSECRET"), "remote-forbidden", 1),
        (answered(403), "remote-forbidden", 1),
        (answered(404), "remote-missing", 1),
        (answered(400), "remote-unreachable", 1),
        (answered(503), "remote-unreachable", 3),
        (ValueError("Invalid bucket name"), "remote-unreachable", 1),
        (KeyError("x"), "remote-unreachable", 3),
    ],
)
def test_problems(problem: Exception, slug: str, times: int) -> None:
    def change(content: bytes) -> bytes:
        raise problem

    with memory(change) as store:
        store.put({"a/x": SMALL})
        with pytest.raises(InputError) as caught:
            arrays("memory://a/x")
    assert caught.value.slug == slug and len(store.asked) == times
    assert "memory://a/x" in caught.value.message and "VERYSECRET" not in caught.value.message
    assert caught.value.__suppress_context__ and caught.value.__cause__ is None


# Law: a server that never answers is left after a bounded time.
def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(retry, "ANSWER", 0.05)
    forever = threading.Event()

    def change(content: bytes) -> bytes:
        forever.wait()
        return content

    with memory(change) as store:
        store.put({"a/x": SMALL})
        with pytest.raises(InputError) as caught:
            arrays("memory://a/x")
        forever.set()
    assert caught.value.slug == "remote-unreachable" and "seconds" in caught.value.message


# Law: the temporary folder lives as long as an array of it, and no longer.
def test_rooms(store: Memory) -> None:
    store.put({"a/x": save(large())})
    found = arrays("memory://a/x")
    kept = found.pop("features")
    assert len(rooms()) == 1 and rooms()[0].stat().st_mode & 0o777 == 0o700
    del found
    rows = kept.rows(0, 5)
    assert len(rooms()) == 1
    del kept
    assert rooms() == [] and (plain(rows) == plain(FEATURES[:5])).all()


# Law: a library that is not installed is named, with the line that installs it.
def test_extra_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nctool.core.extras.find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        arrays("s3://bucket/x.safetensors")
    assert caught.value.slug == "extra-missing" and "s3fs" in caught.value.message
    assert caught.value.hint == "pip install 'nctool[remote]'" and caught.value.exit_code == 3
