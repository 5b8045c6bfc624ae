"""One file from all parts: templates filled, style and script put in, and nothing else allowed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from nctool.core.text import one_line
from nctool.render import Arrays
from nctool.render.page import (
    amounts,
    changes,
    classes,
    curves,
    dials,
    gram,
    headline,
    margins,
    numbers,
    origin,
    spectrum,
)
from nctool.render.values import sentences, words
from nctool.render.values.classes import names_of
from nctool.report import documents
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE = "nctool.render.page"
MODULES = (
    amounts, changes, classes, curves, dials, gram, headline, margins, numbers, origin, sentences,
    spectrum, words,
)  # fmt: skip
"""What every template can call, by the module's own name, to place or word a value."""


def assemble(document: Document, arrays: Arrays | None) -> str:
    """The page. Everything that came from a file is text in it, and only text."""
    style, script = _resource("style.css"), _resource("script.js")
    page = _templates().get_template("page.html.jinja")
    return page.render(
        document=document,
        report=documents.report_of(document),
        arrays=arrays,
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        embedded=Markup(_data(document, arrays)),
    )


def _data(document: Document, arrays: Arrays | None) -> str:
    """The document; and what the script needs of it, where it could not unpack that itself."""
    data = documents.embed(document)
    if hovered := _hovered(document, arrays):
        text = json.dumps(hovered, separators=(",", ":"), allow_nan=False)
        data += "\n" + documents.element(text, "page-data", documents.GZIP)
    # No browser unpacks xz: what the script sorts by stands beside a packed trajectory.
    if isinstance(document, Trajectory) and classes.table(document.last) is not None:
        values = classes.values(document.last)
        data += "\n" + documents.element(values, "class-values", documents.GZIP)
    return data


def _hovered(document: Document, arrays: Arrays | None) -> dict[str, object]:
    """What the script says of a point or a cell, and the names of the classes."""
    found: dict[str, object] = {}
    if isinstance(document, Trajectory):
        found["cursor"] = curves.cursor(document)
    if (report := documents.report_of(document)) is not None:
        if maps := gram.heatmaps(report, arrays):
            found["maps"] = {each.gram.kind: gram.hover(each) for each in maps}
        if maps or classes.table(report):
            found["names"] = {
                index: one_line(name)
                for index, name in names_of(report).items() if name != str(index)
            }  # fmt: skip
    return found


def policy(style: str, script: str) -> str:
    """This style and this script, pictures inside the page, and nothing else from anywhere."""
    rules = (
        "default-src 'none'", f"style-src '{_hash(style)}'", f"script-src '{_hash(script)}'",
        "img-src data:", "base-uri 'none'", "form-action 'none'",
    )  # fmt: skip
    return "; ".join(rules)


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("nctool.render", "page"),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,  # a misspelled name is an error, not an empty cell
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {module.__name__.rpartition(".")[2]: module for module in MODULES}
    return made


def _harmless(value: object) -> object:
    """Text from files without control characters and marks that turn the writing around."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return one_line(value)


@cache
def _resource(name: str) -> str:
    # A browser hashes what it parsed, with plain line ends: the policy has to name that hash.
    text = files(PACKAGE).joinpath(name).read_text("utf-8").replace("\r\n", "\n")
    return re.sub(r"^ +", "", text, flags=re.MULTILINE)  # 3 KB of a page would be indentation


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
