"""Files on web servers, good and bad ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import save

from nctool.core.errors import InputError
from nctool.readers.remote import Downloads, retry, visit
from nctool.readers.remote import web as ours
from tests.readers.readers_help import plain
from tests.readers.remote_help import ARRAYS, FEATURES, SMALL, Web, arrays, large, npz, web

LARGE = save(large())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Web]:
    monkeypatch.setattr(retry, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(ours, "SILENCE", 0.2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with web() as found:
        found.files = {"large": LARGE, "a b.npz": npz(), "empty": b"", "m/x.safetensors": SMALL}
        yield found


def refused(address: str) -> InputError:
    with pytest.raises(InputError) as caught:
        for array in arrays(address).values():
            array.whole()
    assert caught.value.message.isprintable() and caught.value.hint
    return caught.value


# Law: with ranges only what is wanted comes, and nothing is copied.
def test_ranges(server: Web) -> None:
    opened = visit(server.at("large"), Downloads()).open()
    found = {array.key: array for array in opened.arrays}
    assert (plain(found["features"].rows(5, 9)) == plain(FEATURES[5:9])).all()
    assert server.asked[0][1] == f"bytes=0-{2**17 - 1}"
    assert len(server.asked) == 2 and opened.notices == ()


# Law: without ranges the file is copied, which is said, and its arrays are the same.
@pytest.mark.parametrize("name", ["large", "a b.npz"])
def test_without_ranges(server: Web, name: str) -> None:
    server.ranged = False
    server.files["a b.npz"] = npz(more=large()["unused"])
    opened = visit(server.at(name), Downloads()).open()
    found = {array.key: array for array in opened.arrays}
    for key, values in ARRAYS.items():
        assert (plain(found[key].whole()) == plain(values)).all()
    (notice,) = opened.notices
    assert notice.slug == "remote-copied" and len(server.asked) == 2
    assert notice.data == {"bytes": len(server.files[name])}


# Law: spaces, queries and passwords reach the server, each where it belongs.
def test_request(server: Web) -> None:
    address = server.at("a b.npz?key=a+b%20c&x").replace("//", "//me:p%40ss@")
    found = arrays(address)
    asked, _, headers = server.asked[0]
    assert asked == "/a%20b.npz?key=a+b%20c&x"
    assert headers["Authorization"] == "Basic bWU6cEBzcw=="
    assert {one.path for one in found.values()} == {server.at("a b.npz")}


# Law: a password is not handed on to where a server sends us.
def test_redirect(server: Web) -> None:
    server.faults = [f"to {server.at('m/x.safetensors')}"]
    found = arrays(server.at("large").replace("//", "//me:secret@"))
    assert len(found) == len(ARRAYS) and len(server.asked) == 2
    assert "Authorization" in server.asked[0][2]
    assert "Authorization" not in server.asked[1][2]


# Law: nobody sends us to files of this machine or to another protocol.
@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_redirect_elsewhere(server: Web, target: str) -> None:
    server.faults = [f"to {target}"]
    assert refused(server.at("large")).slug == "remote-unreachable"


# Law: a loop of redirects ends.
def test_redirect_loop(server: Web) -> None:
    server.faults = [f"to {server.at('large')}"] * 100
    assert refused(server.at("large")).slug == "remote-unreachable"


# Law: each refusal of a server is one error that says what it means.
@pytest.mark.parametrize(
    ("status", "slug", "times"),
    [
        ("404", "remote-missing", 1),
        ("410", "remote-missing", 1),
        ("401", "remote-forbidden", 1),
        ("403", "remote-forbidden", 1),
        ("400", "remote-unreachable", 1),
        ("429", "remote-unreachable", 3),
        ("500", "remote-unreachable", 3),
        ("503", "remote-unreachable", 3),
        ("cut", "remote-unreachable", 3),
        ("silence", "remote-unreachable", 3),
        ("unsized", "remote-unsized", 1),
        ("packed", "remote-unsized", 1),
    ],
)
def test_refusals(server: Web, status: str, slug: str, times: int) -> None:
    server.ranged = status not in ("unsized", "packed")
    server.faults = [status] * 9
    error = refused(server.at("large?sig=VERYSECRET"))
    assert error.slug == slug and len(server.asked) == times
    assert f"'{server.at('large')}'" in error.message and "VERYSECRET" not in error.message


# Law: what fails for a moment is tried again, at opening and in the middle.
@pytest.mark.parametrize("faults", [["503", "cut"], ["", "cut", "500"], ["", "silence"]])
@pytest.mark.parametrize("name", ["large", "big.npz"])
def test_again(server: Web, faults: list[str], name: str) -> None:
    server.files["big.npz"] = npz(more=large()["unused"])
    server.faults = list(faults)
    assert (plain(arrays(server.at(name))["features"].whole()) == plain(FEATURES)).all()
    assert server.faults == []


# Law: other bytes than were asked for are never taken for the right ones.
def test_shifted(server: Web) -> None:
    server.faults = ["", "shifted"]
    assert refused(server.at("large")).slug == "remote-unreachable"


# Law: a server that gives up ranges after the first answer is refused, not misread.
def test_ranges_given_up(server: Web) -> None:
    found = arrays(server.at("large"))
    server.ranged = False
    with pytest.raises(InputError) as caught:
        found["features"].whole()
    assert caught.value.slug == "remote-unreachable"


# Law: a copy without ranges that breaks off is an error, never a shorter file.
def test_broken_copy(server: Web, tmp_path: Path) -> None:
    server.ranged, server.faults = False, ["", "cut"]
    assert refused(server.at("large")).slug == "remote-unreachable"
    assert list(tmp_path.iterdir()) == []


# Law: another tag, another size or an end before the wanted bytes is a changed file.
@pytest.mark.parametrize("ranged", [True, False])
@pytest.mark.parametrize("how", ["tag", "longer", "shorter"])
def test_changed(server: Web, how: str, ranged: bool) -> None:
    server.ranged = ranged
    served = visit(server.at("large"), Downloads())
    if how == "tag":
        server.tag = '"two"'
    else:
        server.files["large"] = LARGE + b"x" if how == "longer" else LARGE[:200_000]
    with pytest.raises(InputError) as caught:
        for array in served.open().arrays:
            array.whole()
    assert caught.value.slug == "file-changed"


# Law: an empty file is that, with ranges or without.
@pytest.mark.parametrize("ranged", [True, False])
def test_empty(server: Web, ranged: bool) -> None:
    server.ranged = ranged
    error = refused(server.at("empty"))
    assert "empty" in error.message and server.at("empty") in error.message


# Law: shards beside their index are found on the web too, ranges or not.
@pytest.mark.parametrize("ranged", [True, False])
def test_shards(server: Web, ranged: bool) -> None:
    server.ranged = ranged
    server.files["m/i.json"] = b'{"weight_map": {"features": "x.safetensors"}}'
    found = arrays(server.at("m/i.json?token=VERYSECRET"))
    assert (plain(found["features"].whole()) == plain(FEATURES)).all()
    assert found["features"].path == server.at("m/x.safetensors")
    assert {asked for asked, _, _ in server.asked} == {
        "/m/i.json?token=VERYSECRET",
        "/m/x.safetensors?token=VERYSECRET",
    }


# Law: nobody listening, and no such host, are errors after a few tries.
@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x", "http://127.0.0.1:99999/x"])
def test_nobody(server: Web, address: str) -> None:
    assert refused(address).slug == "remote-unreachable"
