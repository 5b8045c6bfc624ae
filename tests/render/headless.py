"""A headless chromium, spoken to over a pipe; the standard library is all that it takes."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE = 60.0
ON_THREE_AND_FOUR = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""chromium reads from descriptor 3 and writes to 4."""


def found() -> str | None:
    """The path of a browser, if one is here."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright")).expanduser()
    for pattern in ("chromium-*/chrome-linux*/chrome", "chromium_headless*/*/*headless*shell"):
        for path in sorted(map(str, cache.glob(pattern)), reverse=True):
            return path
    return None


@dataclass(slots=True)
class Browser:
    """One tab, and everything that it complained about."""

    reading: int
    writing: int
    session: str = ""
    number: int = 0
    rest: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command; its answer."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.reading], [], [], until - time.monotonic())
            part = os.read(self.reading, 1 << 20) if ready else b""
            assert part, "the browser has left, or does not answer"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        plain: dict[str, Any] = json.loads(message)
        return plain

    def attach(self) -> None:
        """Open a tab and listen to what goes wrong in it."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def look(self, width: int, scheme: str = "light", media: str = "") -> None:
        """How wide the window is, and which colours its user likes."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        likes = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=likes)

    def open(self, path: Path) -> None:
        """Load a page, and wait for its script to have done its work."""
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        until = time.monotonic() + PATIENCE
        ready = "document.readyState === 'complete' && !!document.getElementById('nctool-data')"
        while not self.value(ready):
            assert time.monotonic() < until, "the page is never complete"
            time.sleep(0.02)

    def value(self, expression: str) -> Any:
        """What an expression is in the page; promises are waited for."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait for something to become true."""
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def complaints(self) -> list[dict[str, Any]]:
        """Errors and warnings of the console, exceptions, and breaches of the page's policy."""
        self.value("1")
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [event for event in self.events if event.get("method") in kinds]

    def requests(self) -> list[str]:
        """Whatever was asked for over the network, the page itself and data apart."""
        asked = [
            event for event in self.events if event.get("method") == "Network.requestWillBeSent"
        ]
        urls = [str(event["params"]["request"]["url"]) for event in asked]
        return [url for url in urls if not url.startswith(("data:", "file:", "blob:"))]

    def click(self, selector: str) -> None:
        """A click of the mouse, in the middle of an element."""
        box = self.value(
            f"(() => {{const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = one.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]})()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask(
                "Input.dispatchMouseEvent",
                type=kind, x=box[0], y=box[1], button="left", clickCount=1,
            )  # fmt: skip

    def point(self, selector: str, across: float, down: float) -> None:
        """The mouse over an element, at these shares of its width and height."""
        box = self.value(
            f"(() => {{const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = one.getBoundingClientRect();"
            "return [box.x, box.y, box.width, box.height]})()"
        )
        x, y = box[0] + across * box[2], box[1] + down * box[3]
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key: str, text: str = "") -> None:
        """A key of the keyboard."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowDown": 40}
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key],
                **({"text": text} if text and kind == "keyDown" else {}),
            )  # fmt: skip

    def picture(self, target: Path) -> None:
        """The whole page as a picture, for people who want to look."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        target.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def started(path: str) -> Iterator[Browser]:
    """A browser with a profile of its own that disappears with it."""
    to_read, to_write = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [sys.executable, "-c", ON_THREE_AND_FOUR, str(to_write[0]), str(to_read[1])]
        process = subprocess.Popen(
            [*words, path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_write[0], to_read[1]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_write[0])
        os.close(to_read[1])
        browser = Browser(to_read[0], to_write[1])
        try:
            browser.attach()
            yield browser
        finally:
            os.close(to_write[1])
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(to_read[0])
