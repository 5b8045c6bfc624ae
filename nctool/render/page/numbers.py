"""What is shown of every metric: its line in the list, and everything that is known behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from markupsafe import Markup

from nctool.render.page.amounts import aligned, plain, said
from nctool.render.page.scales import Scale
from nctool.render.values.words import MARKS, at_collapse, by_heading, capital, marks_of
from nctool.report import Distribution, Result

T = TypeVar("T")
Headed: TypeAlias = tuple[str, str, list[T]]
"""A family's short name, the question it answers, and something for each of its metrics."""

PARTS = (("min", "min"), ("p05", "5 %"), ("p50", "median"), ("p95", "95 %"), ("max", "max"))
LEADS = (
    ("nc1.pinv",), ("nc2.etf_deviation.means", "nc2.etf_deviation.weights"), ("nc3.distance",),
    ("nc4.mismatch",), ("nc5.ood_orthogonality",), ("gnc2.margin.means", "gnc2.margin.weights"),
    ("hug.uniformity.means", "hug.uniformity.weights"),
)  # fmt: skip
"""What speaks for its family in the summary: the first of each that has a value."""
STRIP = 200
LONGEST = 600
"""Characters of a detail that are shown; the embedded data has all of it."""


def families(results: Iterable[Result]) -> list[Headed[Result]]:
    return headed((result.id, result) for result in results if result.status == "ok")


def leads(results: Iterable[Result]) -> list[Headed[Result]]:
    """One metric of each family that has any."""
    known = {result.id: result for result in results if result.status == "ok"}
    chosen = (next((known[name] for name in names if name in known), None) for names in LEADS)
    return families([result for result in chosen if result is not None])


def marks(results: Iterable[Result]) -> list[tuple[str, str]]:
    """The signs beside values, and what they mean."""
    return [*dict.fromkeys(MARKS[flag] for each in results for flag in each.flags if flag in MARKS)]


def headed(items: Iterable[tuple[str, T]]) -> list[Headed[T]]:
    """Things by the family of their metric's id: its short name, its question, the things."""
    made = []
    for text, group in by_heading(items).items():
        name, _, question = text.partition("  ")
        made.append((name, capital(question), group))
    return made


def value(result: Result) -> Markup:
    return aligned(result.value, mark=marks_of(result))


def perfect(result: Result) -> Markup:
    return Markup("≥ " if result.floor else "") + aligned(at_collapse(result))


def strip_scale(spread: Distribution | None) -> Scale | None:
    """The line that a distribution is drawn along; None where there is nothing to see."""
    if spread is None or spread.max <= spread.min:
        return None
    return Scale(spread.min, spread.max, 3, STRIP - 3)


def facts(result: Result) -> Iterator[tuple[str, str]]:
    """What a reader may ask of a number; what is not known is said too."""
    best = result.best_known
    if result.ideal is not None:
        yield "ideal", said(result.ideal)
    if result.floor is not None:
        yield "floor", f"{said(result.floor)}, for this K and d"
    if best is not None:
        yield "best known", f"{said(best.value, 6)} ({best.source})"
    if result.null_value is not None:
        yield "random value", chance(result)
    if result.noise_floor is not None:
        yield "noise floor", said(result.noise_floor, 3)
    if result.bounds is not None:
        yield "certified", f"{said(result.bounds[0], 7)} to {said(result.bounds[1], 7)}"
    if result.ci is not None:
        yield "interval", f"{said(result.ci[0])} to {said(result.ci[1])}"
    for flag in result.flags:
        yield "note", MARKS[flag][1] if flag in MARKS else flag
    for word, parts in (
        ("has no", {"ideal": result.ideal, "floor": result.floor}),
        ("not known", {
            "best known": best, "random value": result.null_value, "noise floor": result.noise_floor
        }),
    ):  # fmt: skip
        if missing := [name for name, part in parts.items() if part is None]:
            yield word, ", ".join(missing)
    yield "needs", ", ".join(result.needs) or "nothing"


def chance(result: Result) -> str:
    """What structureless features give, by how much that varies, and how it is known."""
    spread = "" if result.null_sd is None else f" ± {said(result.null_sd, 2)}"
    source = "" if result.null_source is None else f" ({result.null_source})"
    return f"{said(result.null_value)}{spread}{source}"


def details(measured: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """What else was measured, as far as a line can hold it."""
    for key, item in (measured or {}).items():
        text = _worded(item)
        if text:
            yield key.replace("_", " "), text


def _worded(value: Any) -> str:
    match value:
        case None | [] | () | {}:
            return ""
        case bool() | float() | int() | str():
            return plain(value)
        case {"class": _, "name": str(name), "value": float(size)}:
            return f"{name} ({said(size, 3)})"
        case {"class": _, "name": str(name)}:
            return name
        case {"value": float(size), "source": str(source)}:
            return f"{said(size)} ({source})"
        case list() | tuple():
            parts = [_worded(item) for item in value]
            text = ", ".join(parts) if all(parts) else ""
            return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
        case _:
            return ""
