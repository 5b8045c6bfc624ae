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
    margins,
    numbers,
    origin,
    spectrum,
)
from nctool.render.values import words
from nctool.render.values.classes import value_of
from nctool.report import Report, Result, documents
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE = "nctool.render.page"
WORDING = {
    "said": amounts.said, "aligned": amounts.aligned, "arrows": words.ARROWS,
    "class_label": words.class_label, "furthest": words.furthest, "value": numbers.value,
    "perfect": numbers.perfect, "facts": numbers.facts, "details": numbers.details,
    "spread": numbers.strip, "quiet": changes.quiet, "direction": changes.direction,
    "notes": changes.notes, "array": origin.array, "pairs_of": origin.pairs,
    "environment": origin.environment, "gate_result": origin.gate_result,
    "breakable": classes.breakable, "value_of": value_of, "fixed": amounts.fixed,
}  # fmt: skip
"""What every template can call to word a value of the document."""


def assemble(document: Document, arrays: Arrays | None) -> str:
    """The page. Everything that came from a file is text in it, and only text."""
    style, script = _resource("style.css"), _resource("script.js")
    parts = {
        "document": document,
        "head": origin.head(document),
        "outcome": origin.OUTCOMES.get(document.outcome, document.outcome),
        "origins": origin.origins(document),
        "style": Markup(style),
        "script": Markup(script),
        "policy": policy(style, script),
        "embedded": Markup(_data(document)),
        **_figures(document, arrays),
    }
    return _templates().get_template("page.html.jinja").render(parts)


def _data(document: Document) -> str:
    """The document; and what the script needs of it, where it could not unpack that itself."""
    data = documents.embed(document)
    # No browser unpacks xz: what the script sorts by stands beside a packed trajectory.
    if isinstance(document, Trajectory) and classes.table(document.last) is not None:
        values = classes.values(document.last)
        data += "\n" + documents.element(values, "class-values", documents.GZIP)
    return data


def policy(style: str, script: str) -> str:
    """This style and this script, pictures inside the page, and nothing else from anywhere."""
    rules = (
        "default-src 'none'", f"style-src '{_hash(style)}'", f"script-src '{_hash(script)}'",
        "img-src data:", "base-uri 'none'", "form-action 'none'",
    )  # fmt: skip
    return "; ".join(rules)


def _figures(document: Document, arrays: Arrays | None) -> dict[str, Any]:
    """What is drawn and listed, by kind of document."""
    report = documents.report_of(document)
    shown: tuple[Result, ...] = () if report is None else report.metrics
    parts: dict[str, Any] = {
        "report": report, "curves": None, "changes": None, "families": (), "absences": (),
        "leads": numbers.leads(shown), "marks": numbers.marks(shown), "table": None,
    }  # fmt: skip
    if isinstance(document, Comparison):
        parts["changes"] = changes.changes(document)
    if isinstance(document, Trajectory):
        parts["curves"] = curves.curves(document)
    if report is not None:
        parts |= {
            "families": numbers.families(shown),
            "absences": words.by_reason(shown),
            "table": classes.table(report),
            "heatmaps": gram.heatmaps(report, arrays),
            "no_gram": _without_arrays(report, "cosines between classes", "Gram matrix"),
            "spectrum": spectrum.spectrum(report, arrays),
            "no_spectrum": _without_arrays(report, "singular values", "spectrum"),
            "histograms": margins.histograms(report),
            "no_margins": margins.why_none(report),
        }
    return parts


def _without_arrays(report: Report, what: str, picture: str) -> str:
    """Why there is no such picture, and what to do to see one."""
    text = f"a saved report holds no {what}: run with --arrays to see the {picture}, or let "
    text += "nctool analyze write this page itself (-o report.html)"
    if report.arrays and report.arrays.get("file"):
        text += f". The arrays of this report are in {report.arrays['file']}"
    return text


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
    made.globals |= WORDING
    return made


def _harmless(value: object) -> object:
    """Text from files without control characters and marks that turn the writing around."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return one_line(value)


@cache
def _resource(name: str) -> str:
    # A browser hashes what it parsed, with plain line ends: the policy has to name that hash.
    return files(PACKAGE).joinpath(name).read_text("utf-8").replace("\r\n", "\n")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
