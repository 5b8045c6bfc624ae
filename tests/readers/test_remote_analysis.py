"""The whole way from an address to a report: the same numbers, and nothing secret anywhere."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

import nctool
from nctool.readers.remote import Downloads, retry, visit
from tests.cli.shell import inside
from tests.readers.remote_help import (
    ARRAYS,
    FEATURES,
    HEAD,
    LABELS,
    SMALL,
    Memory,
    Web,
    memory,
    npz,
    web,
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(retry, "WAITS", (0.0, 0.0))
    (tmp_path / "rooms").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "rooms"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def store() -> Iterator[Memory]:
    with memory() as found:
        found.put({"b/x.safetensors": SMALL, "b/x.npz": npz()})
        yield found


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as found:
        found.files = {"x.safetensors": SMALL, "x.npz": npz()}
        yield found


# Law: the same arrays give the same digest and fingerprints, wherever they are.
def test_same_numbers(store: Memory, server: Web, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(npz())
    local = nctool.analyze(str(tmp_path / "x.npz"))
    for address in (
        "memory://b/x.safetensors",
        "memory://b/x.npz",
        f"file://{tmp_path}/x.npz",
        server.at("x.safetensors"),
        server.at("x.npz"),
    ):
        found = nctool.analyze(address)
        assert found.digest == local.digest
        assert {one.path for one in found.inputs} == {address}
        assert [one.fingerprint for one in found.inputs] == [
            one.fingerprint for one in local.inputs
        ]
        assert not list((tmp_path / "rooms").iterdir())


# Law: roles and unknown samples are named by address, alone or beside other sources.
def test_roles(store: Memory, server: Web) -> None:
    store.put(
        {
            "b/data.npz": npz(),
            "b/head.safetensors": save({"w": 2 * HEAD, "v": HEAD.clone()}),
            "b/ood.npz": npz(),
        }
    )
    found = nctool.analyze(
        "memory://b/data.npz",
        weight="memory://b/head.safetensors::w",
        features=f"{server.at('x.npz')}?sig=VERYSECRET::features",
        labels="memory://b/data.npz::labels",
        ood="memory://b/ood.npz::features",
    )
    assert {one.role: one.path for one in found.inputs} == {
        "features": server.at("x.npz"),
        "labels": "memory://b/data.npz",
        "head": "memory://b/head.safetensors",
        "ood": "memory://b/ood.npz",
    }
    assert "VERYSECRET" not in found.to_json()


# Law: class names come from the model's folder, remote as well as local.
def test_names(store: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"id2label": {"0": "ant", "1": "bee", "2": "cat"}}
    store.put({"m/model.safetensors": SMALL, "m/config.json": json.dumps(config).encode()})
    found = nctool.analyze("memory://m", per_class=True)
    assert "ant" in found.to_json()
    words = {"model": {"vocab": {"one": 0, "two": 1, "three": 2}}}
    store.put({"t/model.safetensors": SMALL, "t/tokenizer.json": json.dumps(words).encode()})
    store.put({"t/vocab.txt": b"[PAD]\na\nb\n"})
    found = nctool.analyze("memory://t", per_class=True)
    assert "three" in found.to_json() and "class-names-found" in found.to_json()
    assert "/t/vocab.txt" not in {path for path, _, _ in store.asked}
    monkeypatch.setattr("nctool.readers.remote.in_place.MOST_JSON", 20)  # all of them too large
    opened = visit("memory://t", Downloads()).open()
    assert [one.name for one in opened.path.iterdir()] == ["model.safetensors"]
    assert "three" not in nctool.analyze("memory://t", per_class=True).to_json()


# Law: names of classes may lie behind an address of their own, and errors about them too.
def test_classes(store: Memory, server: Web, tmp_path: Path) -> None:
    server.files |= {"names": b"ant\nbee\ncat\n", "odd": b"\xff\xfe\xfd", "two": b"ant\nbee\n"}
    (tmp_path / "names").write_bytes(server.files["names"])
    for address in (server.at("names?sig=VERYSECRET"), f"file://{tmp_path}/names"):
        said = inside("analyze", "memory://b/x.npz", "--classes", address, "--json", "-")
        assert said.code == 0 and '"ant"' in said.out and "VERYSECRET" not in said.out
    for name in ("odd", "two", "gone"):
        address = server.at(f"{name}?sig=VERYSECRET")
        said = inside("analyze", "memory://b/x.npz", "--classes", address)
        assert said.code == 3 and "VERYSECRET" not in said.err and "rooms" not in said.err
        assert name in said.err
    assert inside("analyze", "memory://b/x.npz", "--classes", "memory://b").code == 3
    assert not list((tmp_path / "rooms").iterdir())


# Law: neither the report, nor its JSON, nor any error shows a password or a query.
@pytest.mark.parametrize("command", ["analyze", "inspect"])
@pytest.mark.parametrize("fault", ["", "404", "403", "500", "cut", "broken", "role", "unsized"])
def test_secrets(
    server: Web,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    fault: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    server.files["big file.npz"] = npz(more=torch.zeros(10**6))
    if fault == "broken":
        server.files["big file.npz"] = server.files["big file.npz"][:-100]
    elif fault == "unsized":
        server.ranged = False
    if fault not in ("broken", "role"):
        server.faults = [fault] * 6
    address = server.at("big file.npz?X-Amz-Signature=VERYSECRET&t=VERYSECRET#VERYSECRET")
    address = address.replace("//", "//me:VERYSECRET@")
    words = [command, address, "--json", "out.json"]
    words += ["--features", f"{address}::{'nothing' if fault == 'role' else 'features'}"]
    said = inside(*words)
    written = Path("out.json").read_text() if Path("out.json").exists() else ""
    assert said.code == (3 if fault else 0), said.err
    assert "VERYSECRET" not in said.out + said.err + written
    assert server.at("big file.npz") in said.out + said.err or fault == "role"
    assert "/rooms/" not in said.out + said.err + written


# Law: what is copied is announced on stderr, also when the report goes to stdout as JSON.
def test_announced(store: Memory) -> None:
    store.put({"b/big.npz": npz(more=torch.zeros(10**6))})
    said = inside(*["analyze", "memory://b/big.npz", "--json", "-"])
    assert said.code == 0 and json.loads(said.out)["kind"] == "report"
    assert said.err.count("remote-copied") == 1 and "3.8 MiB" in said.err
    assert "memory://b/big.npz" in said.err


# Law: looking for a run first does not ask a server twice.
def test_looked_at_once(store: Memory, server: Web) -> None:
    store.asked.clear()
    assert inside("analyze", "memory://b/x.safetensors").code == 0
    assert [begin for _, begin, _ in store.asked] == [0, 0]
    assert inside("analyze", server.at("x.safetensors")).code == 0
    assert len(server.asked) == 2


# Law: what cannot be had leaves with its documented code and one message.
@pytest.mark.parametrize(
    ("address", "slug"),
    [
        ("zip://x.npz::memory://b/x.zip", "remote-protocol"),
        ("github://org:repo@main/x.npz", "remote-protocol"),
        ("memory://b/nothing.npz", "remote-missing"),
        ("memory://b/../x.npz", "path-escapes"),
        ("file:///nowhere/x.npz", "path-missing"),
        ("file://elsewhere/x.npz", "remote-address"),
    ],
)
def test_exit_codes(store: Memory, address: str, slug: str) -> None:
    for words in ([address], ["memory://b/x.npz", "--features", f"{address}::features"]):
        said = inside(*["analyze", *words])
        assert (said.code, said.out) == (3, "") and f"error[{slug}]" in said.err


# Law: a run behind an address is a course over its checkpoints, as it is on a disk.
def test_course(store: Memory, tmp_path: Path) -> None:
    for epoch in (1, 2, 10):
        content = npz(features=FEATURES + 1 / epoch)
        store.put({f"run/epoch={epoch}.npz": content})
        (tmp_path / f"epoch={epoch}.npz").write_bytes(content)
    documents = []
    several = [f"memory://run/epoch={epoch}.npz" for epoch in (10, 1, 2)]
    for sources in (["memory://run"], several, [str(tmp_path)]):
        said = inside(*["analyze", *sources, "--json", "-"])
        assert said.code == 0, said.err
        documents.append(json.loads(said.out))
    remote, together, local = documents
    assert remote["kind"] == together["kind"] == local["kind"] == "trajectory"
    for key in ("digest", "axis", "facts", "metrics"):
        assert remote[key] == together[key] == local[key]
    assert remote["axis"] == "epoch" and "memory://run/epoch=10.npz" in str(remote["inputs"])


# Law: runs behind addresses are compared, under names without anything secret.
def test_compare(server: Web) -> None:
    names = [server.at(f"x.{kind}?sig=VERY.SECRET.{kind}") for kind in ("npz", "safetensors")]
    said = inside("compare", *names, "--json", "-")
    assert said.code == 0, said.err
    assert "SECRET" not in said.out + said.err and "npz" in said.out


# Law: an address shows what it holds without being read.
def test_inspect(store: Memory) -> None:
    said = inside(*["inspect", "memory://b/x.safetensors"])
    assert said.code == 0 and said.out.startswith("memory://b/x.safetensors")
    assert all(key in said.out for key in ARRAYS) and str(len(LABELS)) in said.out
