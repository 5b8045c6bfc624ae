"""Which of a forward's operations explains the logits; an error where several do equally well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nctool.capture import refusals
from nctool.capture.explain import TOLERANCES, WAYS, Pair, Tail, close
from nctool.capture.impulse import affine
from nctool.capture.products import place
from nctool.capture.record import Frame, Record


@dataclass(frozen=True, slots=True)
class Match:
    """A product, or a module that is one linear map, and how the logits follow from it."""

    tail: Tail
    strictness: int
    record: Record
    frame: Frame | None = None
    """The module that answers as one linear map, where that is not a product of its own."""


def match(records: Sequence[Record], frames: Sequence[Frame], logits: Tensor) -> Match | None:
    """The strictest way in which these logits are explained; an error where two are as good."""
    values = [
        (record, output.to(logits.device))
        for record in reversed(records)
        if record.product.output.numel() >= logits.numel()
        and (output := record.values()) is not None
    ]
    for strictness, way in enumerate(WAYS):
        hits = [
            Match(tail, strictness, record)
            for record, output in values
            if (tail := way(Pair(output, logits))) is not None and _verified(record, output)
        ]
        if hits:
            weights = {(hit.record.name, place(hit.record.product.weight)) for hit in hits}
            # The same memory is proof; equal numbers are none where all of them are zero.
            if strictness > 0 and len(weights) > 1:
                raise refusals.ambiguous([hit.record for hit in hits[::-1]])
            return hits[0] if strictness == 0 else _adapted(hits[0])
    return _of_modules(records, frames, logits)


def _verified(record: Record, output: Tensor) -> bool:
    """Does the product, as it was read, give what came out?"""
    if not record.computable:
        return True
    tolerance = TOLERANCES.get(output.dtype, TOLERANCES[torch.float32])
    if "dynamic" in record.product.kind:
        tolerance = QUANTISED
    few = max(1, SAMPLED * len(output) * output.shape[-1] // output.numel())
    computed = replace(record.product, rows=record.product.rows[:few]).computed()
    return close(computed.double(), output[:few].to(computed.device).double(), tolerance)


SAMPLED = 64
"""Rows of which the product is computed once more."""

QUANTISED = 5e-2
"""Rounding where features are quantised to 8 bits on the way in."""


def _adapted(match: Match) -> Match:
    """The module around it instead, if that adds something to it which is nothing so far.

    The second factor of a LoRA adapter starts at zero: until the first step, the frozen weight
    explains the logits as well.
    """
    product = match.record.product
    for frame in reversed(match.record.frames):
        if frame.mapped is None:
            continue
        input, output = frame.mapped
        through = place(input) == place(product.rows)
        apart = place(output) != place(product.output) or not match.record.intact
        values = match.record.values()
        equal = values is not None and _equal(output, values)
        if through and apart and equal and affine(frame.module, input, output) is not None:
            return Match(match.tail, match.strictness, match.record, frame)
    return match


def _of_modules(records: Sequence[Record], frames: Sequence[Frame], logits: Tensor) -> Match | None:
    """A module that is one linear map, whatever it computes; of nested ones the innermost."""
    possible = [(frame, frame.mapped) for frame in frames if frame.mapped is not None]
    for strictness, way in enumerate(WAYS):
        for frame, (input, output) in possible:
            tail = way(Pair(output, logits))
            last = next((each for each in reversed(records) if frame in each.frames), None)
            if tail is None or last is None or affine(frame.module, input, output) is None:
                continue
            return Match(tail, strictness, last, frame)
    return None


def chosen(matches: Mapping[str, Match], outputs: Mapping[str, Tensor]) -> tuple[str, Match]:
    """Of several outputs that are explained, the one that is no input of another's head."""
    heads = {
        path: match
        for path, match in matches.items()
        if not any(
            _equal(outputs[path], other.record.product.rows)
            for name, other in matches.items()
            if name != path
        )
    }
    heads = heads or dict(matches)
    by_place = {match.record.place: match.record for match in heads.values()}
    if len(by_place) > 1:
        raise refusals.ambiguous(list(by_place.values()))
    return min(heads.items(), key=lambda item: item[1].strictness)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.numel() == other.numel() and bool((one.reshape(-1) == other.reshape(-1)).all())
