"""One file on a web server: by ranges where the server has them, otherwise as a whole."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from nctool.core.errors import InputError
from nctool.readers.remote import retry
from nctool.readers.remote.address import Address
from nctool.readers.remote.served import FIRST, RemoteFile

SILENCE = 30.0
"""Seconds without a single byte."""
BLOCK = 2**20
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")
UNQUOTED = "/%:@!$&'()*+,;=~-._"


def look(address: Address) -> RemoteFile:
    """The file at this place, with its first bytes."""
    return retry.with_retries(address, lambda: _first(address))


class Empty(Exception):
    """A file without a first byte."""


@dataclass(frozen=True, slots=True)
class _State:
    """What must stay the same while a file is read."""

    size: int
    stamp: str


def _first(address: Address) -> RemoteFile:
    try:
        with _ask(address, 0, FIRST) as answer:
            ranged = answer.status == 206
            state = _State(_size(address, answer, ranged), _stamp(answer.headers))
            head = _content(answer, min(FIRST, state.size))
    except Empty:
        return RemoteFile(address, 0, b"", None, lambda: iter(()))

    def ranges(begin: int, size: int) -> bytes:
        return retry.with_retries(address, lambda: _part(address, state, begin, size), size)

    whole = partial(_whole, address, state, ranged)
    return RemoteFile(address, state.size, head, ranges if ranged else None, whole)


def _size(address: Address, answer: HTTPResponse, ranged: bool) -> int:
    headers = answer.headers
    match = RANGE.match(headers.get("Content-Range", ""))
    length = match[3] if ranged and match else headers.get("Content-Length", "")
    packed = headers.get("Content-Encoding", "identity") != "identity"
    if packed or (ranged and not match) or not re.fullmatch(r"\d{1,18}", length):
        message = f"the server of '{address.shown}' does not say how long the file is"
        hint = "download it first (curl -L -o FILE ADDRESS), and name the file"
        raise InputError("remote-unsized", message, hint)
    return int(length)


def _stamp(headers: HTTPMessage) -> str:
    # A weak tag promises the same meaning, not the same bytes.
    tag: str = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _part(address: Address, state: _State, begin: int, size: int) -> bytes:
    if not size:
        return b""
    with _ask(address, begin, size) as answer:
        match = RANGE.match(answer.headers.get("Content-Range", ""))
        if answer.status != 206 or match is None or int(match[1]) != begin:
            raise retry.unreachable(address, "the server sent other bytes than were asked for")
        if _State(int(match[3]), _stamp(answer.headers)) != state:
            raise retry.changed(address)
        return _content(answer, size)


def _whole(address: Address, state: _State, ranged: bool) -> Iterator[bytes]:
    """Every byte in order; a connection that is lost on the way is taken up again by ranges."""
    if ranged:
        for begin, size in _blocks(state.size, 16 * BLOCK):
            part = partial(_part, address, state, begin, size)
            yield retry.with_retries(address, part, size)
        return
    # From the first byte to the last in one answer: there is no way back into the middle of it.
    answer = retry.with_retries(address, lambda: _answer(address))
    with answer:
        if _State(_size(address, answer, False), _stamp(answer.headers)) != state:
            raise retry.changed(address)
        for _, size in _blocks(state.size, BLOCK):
            yield retry.with_retries(address, partial(_content, answer, size), size, waits=())


def _blocks(size: int, step: int) -> Iterator[tuple[int, int]]:
    return ((begin, min(step, size - begin)) for begin in range(0, size, step))


def _content(answer: HTTPResponse, size: int) -> bytes:
    try:
        content = answer.read(size)
    except HTTPException as error:  # the end came before its announced place
        raise retry.ConnectionLost(f"the connection broke: {type(error).__name__}") from None
    if len(content) != size:
        raise retry.ConnectionLost(f"the connection broke after {len(content)} of {size} bytes")
    return content


def _ask(address: Address, begin: int, size: int) -> HTTPResponse:
    return _answer(address, f"bytes={begin}-{begin + size - 1}")


def _answer(address: Address, byte_range: str = "") -> HTTPResponse:
    """The server's answer to a question for a range, or for everything."""
    from urllib.error import HTTPError
    from urllib.request import Request

    parts = urlsplit(address.text)
    user, at, host = parts.netloc.rpartition("@")
    url = parts._replace(
        netloc=host,
        path=quote(parts.path, safe=UNQUOTED),
        query=quote(parts.query, safe=UNQUOTED + "?"),
        fragment="",
    ).geturl()
    # Unpacked bytes could not be counted against ranges, so no encoding is accepted.
    request = Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "nctool"})
    if byte_range:
        request.add_header("Range", byte_range)
    if at:  # goes to this host only, not to where it may send us
        code = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {code}")
    try:
        answer: HTTPResponse = _opener().open(request, timeout=SILENCE)
    except HTTPError as error:
        with error:
            raise _refusal(address, error.code, error.headers.get("Content-Range", "")) from None
    return answer


def _refusal(address: Address, status: int, range: str) -> Exception:
    if status == 416:
        return Empty() if range.endswith("/0") else retry.changed(address)
    if status in retry.GONE:
        return retry.missing(address)
    if status in retry.CLOSED:
        return retry.forbidden(address, f"the server answers {status}")
    if status >= 500 or status in retry.LATER:
        return retry.ConnectionLost(f"the server answers {status}")
    return retry.unreachable(address, f"the server answers {status}")


def _opener() -> Any:
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Redirects(HTTPRedirectHandler):
        """Never from a safe connection to an open one, nor to anything but the web."""

        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Request | None:
            # Whoever asked for https is not sent on in the clear: an answer there can be forged.
            allowed = ("https",) if req.type == "https" else ("http", "https")
            if urlsplit(newurl).scheme not in allowed:
                return None
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return build_opener(Redirects)
