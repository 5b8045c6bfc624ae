"""Addresses: a short list is allowed, and nothing secret in one is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nctool.core.array_spec import is_address, split
from nctool.core.errors import InputError
from nctool.readers.remote.address import clean, is_name, parse

SECRETS = {
    "https://me:pass@host/x.npz": "https://host/x.npz",
    "https://token@host/x.npz": "https://host/x.npz",
    "https://host/x.npz?X-Amz-Signature=abc&y=2": "https://host/x.npz",
    "https://host/x.npz#access_token=abc": "https://host/x.npz",
    "https://host:8080/a/b?c": "https://host:8080/a/b",
    "https://me:pass@host/a b'c.npz?sig=abc d": "https://host/a b'c.npz",
    "s3://bucket/a b.npz?versionId=abc": "s3://bucket/a b.npz",
    "s3://me@bucket/x.npz": "s3://bucket/x.npz",
    "s3://bucket/a#b/x.npz": "s3://bucket/a#b/x.npz",
    "s3://bucket/x.npz?versionId=abc": "s3://bucket/x.npz",
    "hf://gpt2@main/model.safetensors": "hf://gpt2@main/model.safetensors",
    "hf://org/model@refs%2Fpr%2F1/a.bin": "hf://org/model@refs%2Fpr%2F1/a.bin",
    "S3://bucket/x/": "S3://bucket/x",
}


# Law: an address is shown without its password, its query and its fragment, and else as it is.
@pytest.mark.parametrize("text", SECRETS)
def test_shown(text: str) -> None:
    address = parse(text)
    assert address.shown == SECRETS[text]
    assert address.text == text
    assert (text in repr(address)) == (text == SECRETS[text])


# Law: what a library says of addresses and headers loses its secrets too.
@pytest.mark.parametrize(
    "text",
    [
        "403 for url: https://h/x?sig=VERYSECRET, retry",
        "GET 'https://me:VERYSECRET@h/x' failed",
        "query X-Amz-Signature=VERYSECRET&x=1",
        "AWSAccessKeyId=VERYSECRET is unknown",
        "Authorization: Bearer VERYSECRET.x-y",
        "authorization: basic VERYSECRET=",
        "token hf_VERYSECRETVERYSECRET is invalid",
        "hf://user:VERYSECRET@org/model",
    ],
)
def test_clean(text: str) -> None:
    assert "VERYSECRET" not in clean(text) and clean(text)


# Law: chains, other protocols, ways up, passwords and fragments of addresses are refused.
@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("zip://a.npy::s3://b/x.zip", "remote-protocol"),
        ("simplecache::s3://b/x.npz", "remote-protocol"),
        ("filecache::https://h/x.npz", "remote-protocol"),
        ("reference::s3://b/x.json", "remote-protocol"),
        ("github://org:repo@main/x.npz", "remote-protocol"),
        ("ftp://h/x.npz", "remote-protocol"),
        ("ssh://h/x.npz", "remote-protocol"),
        ("local://x.npz", "remote-protocol"),
        ("s3://b/x.zip::memory://y", "remote-protocol"),
        ("s3://b/../secret.npz", "path-escapes"),
        ("https://h/a/%2e%2E/x.npz", "path-escapes"),
        ("s3://key:secret@b/x.npz", "remote-credentials"),
        ("hf://user:secret@org/model", "remote-credentials"),
        ("https:///x.npz", "remote-address"),
        ("s3://", "remote-address"),
        ("https://h/x\r\nHost: y", "remote-address"),
    ],
)
def test_refused(text: str, slug: str) -> None:
    assert is_address(text)
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.slug == slug and "secret@" not in caught.value.message
    if slug == "remote-protocol":
        for protocol in ("s3", "gs", "gcs", "hf", "http", "https", "file", "memory"):
            assert f"{protocol}://" in caught.value.hint


# Law: an address and a key come apart at the ``::`` behind the host.
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s3://b/x.npz::features", ("s3://b/x.npz", "features")),
        ("s3://b/x.npz::a::b", ("s3://b/x.npz", "a::b")),
        ("http://[::1]:80/x.npz::k", ("http://[::1]:80/x.npz", "k")),
        ("http://[::1]:80/x.npz", ("", "http://[::1]:80/x.npz")),
        ("https://h/x?sig=1::k", ("https://h/x?sig=1", "k")),
        ("simplecache::s3://b/x::k", ("simplecache::s3://b/x", "k")),
        ("file.npz::k", ("file.npz", "k")),
        ("model.*", ("", "model.*")),
    ],
)
def test_split(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


# Law: paths of this machine are no addresses.
@pytest.mark.parametrize("text", ["a/b.npz", "/a::b", "C:\\x", "a:b", "run//x", "", "::", "k*"])
def test_local(text: str) -> None:
    assert not is_address(text)


# Law: what a server calls a file is one harmless local name, or none.
@given(st.text(max_size=300))
def test_names(name: str) -> None:
    if is_name(name):
        assert name.isprintable() and len(name.encode()) <= 255
        assert (Path("/room") / name).resolve().parent == Path("/room")


# Law: the local name is the last part of the address without its query, decoded on the web only.
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://h/a/b%20c.npz?d=e/f", "b c.npz"),
        ("https://h/a%2Fb", "download"),
        ("https://h/", "download"),
        ("s3://b/a%20b.npz", "a%20b.npz"),
        ("s3://b/folder/", "folder"),
        ("https://h/" + "x" * 300, "download"),
    ],
)
def test_local_name(text: str, name: str) -> None:
    assert parse(text).name == name
