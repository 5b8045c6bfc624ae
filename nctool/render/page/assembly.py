"""One file from all parts: templates filled, style and script put in, and nothing else allowed."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nctool.core.text import one_line
from nctool.render import Arrays
from nctool.render.page import (
    amounts,
    changes,
    classes,
    curves,
    gram,
    histogram,
    origin,
    results,
    spectrum,
)
from nctool.report import Report, Result, documents
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE = "nctool.render.page"


def assemble(document: Document, arrays: Arrays | None) -> str:
    """The page. Everything that came from a file is text in it, and only text."""
    style, script = _resource("style.css"), _resource("script.js")
    parts = {
        "document": document,
        "head": origin.head(document),
        "outcome": origin.OUTCOMES.get(document.outcome, document.outcome),
        "gates": origin.gates(document),
        "origins": origin.origins(document),
        "said": amounts.said,
        "style": Markup(style),
        "script": Markup(script),
        "policy": policy(style, script),
        "embedded": Markup(_data(document)),
        **_figures(document, arrays),
    }
    return _templates().get_template("page.html.jinja").render(parts)


def _data(document: Document) -> str:
    """The document; and what the script needs of it, where it could not unpack that itself."""
    found = documents.embed(document)
    if isinstance(document, Trajectory) and classes.table(document.last) is not None:
        values = classes.values(document.last)
        found += "\n" + documents.element(values, "class-values", documents.GZIP)
    return found


def policy(style: str, script: str) -> str:
    """This style and this script, pictures inside the page, and nothing else from anywhere."""
    rules = (
        "default-src 'none'", f"style-src '{_hash(style)}'", f"script-src '{_hash(script)}'",
        "img-src data:", "base-uri 'none'", "form-action 'none'",
    )  # fmt: skip
    return "; ".join(rules)


def _figures(document: Document, arrays: Arrays | None) -> dict[str, Any]:
    """What is drawn and listed, by kind of document."""
    report = _shown(document)
    shown: tuple[Result, ...] = () if report is None else report.metrics
    parts: dict[str, Any] = {
        "report": report, "course": None, "changes": None, "families": (), "absences": (),
        "leads": results.leads(shown), "marks": results.marks(shown), "table": None,
    }  # fmt: skip
    if isinstance(document, Comparison):
        described = [row.metric for row in document.rows]
        parts["changes"] = changes.changes(document)
        parts["described"] = tuple(results.entry(one) for one in described)
    if isinstance(document, Trajectory):
        parts["course"] = curves.course(document)
    if report is not None:
        parts |= {
            "families": results.families(shown),
            "absences": results.absences(shown),
            "table": classes.table(report),
            "heatmaps": gram.heatmaps(report, arrays),
            "no_gram": gram.why_none(report),
            "spectrum": spectrum.spectrum(report, arrays),
            "no_spectrum": spectrum.why_none(report),
            "histograms": histogram.histograms(report),
            "no_margins": histogram.why_none(report),
        }
    return parts


def _shown(document: Document) -> Report | None:
    """The one report whose numbers are shown in full, if it is one."""
    if isinstance(document, Comparison):
        return None
    return document.last if isinstance(document, Trajectory) else document


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("nctool.render", "page"),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _harmless(value: object) -> object:
    """Names from files keep no control characters and no marks that turn the text around."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return one_line(value)


@cache
def _resource(name: str) -> str:
    return files(PACKAGE).joinpath(name).read_text("utf-8").replace("\r\n", "\n")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
