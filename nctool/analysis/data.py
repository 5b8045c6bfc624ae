"""What a report says of its data: sizes, class counts, rank and traces."""

from __future__ import annotations

from nctool.arrays import Source
from nctool.engine.solve import State

DESCRIBED = ("class_counts", "present", "spectrum", "between_trace", "within_trace")


def describe(source: Source, facts: State) -> dict[str, object]:
    counts, spectrum = facts.value("class_counts"), facts.value("spectrum")
    dim = None
    if counts is not None:
        dim = facts.value("moments").mean.shape[1]
    elif facts.value("weight") is not None:
        dim = facts.value("weight").shape[1]
    sampled = counts is not None
    condition = None
    if spectrum is not None and spectrum.rank:
        condition = float(spectrum.singular[0] / spectrum.singular[spectrum.rank - 1])
    return {
        "n": int(counts.sum()) if sampled else None,
        "d": dim,
        "k": len(counts) if sampled else len(source.names),
        "ignored": source.ignored,
        "class_counts": {
            "min": int(counts.min()) if sampled else None,
            "max": int(counts.max()) if sampled else None,
            "empty": len(source.names) - len(counts) if sampled else None,
            "single": int((counts == 1).sum()) if sampled else None,
        },
        "rank_of_means": None if spectrum is None else spectrum.rank,
        "rank_cutoff": None if spectrum is None else spectrum.cutoff,
        "rank_possible": None if spectrum is None else spectrum.full,
        "condition_of_means": condition,
        "between_trace": facts.value("between_trace"),
        "within_trace": facts.value("within_trace"),
    } | _names(source.names)


def _names(names: tuple[str, ...]) -> dict[str, object]:
    """The names of all classes; nothing where each is but its number."""
    numbered = all(name == str(index) for index, name in enumerate(names))
    return {} if numbered else {"class_names": list(names)}
