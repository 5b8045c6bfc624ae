"""Pictures for the README: a terminal's text as SVG, and words kept inside a PNG."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from xml.sax.saxutils import escape

COLUMN, LINE, EDGE = 8.4, 19, 22
"""Width of a letter at 14 pixels, height of a line, and room around the text."""
STYLE = re.compile(r"\x1b\[([\d;]*)m")
CLASSES = {"1": "title", "2": "faint", "33": "warning", "36": "good"}
LOOK = """
svg { color-scheme: light dark; }
rect { fill: #fdfcfa; stroke: #d9d4ca; }
text { font: 14px ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono",
  "Liberation Mono", monospace; fill: #1d1c1a; white-space: pre; }
.title { font-weight: 700; } .faint { fill: #67635c; }
.warning { fill: #95480f; } .good { fill: #0b67a3; }
@media (prefers-color-scheme: dark) {
  rect { fill: #161615; stroke: #34322f; } text { fill: #e9e6e0; } .faint { fill: #a29d94; }
  .warning { fill: #eb9a5c; } .good { fill: #78b8e4; }
}
"""
"""The fonts and colours of the page; nothing is fetched."""


def terminal(command: str, output: str) -> str:
    """A command and what it prints, colours included, as a picture of a terminal."""
    lines = [f"\x1b[2m$ \x1b[0m\x1b[1m{command}\x1b[0m", "", *output.rstrip("\n").splitlines()]
    columns = max(len(STYLE.sub("", line)) for line in lines)
    width, height = round(columns * COLUMN) + 2 * EDGE, len(lines) * LINE + 2 * EDGE
    rows = "\n".join(
        text for place, line in enumerate(lines) for text in _row(line, EDGE + (place + 0.8) * LINE)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(command)}">\n'
        f"<style>{LOOK}</style>\n"
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>\n'
        f"{rows}\n</svg>\n"
    )


def _row(line: str, y: float) -> Iterator[str]:
    """Every stretch of one style at its own column, as wide as its letters are many.

    Bars and curves stand under each other even where a font draws them narrower.
    """
    column, kinds = 0, ""
    for place, part in enumerate(STYLE.split(line)):
        if place % 2:
            kinds = " ".join(CLASSES[code] for code in part.split(";") if code in CLASSES)
            continue
        for found in re.finditer(r"\S+(?: \S+)*", part):
            x, size = column + found.start(), len(found[0])
            kind = f' class="{kinds}"' if kinds else ""
            yield (
                f'<text x="{EDGE + x * COLUMN:.1f}" y="{y:.1f}" '
                f'textLength="{size * COLUMN:.1f}"{kind}>{escape(found[0])}</text>'
            )
        column += len(part)


def words_of(svg: str) -> list[str]:
    """All text of a picture, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def with_note(png: bytes, note: str) -> bytes:
    """The same picture with a line of text inside."""
    body = b"tEXtComment\0" + note.encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    # After the signature and the header, which are 8 and 25 bytes.
    return png[:33] + chunk + png[33:]


def note_of(png: bytes) -> str:
    found = re.search(rb"tEXtComment\0([0-9a-f]+)", png)
    return found[1].decode() if found else ""
