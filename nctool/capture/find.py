"""The head of a model: the operation that explains its logits, found by one forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from nctool.capture import refusals
from nctool.capture.compiled import bare, clean, module_at, names_of
from nctool.capture.explain import WAYS, Tail
from nctool.capture.impulse import affine
from nctool.capture.match import Match, chosen, match
from nctool.capture.outputs import possible_logits
from nctool.capture.products import OF_COLUMNS, place
from nctool.capture.reading import readable
from nctool.capture.record import Frame, Record, Recording
from nctool.capture.site import NAMED, Site, Via
from nctool.capture.untouched import forward_modes, untouched
from nctool.capture.watch import not_watched

SEARCHING: ContextVar[bool] = ContextVar("searching", default=False)
"""Whether the forward that runs is one that looks for a head: it is no call of the user's."""


@contextmanager
def _searching() -> Iterator[None]:
    token = SEARCHING.set(True)
    try:
        yield
    finally:
        SEARCHING.reset(token)


def find_head(
    model: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    head: str | nn.Module | None = None,
    classes: int | None = None,
) -> Site:
    """By one forward of at least three rows; the state of the model stays as it is.

    ``head`` names the module that it has to be in. Nothing is guessed: an ``InputError`` says what
    explains the logits equally well, or the last operations where nothing does.
    """
    model = bare(model)
    refusals.check_scripted(model)
    names = names_of(model)
    within = None if head is None else _name_of(head, model, names)
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    autocast = _autocast(device.type)
    with untouched(model), forward_modes(device, fp32=True):
        with _searching(), not_watched():
            recording, output = _recorded(model, args, kwargs or {}, autocast)
        outputs = possible_logits(output, classes)
        records = [each for each in recording.records if within is None or _inside(each, within)]
        if not outputs:
            raise refusals.no_logits(model)
        matches = {
            path: found
            for path, logits in outputs.items()
            if (found := match(records, recording.frames, logits)) is not None
        }
        if matches:
            return _site(*chosen(matches, outputs), recording)
        if within is None:
            raise refusals.not_found(model, records, outputs.values())
        return _site("", _as_named(model, within, records, recording.frames), recording)


def _name_of(head: str | nn.Module, model: nn.Module, names: Mapping[int, str]) -> str:
    if isinstance(head, nn.Module):
        if id(bare(head)) not in names and id(head) not in names:
            raise refusals.wrong_name(type(head).__name__, names.values())
        return names.get(id(head), names.get(id(bare(head)), ""))
    name = clean(head.removeprefix("module."))
    if module_at(model, name) is None:
        raise refusals.wrong_name(head, names.values())
    return name


def _inside(record: Record, name: str) -> bool:
    return any(frame.name == name for frame in record.frames)


def _autocast(kind: str) -> torch.autocast | None:
    """What the caller has on, to be entered again."""
    on = torch.is_autocast_enabled(kind)
    return torch.autocast(kind, dtype=torch.get_autocast_dtype(kind)) if on else None


def _recorded(
    model: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    autocast: torch.autocast | None,
) -> tuple[Recording, object]:
    """One forward, in the precision of the model itself if it runs so."""
    # Halves of autocast hide how the logits follow; but some models run only with it.
    try:
        recording = Recording(names_of(model))
        with recording.running():
            return recording, model(*args, **kwargs)
    except RuntimeError:
        if autocast is None:
            raise
    recording = Recording(names_of(model))
    with autocast, recording.running():
        return recording, model(*args, **kwargs)


def _as_named(
    model: nn.Module, name: str, records: Sequence[Record], frames: Sequence[Frame]
) -> Match:
    """The module that the user named, whose product does not explain the logits."""
    kind = refusals.kind_of(module_at(model, name) or model)
    for frame in reversed(frames):
        if frame.name == name and frame.mapped and affine(frame.module, *frame.mapped):
            last = next(each for each in reversed(records) if frame in each.frames)
            return Match(_tail_as_named(frame.mapped[1]), len(WAYS), last, frame)
    # Of a product of two matrices the one that is a parameter, where either may be the weight.
    known = {place(each)[0] for each in model.parameters()}
    held = [each for each in records if place(each.product.weight)[0] in known]
    held = held or [each for each in records if not each.product.kind.endswith(OF_COLUMNS)]
    if len({place(each.product.weight) for each in held}) != 1:
        raise refusals.not_linear(name, kind, records)
    return Match(_tail_as_named(held[-1].product.output), len(WAYS), held[-1])


def _tail_as_named(output: Tensor) -> Tail:
    return Tail(NAMED, output.shape[-1], "positions" if output.ndim > 2 else "samples")


def _site(path: str, match: Match, recording: Recording) -> Site:
    """What was matched, in the words by which it is found again in other forwards."""
    record, product, tail = match.record, match.record.product, match.tail
    name, within, kind = record.name, record.within, refusals.kind_in(record)
    columns, dim = product.weight.shape
    transposed = None
    calls = [
        place
        for place, (inside, shapes) in enumerate(recording.log)
        if (not within or within in inside) and product.shape in shapes
    ]
    call = calls.index(record.place)
    via: Via = "mode"
    if match.frame is not None and match.frame.mapped is not None:
        via, name, kind = "impulse", match.frame.name, refusals.kind_of(match.frame.module)
        columns, dim = match.frame.mapped[1].shape[-1], match.frame.mapped[0].shape[-1]
        same = [each for each in recording.frames if each.module is match.frame.module]
        call, calls = same.index(match.frame), list(range(len(same)))
    elif record.frames and record.adder is None and id(record.frames[-1].module) in recording.names:
        transposed = readable(record.frames[-1], product)
        via = "mode" if transposed is None else "hook"
    return Site(
        name=name, kind=kind, how=tail.how, via=via, call=call, calls=len(calls),
        classes=tail.classes, dim=dim, rows=tail.rows, columns=columns, operation=product.kind,
        pooled=tail.pooled, transposed=bool(transposed), adds=record.adder is not None,
        within=within, output=path,
    )  # fmt: skip
