"""Sentences about margins and about trajectories, for the terminal, the page and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nctool.core.text import count, number, one_line
from nctool.render.values.words import class_label
from nctool.report import Result
from nctool.report.trajectory import Trajectory

SHOWN_IN_SUPPORT = 4


def ends_of(trajectory: Trajectory) -> tuple[str, ...]:
    """The labels of the first and the last position; of a single point its own."""
    positions = dict.fromkeys((trajectory.positions[0], trajectory.positions[-1]))
    return tuple(map(trajectory.label_of, positions))


def of_trajectory(trajectory: Trajectory) -> Iterator[str]:
    """What only the whole trajectory shows."""
    facts = trajectory.facts
    if "zero_error" in facts:
        epoch = trajectory.label_of(facts["zero_error"])
        yield f"the head makes no training error from {epoch} on"
    if "separation" in facts:
        law = facts["separation"]
        fit = "" if law["r_squared"] is None else f" (R² = {law['r_squared']:.3f})"
        yield f"{law['metric']} falls by a factor of {number(law['rate'])} per layer{fit}"
    if "as_good_as_the_head" in facts:
        layer = one_line(str(facts["as_good_as_the_head"]["layer"]))
        yield f"from {layer} on the nearest class mean is as good as the head"


def of_margins(result: Result) -> list[str]:
    """How good the least margin is, where it is, and how certain; none without details."""
    details = result.details
    if not details:
        return []
    least = "least apart from these" if details["twin_groups"] else "least"
    support = [_support(place, least) for place in details.get("support", ())[:1]]
    sentences = [_quality(result, details), _duplicates(details), *support, _certainty(details)]
    return [text for text in sentences if text]


def _quality(result: Result, details: Mapping[str, Any]) -> str:
    value = number(result.value)
    if result.best_known is None or details.get("share_of_best") is None:
        return f"{value}, of rows as they are stored" if details.get("rows") == "raw" else value
    share = details["share_of_best"]
    kind, _, why = result.best_known.source.partition(": ")
    word = "possible" if kind in ("exact", "proven") else "known"
    text = f"{value} is {share:.1%} of the best {word} margin, {number(result.best_known.value)} "
    text += f"({kind}: {why})" if why else f"({kind})"
    # Never a share of the best alone: random points have most of it where dimensions are many.
    if result.null_value is not None:
        text += f"; random points reach {number(result.null_value, 3)}"
    limit = details.get("best_of_any")
    if limit and word == "known":
        text += f"; none can exceed {number(limit['value'])}"
    return text


def _support(place: Mapping[str, Any], word: str) -> str:
    """Which classes the nearest point of the hull is a mixture of."""
    between = place["between"]
    if not between:
        return ""
    shown = [f"{_name(other)} ({other['share']:.0%})" for other in between[:SHOWN_IN_SUPPORT]]
    more = place["rows"] - len(shown)
    text = f"{word}: {_name(place)}, {number(place['value'])} from the hull of the others, whose "
    text += f"nearest point mixes {', '.join(shown)}"
    return text + (f" and {more:,} more" if more > 0 else "")


def _certainty(details: Mapping[str, Any]) -> str:
    if "rattlers" not in details:
        return "only the least is certified (--margin min)"
    total = details["binding"] + details["rattlers"]
    certified = details["certified"]
    gap = f"{details['gap']:.0e}".replace("e-0", "e-")
    if certified == total:
        text = f"all {count(total, 'margin')} certified within {gap}"
    else:
        text = f"{certified:,} of {total:,} margins certified within {gap}, "
        text += f"the others within {details['widest_gap']:.1g}"
    binding = "1 class binds" if details["binding"] == 1 else f"{details['binding']:,} classes bind"
    return f"{text}; {binding}, {details['rattlers']:,} could move without changing it"


def _duplicates(details: Mapping[str, Any]) -> str:
    """Classes that lie on each other, and those that nearly do."""
    parts = []
    if details["twin_groups"]:
        named = "; ".join(
            " = ".join(map(_name, group[:4])) + (" …" if len(group) > 4 else "")
            for group in details["twins"][:3]
        )
        groups = count(details["twin_groups"], "group")
        parts.append(f"{groups} of identical classes, with no margin at all: {named}")
    if details.get("near_twins"):
        near = count(details["near_twins"], "class", "classes")
        named = ", ".join(map(_name, details["nearly_twins"][:3]))
        parts.append(f"{near} nearly identical to another (cosine above 0.999): {named}")
    return "; ".join(parts)


def _name(place: Mapping[str, Any]) -> str:
    return class_label(one_line(str(place["name"])))
