"""Saved results of any kind, from the files they were written to."""

from __future__ import annotations

import base64
import gzip
import json
import lzma
import re
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from nctool.core.errors import InputError
from nctool.report import Report
from nctool.report.comparison import Comparison
from nctool.report.plain import refuse
from nctool.report.trajectory import Trajectory

Document: TypeAlias = Report | Trajectory | Comparison

MOST_BYTES = 1 << 30
MOMENT = ("epoch", "step", "split")
"""What a row of a table says of its report."""
GZIP, XZ = "gzip+base64", "xz+base64"
OPENING = re.compile(
    r'<script type="application/json" id="nctool-data"(?: data-encoding="([^"<>]*)")?>'
)
"""An HTML report holds its own JSON behind this mark, packed or as it is."""
MOST_WORKING = 1 << 28
"""Bytes that unpacking may hold beside the text itself."""
MOST_PLAIN = 1 << 17
"""A longer JSON is packed, so that the page stays small."""
UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What could end the element or a line of it; JSON has another spelling for each."""


def read(path: str | Path) -> Document:
    """A report, trajectory or comparison from JSON, or from an HTML report that holds it."""
    return from_text(_text(Path(path)), str(path))


def from_text(text: str, name: str = "-") -> Document:
    if text.lstrip()[:1] == "<":
        text = embedded(text, name)
    try:
        plain: object = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as problem:
        hint = "write a report with: nctool analyze SOURCE --json report.json"
        raise InputError("not-json", f"{name!r} is not valid JSON: {problem}", hint) from problem
    if not isinstance(plain, dict):
        hint = "write one with: nctool analyze SOURCE --json report.json"
        raise InputError("not-a-report", f"{name!r} holds JSON, but no report of nctool", hint)
    return from_dict(plain)


def from_dict(plain: Mapping[str, Any]) -> Document:
    match plain.get("kind"):
        case "trajectory":
            return Trajectory.from_dict(plain)
        case "comparison":
            return Comparison.from_dict(plain)
        case _:
            return Report.from_dict(plain)


def report_of(document: Document) -> Report | None:
    """The report whose numbers a document is about: a trajectory's last; a comparison has none."""
    if isinstance(document, Comparison):
        return None
    return document.last if isinstance(document, Trajectory) else document


def named_reports(document: Document) -> list[tuple[str, Report]]:
    """Every report of a document and its name: that of its point or run, or the run's id."""
    if isinstance(document, Comparison):
        return [(run.name, run.report) for run in document.runs]
    if isinstance(document, Trajectory):
        return [(point.label, point.report) for point in document.points]
    return [(str(document.run.get("id") or ""), document)]


def table(document: Document) -> tuple[list[str], list[list[object]]]:
    """Names of columns, and a row for each point or run: its name and moment, then every metric.

    A metric without a value there is None. Metrics stand in the order of the document's own.
    """
    reports = named_reports(document)
    own = [row.metric for row in document.rows] if isinstance(document, Comparison) else document
    ids = [result.id for result in own]
    if not isinstance(document, Comparison):
        # A head that only the last layer has, or the other way round.
        ids = [*dict.fromkeys([*ids, *(result.id for _, report in reports for result in report)])]
    rows: list[list[object]] = [
        [name, *(report.run.get(key) for key in MOMENT), *map(report.value, ids)]
        for name, report in reports
    ]
    columns = ["run", *MOMENT]
    if isinstance(document, Trajectory) and document.axis not in columns:
        columns.insert(1, document.axis)
        for row, position in zip(rows, document.positions, strict=True):
            row.insert(1, position)
    return [*columns, *ids], rows


def to_json(document: Document, indent: int | None = 2) -> str:
    return json.dumps(document.to_dict(), indent=indent, allow_nan=False)


def is_document(path: Path) -> bool:
    """Does this file look like something nctool has written, rather than a checkpoint?"""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(4096).lstrip()
    return b"nctool" in head and head[:1] in (b"{", b"<")


def embed(document: Document) -> str:
    """The element of an HTML page that holds the whole document, for ``embedded`` to find.

    A browser can unpack gzip, and a page's own script reads large reports that way. The window of
    xz is wide enough to see that every report of a trajectory or comparison says the same words.
    """
    text = json.dumps(document.to_dict(), separators=(",", ":"), allow_nan=False)
    if len(text) <= MOST_PLAIN:
        return element(text, "nctool-data")
    return element(text, "nctool-data", GZIP if isinstance(document, Report) else XZ)


def element(text: str, name: str, encoding: str | None = None) -> str:
    """JSON as data inside a page, packed or as it is; nothing in it can end the element."""
    note = "" if encoding is None else f' data-encoding="{encoding}"'
    if encoding is not None:
        # No time in the header: the same document gives the same page.
        xz = partial(lzma.compress, preset=lzma.PRESET_DEFAULT | lzma.PRESET_EXTREME)
        pack = partial(gzip.compress, mtime=0) if encoding == GZIP else xz
        text = base64.b64encode(pack(text.encode())).decode()
    return f'<script type="application/json" id="{name}"{note}>{text.translate(UNSAFE)}</script>'


def embedded(page: str, name: str) -> str:
    """The JSON inside an HTML report."""
    start = OPENING.search(page)
    end = -1 if start is None else page.find("</script>", start.end())
    if start is None or end < 0:
        hint = "write one with: nctool report report.json -o report.html"
        raise InputError("not-a-report", f"{name!r} is a page without the data of a report", hint)
    text = page[start.end() : end]
    return text if start[1] is None else _unpacked(text, start[1], name)


def _unpacked(text: str, encoding: str, name: str) -> str:
    """The text that was packed; never more of it than a report may have."""
    try:
        raw = base64.b64decode(text, validate=True)
        unpacking = _unpacking(encoding)
        # A few bytes can unpack to any number: the limit is on what comes out.
        unpacked = unpacking.decompress(raw, MOST_BYTES)
        if not unpacking.eof:
            raise ValueError("it is cut off, or far too long")
        return unpacked.decode()
    except (ValueError, lzma.LZMAError, zlib.error) as problem:
        message = f"the data in the page {name!r} cannot be unpacked: {problem}"
        hint = "write it anew with: nctool report report.json -o report.html"
        raise InputError("page-damaged", message, hint) from problem


def _unpacking(encoding: str) -> lzma.LZMADecompressor | zlib._Decompress:
    if encoding == XZ:
        return lzma.LZMADecompressor(memlimit=MOST_WORKING)
    if encoding == GZIP:
        return zlib.decompressobj(wbits=31)
    raise ValueError(f"its encoding, {encoding!r}, is not known")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            message = f"'{path}' has more than {MOST_BYTES >> 30} GiB: that is no report"
            raise InputError("report-too-large", message, "give the JSON that --json has written")
        return path.read_text("utf-8")
    except FileNotFoundError as problem:
        raise InputError(
            "path-missing", f"there is no file {str(path)!r}", "check the spelling"
        ) from problem
    except (OSError, UnicodeDecodeError) as problem:
        message = f"{str(path)!r} cannot be read as text: {problem}"
        hint = "give the JSON that --json has written"
        raise InputError("report-unreadable", message, hint) from problem
