"""What to say where the head's decisions and the labels do not go together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nctool.core.notice import Notice
from nctool.core.text import count

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.statistics.alignment import Misalignment
    from nctool.statistics.confusion import Decisions

SHOWN = 3
WRITTEN = 32
"""An order of so many rows is written out in the hint; in the data, of ``STORED``."""
STORED = 10_000


def alignment(
    class_counts: Tensor,
    class_names: tuple[str, ...],
    present: tuple[int, ...],
    misalignment: Misalignment | None = None,
    head_decisions: Decisions | None = None,
    mean_right: Tensor | None = None,
) -> Iterator[Notice]:
    """Rows, labels or head rows out of order; or a head that is no better than guessing."""
    if head_decisions is None:
        return
    total = float(class_counts.sum())
    nearest = None if mean_right is None else float(mean_right.sum()) / total
    if misalignment is None:
        yield from _near_chance(
            float(head_decisions.right.sum()) / total, nearest, len(class_counts)
        )
    elif misalignment.slug == "labels-shifted":
        yield _shifted(misalignment, class_names, present)
    elif misalignment.slug == "head-rows-permuted":
        yield _permuted(misalignment, class_names, present)
    else:
        yield _misaligned(misalignment)


def _near_chance(accuracy: float, nearest: float | None, classes: int) -> Iterator[Notice]:
    chance = 1 / classes
    if accuracy > 1.5 * chance or (classes == 2 and accuracy > 0.55):
        return
    aside = "" if nearest is None else f", while the nearest class mean gets {nearest:.1%}"
    yield Notice(
        "head-near-chance",
        f"the head is right on {accuracy:.1%} of these samples, chance is {chance:.1%}{aside}",
        "an untrained network, or features from another layer or network: "
        "no order of labels, head rows or samples was found that surely mends it",
        {"accuracy": accuracy, "chance": chance},
    )


def _shifted(found: Misalignment, names: Sequence[str], present: Sequence[int]) -> Notice:
    assert found.order is not None and found.shift is not None and found.after is not None
    rows, order = found.rows, found.order.tolist()
    # The way round that is nearer to none.
    shift = found.shift if 2 * found.shift <= rows else found.shift - rows
    later = f"{abs(shift):,} {'later' if shift > 0 else 'earlier'}"
    which = {1: "the next one", -1: "the one before"}.get(shift, f"the one {later}")
    if rows == 2:
        which = "the other one"
    sign = "+" if shift > 0 else "-"
    return Notice(
        "labels-shifted",
        f"rows and labels do not match: every class is decided as {which} "
        f"({_arrows(order, names, present)}; relabelled so, the head is right on "
        f"{_percent(found.after)})",
        f"use labels = (labels {sign} {abs(shift)}) % {rows}"
        + (": they seem to be counted from one" if shift == -1 and rows > 2 else ""),
        {"shift": shift, "rows": rows, **_accuracies(found)},
    )


def _permuted(found: Misalignment, names: Sequence[str], present: Sequence[int]) -> Notice:
    assert found.order is not None and found.after is not None
    order = found.order.tolist()
    gone = sum(row != index for row, index in zip(order, present, strict=True))
    whole = _whole(order, present, len(names))
    short = len(whole) <= WRITTEN
    return Notice(
        "head-rows-permuted",
        f"rows and labels do not match: {gone:,} of {len(present):,} classes are decided as "
        f"another ({_arrows(order, names, present)}; with the head's rows in this order it is "
        f"right on {_percent(found.after)}, not {_percent(found.before)})",
        "use weight = weight[order] and bias = bias[order], order "
        + (f"= {whole}" if short else "as in the JSON, data.order of this warning")
        + _text_order(whole),
        {
            "moved": gone,
            "order": whole if len(whole) <= STORED else None,
            **_accuracies(found),
        },
    )


def _misaligned(found: Misalignment) -> Notice:
    before = _percent(found.before)
    if found.shift is None or found.after is None:
        return Notice(
            "rows-misaligned",
            "rows and labels do not match: what the head decides explains the features, but the "
            f"labels are right by chance only ({before}) and explain nothing",
            "save features and labels in one loop over the samples, so that both come in the same "
            "order: a loader that shuffles gives another order each time",
            {"shift": None, **_accuracies(found)},
        )
    late = f"{count(abs(found.shift), 'row')} {'later' if found.shift > 0 else 'earlier'}"
    return Notice(
        "rows-misaligned",
        f"rows and labels do not match: features come {late} than their labels "
        f"(moved along, the head is right on {_percent(found.after)}, not {before})",
        f"use labels = numpy.roll(labels, {found.shift}), "
        "and look for rows that one of the two lacks at its start",
        {"shift": found.shift, **_accuracies(found)},
    )


def _accuracies(found: Misalignment) -> dict[str, object]:
    return {"accuracy": found.before, "mended": found.after}


def _percent(share: float) -> str:
    """Rounded down: 100 % is all."""
    return f"{math.floor(1000 * share) / 10:.3g} %"


def _arrows(order: Sequence[int], names: Sequence[str], present: Sequence[int]) -> str:
    """The first classes that are decided as others, by name: ``cat→dog, dog→cat …``."""
    pairs = [(index, row) for index, row in zip(present, order, strict=True) if index != row]
    shown = ", ".join(
        f"{names[index]}→{names[row] if row < len(names) else f'row {row}'}"
        for index, row in pairs[:SHOWN]
    )
    return shown + (" …" if len(pairs) > SHOWN else "")


def _whole(order: Sequence[int], present: Sequence[int], classes: int) -> list[int]:
    """The row for every class; those without a sample take what is left, in order."""
    given = dict(zip(present, order, strict=True))
    taken = set(order)
    free = (row for row in range(classes) if row not in taken)
    return [given[index] if index in given else next(free) for index in range(classes)]


def _text_order(order: Sequence[int]) -> str:
    """Numbers that were sorted as text are the commonest such order."""
    as_text = sorted(range(len(order)), key=str)
    if order == as_text or [as_text[row] for row in order] == sorted(as_text):
        return ": class numbers were sorted as text (0, 1, 10, 11 …, 2)"
    return ""
