"""Places to read from: fsspec's memory, and a web server of our own that can misbehave."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fsspec
import numpy
import torch
from safetensors.torch import save

from nctool.readers.remote import Downloads, visit

LABELS = torch.arange(60) % 3
HEAD = torch.eye(3, 8)
FEATURES = HEAD[LABELS] + torch.arange(480, dtype=torch.float32).reshape(60, 8).sin() / 9
ARRAYS = {"features": FEATURES, "labels": LABELS, "head.weight": HEAD}
SMALL = save(ARRAYS)


def arrays(address: str) -> dict[str, Any]:
    """The arrays at an address by key."""
    return {array.key: array for array in visit(address, Downloads()).open().arrays}


def large(size: int = 3 * 2**20) -> dict[str, torch.Tensor]:
    """A model whose unused array is larger than what a first request brings."""
    return {"unused": torch.arange(size, dtype=torch.uint8), **ARRAYS}


def npz(**more: torch.Tensor) -> bytes:
    import io

    file = io.BytesIO()
    save_all: Any = numpy.savez  # its stubs know no arrays by name
    save_all(file, **{key: one.numpy() for key, one in {**ARRAYS, **more}.items()})
    return file.getvalue()


def rooms() -> list[Path]:
    """Temporary folders that are still there."""
    return sorted(Path(tempfile.gettempdir()).glob("nctool-remote-*"))


@dataclass(slots=True)
class Memory:
    """fsspec's memory, emptied before and after; it keeps what is asked of it."""

    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def put(self, files: Mapping[str, bytes]) -> None:
        fsspec.filesystem("memory").pipe({f"/{path}": body for path, body in files.items()})

    @property
    def bytes(self) -> int:
        return sum(end - begin for _, begin, end in self.asked)


@contextmanager
def memory(change: Callable[[bytes], bytes] = lambda content: content) -> Iterator[Memory]:
    """The memory with a hook through which every answer goes."""
    from fsspec.implementations.memory import MemoryFileSystem as System

    found, true = Memory(), System.cat_file

    def cat_file(self: Any, path: str, start: int, end: int, **more: Any) -> bytes:
        found.asked.append((path, start, end))
        return change(true(self, path, start, end, **more))

    System.store.clear()
    System.pseudo_dirs[:] = [""]
    System.cat_file = cat_file
    try:
        yield found
    finally:
        System.cat_file = true
        System.store.clear()


@dataclass(slots=True)
class Web:
    """A server with these files. ``faults`` are used up, one for each request."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ranged: bool = True
    tag: str = '"one"'
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    leave: threading.Event = field(default_factory=threading.Event)

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@contextmanager
def web() -> Iterator[Web]:
    """A server on this machine for as long as the block lasts."""
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, state)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # a reader that has enough closes the connection

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.leave.set()
            server.shutdown()
            thread.join()


def _answer(handler: BaseHTTPRequestHandler, state: Web) -> None:
    path = unquote(handler.path.partition("?")[0]).lstrip("/")
    wanted = handler.headers.get("Range", "")
    state.asked.append((handler.path, wanted, dict(handler.headers)))
    fault = state.faults.pop(0) if state.faults else ""
    body = state.files.get(path)
    if fault == "silence":
        state.leave.wait()
        return
    if fault.startswith("to "):
        handler.send_response(302)
        handler.send_header("Location", fault[3:])
        handler.end_headers()
        return
    if fault.isdigit() or body is None:
        handler.send_error(int(fault or 404))
        return
    part, total = body, len(body)
    if state.ranged and (found := re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)):
        begin, end = int(found[1]), min(int(found[2]) + 1, total)
        if begin >= total:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{total}")
            handler.end_headers()
            return
        part = body[begin:end]
        handler.send_response(206)
        shift = 1 if fault == "shifted" else 0
        handler.send_header("Content-Range", f"bytes {begin + shift}-{end - 1}/{total}")
    else:
        handler.send_response(200)
    if fault == "packed":
        handler.send_header("Content-Encoding", "gzip")
    if fault != "unsized":
        handler.send_header("Content-Length", str(len(part)))
    if state.tag:
        handler.send_header("ETag", state.tag)
    handler.end_headers()
    handler.wfile.write(part[: len(part) // 2] if fault == "cut" else part)
