"""Errors and notices explained: a list of their slugs, and a page for each."""

from __future__ import annotations

from collections.abc import Iterable

from nctool.explanations import Explanation, Group, Kind
from nctool.render.lines import BLANK, Line, hanging, line, wrapped

KINDS: dict[Kind, str] = {
    "notice": "a notice: the numbers are computed",
    "usage": "an error, exit code 2: the command or its settings are wrong",
    "input": "an error, exit code 3: the input cannot be used",
    "resource": "an error, exit code 5: memory, device or disk does not suffice",
    "internal": "an error, exit code 70: a mistake of nctool's own",
}
INDENT = " " * 10


def listing(groups: Iterable[Group], width: int) -> list[Line]:
    """Every slug under the title of its group."""
    out: list[Line] = []
    for group in groups:
        out += [line((group.title, "title")), *wrapped(", ".join(group.slugs), width, "  "), BLANK]
    out.append(line(("One in full: nctool explain SLUG", "faint")))
    return out


def page(explanation: Explanation, slug: str, width: int) -> list[Line]:
    """What it is, what it means and does to the numbers, what to do, and what to type."""
    others = ", ".join(name for name in explanation.slugs if name != slug)
    kinds = "; or ".join(KINDS[kind] for kind in explanation.kinds)
    parts = (
        ("Is", kinds),
        ("Means", explanation.means),
        ("Matters", explanation.matters),
        ("Do", explanation.do),
        ("See also", others and f"of the same cause: {others}"),
    )
    out = [line((slug, "title"))]
    for name, text in parts:
        if text:
            out += hanging([(f"{name:<{len(INDENT)}}", "title")], text, width - 2, INDENT)
    # A command is copied as it stands: it is never folded.
    return [*out, line((f"{'Example':<{len(INDENT)}}", "title"), (explanation.example, "good"))]
