"""What lies behind the one-vs-rest margins, in a few lines: how good, where, and how certain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nctool.core.text import count, number, one_line
from nctool.render.lines import Line, line, wrapped
from nctool.report import Report, Result

PREFIX = "gnc2.margin."
SHOWN_IN_SUPPORT = 4


def lines(report: Report, width: int) -> Iterator[Line]:
    """A paragraph for each set of points that has margins."""
    known = [one for one in report if one.id.startswith(PREFIX) and one.details]
    if known:
        yield line(("One class against the rest", "title"))
    for one in known:
        kind = one.id.removeprefix(PREFIX)
        first, *rest = [text for text in _sentences(one, one.details or {}) if text]
        head, *tail = wrapped(first, width - 2, " " * 11)
        yield line(f"  {kind:<9}{head[0][0].strip()}")
        yield from tail
        for text in rest:
            yield from wrapped(text, width - 2, " " * 11)


def _sentences(one: Result, details: Mapping[str, Any]) -> Iterator[str]:
    yield _how_good(one, details)
    yield _twins(details)
    for place in details.get("support", ())[:1]:
        yield _where(place, "least apart from these" if details["twin_groups"] else "least")
    yield _how_certain(one, details)


def _how_good(one: Result, details: Mapping[str, Any]) -> str:
    value = number(one.value)
    if one.best_known is None or details.get("share_of_best") is None:
        return f"{value}, of rows as they are stored" if details.get("rows") == "raw" else value
    share = details["share_of_best"]
    kind, _, why = one.best_known.source.partition(": ")
    word = "possible" if kind in ("exact", "proven") else "known"
    text = f"{value} is {share:.1%} of the best {word} margin, {number(one.best_known.value)} "
    text += f"({kind}: {why})" if why else f"({kind})"
    limit = details.get("best_of_any")
    if limit and word == "known":
        text += f"; none can exceed {number(limit['value'])}"
    return text


def _where(place: Mapping[str, Any], word: str) -> str:
    between = place["between"]
    if not between:
        return ""
    shown = [f"{_name(other)} ({other['share']:.0%})" for other in between[:SHOWN_IN_SUPPORT]]
    more = place["rows"] - len(shown)
    text = f"{word}: {_name(place)}, {number(place['value'])} from the hull of the others, whose "
    text += f"nearest point mixes {', '.join(shown)}"
    return text + (f" and {more:,} more" if more > 0 else "")


def _how_certain(one: Result, details: Mapping[str, Any]) -> str:
    if "rattlers" not in details:
        return "only the least is certified (--margin min)"
    total = details["binding"] + details["rattlers"]
    certified = details["certified"]
    gap = f"{details['gap']:.0e}".replace("e-0", "e-")
    if certified == total:
        text = f"all {count(total, 'margin')} certified within {gap}"
    else:
        text = (
            f"{certified:,} of {total:,} margins certified within {gap}, the others within "
            f"{details['widest_gap']:.1g}"
        )
    binding = "1 class binds" if details["binding"] == 1 else f"{details['binding']:,} classes bind"
    rattle = f"{details['rattlers']:,} could move without changing it"
    return f"{text}; {binding}, {rattle}"


def _twins(details: Mapping[str, Any]) -> str:
    parts = []
    if details["twin_groups"]:
        named = "; ".join(
            " = ".join(_name(one) for one in group[:4]) + (" …" if len(group) > 4 else "")
            for group in details["twins"][:3]
        )
        parts.append(
            f"{count(details['twin_groups'], 'group')} of identical classes, with no margin at "
            f"all: {named}"
        )
    if details.get("near_twins"):
        named = ", ".join(_name(one) for one in details["nearly_twins"][:3])
        parts.append(
            f"{count(details['near_twins'], 'class', 'classes')} nearly identical to "
            f"another (cosine above 0.999): {named}"
        )
    return "; ".join(parts)


def _name(one: Mapping[str, Any]) -> str:
    name = one_line(str(one["name"]))
    return f"class {name}" if name.isdigit() else name
