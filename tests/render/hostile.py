"""Documents whose names come from somebody who means harm."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from nctool.report import documents
from tests.support.saved import document

TEXTS = {
    "formula": "=cmd()",
    "plus": "+1+cmd()",
    "at": "@SUM(A1)",
    "wide": "＝cmd()",
    "tab": "\t=cmd()",
    "command": "::error::x",
    "escaped command": "%0A::warning::x",
    "old command": "##[error]x",
    "script": "<script>alert(1)</script>",
    "entity": "&lt;b&gt; &amp;",
    "quotes": "\"'` x ",
    "cdata": "]]><!--",
    "comment": "--> <?php ",
    "table": "a|b \\| c",
    "code": "`rm` ```x``` ",
    "links": "[a](javascript:x) ![b](//x.org/c.png) https://x.org www.x.org ",
    "mention": "@team #12 GH-12 owner/name#3 ",
    "markup": "**b** _i_ ~~s~~ [bold red] [/] :smile: $x$ ",
    "lines": "a\nb\r\nc\u2028d\x0be",
    "series": 'x"} 1\n# EOF\nnctool_fake{a="',
    "escape": "\x1b[31m\x9b2J\x07\x00",
    "bidi": "\u202e\u2066\u200f",
    "surrogate": "\ud800\udfff",
    "no characters": "\ufffe\uffff\x7f",
    "letters": "漢字 é ∑ 🙂",
    "math": "$\\frac{x$",
    "long": "x" * 10_000,
}
NAMES = {
    "name", "label", "title", "reason", "path", "key", "message", "hint", "slug", "expr", "run",
    "source", "split", "layer", "definition", "file",
}  # fmt: skip
"""What comes from a file or a person, by the keys of the JSON."""


FEW = {
    "nc1.pinv", "nc2.etf_deviation.means", "nc2.etf_deviation.weights", "nc3.distance",
    "nc4.mismatch", "nc4.accuracy", "nc5.ood_orthogonality", "gnc2.margin.weights",
}  # fmt: skip


@cache
def named(name: str, text: str, ids: bool = False) -> documents.Document:
    """A frozen document of few metrics; every name, and every id too, begins with this text."""
    changed: dict[str, Any] = _changed(_few(name), text, NAMES | ({"id"} if ids else set()))
    return documents.from_dict(changed)


@cache
def _few(name: str) -> dict[str, Any]:
    plain = dict(document(name).to_dict())
    warning = {"slug": "odd", "message": "odd", "hint": "look", "data": {}}
    gate = {
        "id": "nc1.pinv", "expr": "nc1.pinv < 1", "observed": None, "baseline": 0.5, "run": "a",
        "result": "inconclusive", "severity": "error", "source": "here", "reason": "why",
    }  # fmt: skip
    plain["gates"] = [*plain["gates"], gate, gate | {"result": "fail", "observed": 0.25}]
    plain["outcome"] = "fail"
    if "points" in plain:
        plain["points"] = [plain["points"][0], plain["points"][-1]]
    for one in (plain, *(one["report"] for one in plain.get("runs", plain.get("points", ())))):
        one["warnings"] = [warning]
        one["metrics"] = [each for each in one["metrics"] if each["id"] in FEW]
        del one["digest"]  # changed on purpose, and not to be told of it
    return plain


def _changed(value: Any, text: str, keys: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: text + one if key in keys and isinstance(one, str) else _changed(one, text, keys)
            for key, one in value.items()
        }
    return [_changed(one, text, keys) for one in value] if isinstance(value, list) else value
