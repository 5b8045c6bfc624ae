"""One file on a web server: by ranges where the server has them, otherwise as a whole."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from nctool.core.errors import InputError
from nctool.readers.remote import retry
from nctool.readers.remote.place import Place
from nctool.readers.remote.served import FIRST, RemoteFile

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse

SILENCE = 30.0
"""Seconds without a single byte."""
BLOCK = 2**20
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")
UNQUOTED = "/%:@!$&'()*+,;=~-._"


def look(place: Place) -> RemoteFile:
    """The file at this place, with its first bytes."""
    return retry.patiently(place, lambda: _first(place))


class Empty(Exception):
    """A file without a first byte."""


@dataclass(frozen=True, slots=True)
class _State:
    """What must stay the same while a file is read."""

    size: int
    stamp: str


def _first(place: Place) -> RemoteFile:
    try:
        with _ask(place, 0, FIRST) as answer:
            ranged = answer.status == 206
            state = _State(_size(place, answer, ranged), _stamp(answer.headers))
            head = _content(answer, min(FIRST, state.size))
    except Empty:
        return RemoteFile(place, 0, b"", None, lambda: iter(()))

    def ranges(begin: int, size: int) -> bytes:
        return retry.patiently(place, lambda: _part(place, state, begin, size), size)

    return RemoteFile(
        place, state.size, head, ranges if ranged else None, lambda: _whole(place, state, ranged)
    )


def _size(place: Place, answer: HTTPResponse, ranged: bool) -> int:
    headers = answer.headers
    found = RANGE.match(headers.get("Content-Range", ""))
    length = found[3] if ranged and found else headers.get("Content-Length", "")
    packed = headers.get("Content-Encoding", "identity") != "identity"
    if packed or (ranged and not found) or not re.fullmatch(r"\d{1,18}", length):
        raise InputError(
            "remote-unsized",
            f"the server of '{place.shown}' does not say how long the file is",
            "download it first (curl -L -o FILE ADDRESS), and name the file",
        )
    return int(length)


def _stamp(headers: HTTPMessage) -> str:
    tag: str = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _part(place: Place, state: _State, begin: int, size: int) -> bytes:
    if not size:
        return b""
    with _ask(place, begin, size) as answer:
        found = RANGE.match(answer.headers.get("Content-Range", ""))
        if answer.status != 206 or found is None or int(found[1]) != begin:
            raise retry.unreachable(place, "the server sent other bytes than were asked for")
        if _State(int(found[3]), _stamp(answer.headers)) != state:
            raise retry.changed(place)
        return _content(answer, size)


def _whole(place: Place, state: _State, ranged: bool) -> Iterator[bytes]:
    """Every byte in order; a connection that is lost on the way is taken up again by ranges."""
    if ranged:
        for begin, size in _blocks(state.size, 16 * BLOCK):
            part = partial(_part, place, state, begin, size)
            yield retry.patiently(place, part, size)
        return
    # From the first byte to the last in one answer: there is no way back into the middle of it.
    answer = retry.patiently(place, lambda: _answer(place))
    with answer:
        if _State(_size(place, answer, False), _stamp(answer.headers)) != state:
            raise retry.changed(place)
        for _, size in _blocks(state.size, BLOCK):
            yield retry.patiently(place, partial(_content, answer, size), size, waits=())


def _blocks(size: int, step: int) -> Iterator[tuple[int, int]]:
    return ((begin, min(step, size - begin)) for begin in range(0, size, step))


def _content(answer: HTTPResponse, size: int) -> bytes:
    try:
        content = answer.read(size)
    except HTTPException as error:  # the end came before its announced place
        raise retry.Lost(f"the connection broke: {type(error).__name__}") from None
    if len(content) != size:
        raise retry.Lost(f"the connection broke after {len(content)} of {size} bytes")
    return content


@contextmanager
def _ask(place: Place, begin: int, size: int) -> Iterator[HTTPResponse]:
    with _answer(place, f"bytes={begin}-{begin + size - 1}") as answer:
        yield answer


def _answer(place: Place, wanted: str = "") -> HTTPResponse:
    """The server's answer to a question for a range, or for everything."""
    from urllib.error import HTTPError
    from urllib.request import Request

    parts = urlsplit(place.text)
    user, at, host = parts.netloc.rpartition("@")
    address = parts._replace(
        netloc=host,
        path=quote(parts.path, safe=UNQUOTED),
        query=quote(parts.query, safe=UNQUOTED + "?"),
        fragment="",
    ).geturl()
    request = Request(address, headers={"Accept-Encoding": "identity", "User-Agent": "nctool"})
    if wanted:
        request.add_header("Range", wanted)
    if at:  # goes to this host only, not to where it may send us
        code = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {code}")
    try:
        answer: HTTPResponse = _opener().open(request, timeout=SILENCE)
    except HTTPError as error:
        with error:
            raise _refusal(place, error.code, error.headers.get("Content-Range", "")) from None
    return answer


def _refusal(place: Place, status: int, range: str) -> Exception:
    if status == 416:
        return Empty() if range.endswith("/0") else retry.changed(place)
    if status in retry.GONE:
        return retry.missing(place)
    if status in retry.CLOSED:
        return retry.forbidden(place, f"the server answers {status}")
    if status >= 500 or status in retry.LATER:
        return retry.Lost(f"the server answers {status}")
    return retry.unreachable(place, f"the server answers {status}")


def _opener() -> Any:
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Redirects(HTTPRedirectHandler):
        """Never from a safe connection to an open one, nor to anything but the web."""

        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Request | None:
            allowed = ("https",) if req.type == "https" else ("http", "https")
            if urlsplit(newurl).scheme not in allowed:
                return None
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return build_opener(Redirects)
