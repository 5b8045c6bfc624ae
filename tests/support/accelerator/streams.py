"""What may be relied on between streams: memory is known by its address.

Operations of one stream run in order. Between two, and between a stream and the host, only a wait
makes an order. Whoever reads what another stream wrote, or writes what another still reads,
without one in between, fails here; on CUDA he would sometimes get other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

Moment = tuple["Stream", int]
"""Everything that a stream was asked for up to then."""


class Span(NamedTuple):
    """A stretch of memory, in bytes from where its storage begins."""

    address: int
    low: int
    high: int

    @classmethod
    def of(cls, tensor: Tensor) -> Span:
        low = int(tensor.storage_offset())
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        high: int = low + sum((size - 1) * stride for size, stride in steps) + 1
        size = tensor.element_size() if tensor.numel() else 0
        return cls(tensor.untyped_storage().data_ptr(), low * size, high * size)


class Use(NamedTuple):
    """What a stream does with a stretch of memory, and when."""

    span: Span
    moment: Moment
    writes: bool

    def meets(self, span: Span) -> bool:
        return self.span.low < span.high and span.low < self.span.high

    def within(self, span: Span) -> bool:
        return span.low <= self.span.low and self.span.high <= span.high


class Order:
    """All streams of a device. ``waited`` is called whenever the host waits."""

    def __init__(self, waited: Callable[[], None]) -> None:
        self.waited = waited
        self.reached: dict[Stream, int] = {}
        """How far the host knows each stream to be."""
        self.current = self.default = Stream(self)
        self.uses: dict[int, list[Use]] = {}
        """By address, those that nobody may know to be over."""
        self.races: list[str] = []
        """Seen where nothing can be raised."""
        self.flying: list[tuple[Moment, Tensor, Tensor]] = []
        """Copies to the device: the host's side, and what it held when the copy began."""
        self.arriving: dict[int, Moment] = {}
        """Copies to the host, by address there."""

    def run(self, what: str, reads: list[Span], writes: list[Span]) -> None:
        """The current stream does something with this memory."""
        stream = self.current
        for span in reads:
            earlier = [use for use in self._meeting(span) if use.writes]
            self._require(all(self._before(use.moment) for use in earlier), f"{what} reads what")
        for span in writes:
            earlier = [*self._meeting(span)]
            fine = all(self._before(use.moment) for use in earlier)
            self._require(fine, f"{what} writes what is used by")
        stream.now += 1
        for writing, spans in ((False, reads), (True, writes)):
            for span in spans:
                self._note(Use(span, (stream, stream.now), writing))

    def _meeting(self, span: Span) -> list[Use]:
        return [use for use in self.uses.get(span.address, ()) if use.meets(span)]

    def _note(self, new: Use) -> None:
        """An older use of the same stream says no more where this one has come since."""
        span, stream = new.span, new.moment[0]
        others = [
            use
            for use in self.uses.get(span.address, ())
            if not self._reached(use.moment)
            and not (use.moment[0] is stream and use.writes <= new.writes and use.within(span))
        ]
        self.uses[span.address] = [*others, new]

    def freed(self, address: int) -> None:
        """Whoever gets the memory next takes it from the first stream's hands."""
        with self.on(self.default):
            if not all(self._before(use.moment) for use in self.uses.pop(address, ())):
                self.races.append("memory is freed that is still used by another stream")

    def fly(self, host: Tensor, *, outward: bool) -> None:
        """What the current stream did last is a copy from pinned memory, or to it."""
        moment = self.current, self.current.now
        if outward:
            self.arriving[host.untyped_storage().data_ptr()] = moment
        else:
            self.flying.append((moment, host, host.detach().clone()))

    def looked_at(self, address: int) -> None:
        """The host looks at memory of its own."""
        moment = self.arriving.get(address)
        fine = moment is None or self._reached(moment)
        self._require(fine, "the host looks at what is brought by")

    def reach(self, stream: Stream, now: int) -> None:
        """The host has waited for the stream up to there."""
        known = {**stream.seen_at(now), stream: now}
        for each, when in known.items():
            self.reached[each] = max(self.reached.get(each, 0), when)
        landed = [each for each in self.flying if self._reached(each[0])]
        self.flying = [each for each in self.flying if not self._reached(each[0])]
        for _, host, copy in landed:
            same = torch.equal(host.view(torch.uint8), copy.view(torch.uint8))
            self._require(same, "the host writes into what is copied by")

    def _reached(self, moment: Moment) -> bool:
        return self.reached.get(moment[0], 0) >= moment[1]

    def _before(self, moment: Moment) -> bool:
        stream, when = moment
        mine = stream is self.current or self.current.seen.get(stream, 0) >= when
        return mine or self._reached(moment)

    def _require(self, fine: bool, what: str) -> None:
        assert fine, f"{what} another stream that nobody has waited for"

    @contextmanager
    def on(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before


class Stream:
    """Stands for ``torch.cuda.Stream``."""

    def __init__(self, order: Order, *_: object, **__: object) -> None:
        self.order, self.now = order, 0
        self.seen: dict[Stream, int] = {}
        """How much of the others is over before what comes next here."""
        self.history: list[tuple[int, dict[Stream, int]]] = []

    def seen_at(self, now: int) -> dict[Stream, int]:
        known: dict[Stream, int] = {}
        for when, seen in self.history:
            if when <= now:
                known = seen
        return known

    def _see(self, moment: Moment) -> None:
        stream, now = moment
        for each, when in {**stream.seen_at(now), stream: now}.items():
            self.seen[each] = max(self.seen.get(each, 0), when)
        self.now += 1
        self.history.append((self.now, dict(self.seen)))

    def wait_stream(self, other: Stream) -> None:
        self._see((other, other.now))

    def wait_event(self, event: Event) -> None:
        if event.moment is not None:
            self._see(event.moment)

    def record_event(self, event: Event | None = None) -> Event:
        event = event or Event(self.order)
        event.record(self)
        return event

    def synchronize(self) -> None:
        self.order.waited()
        self.order.reach(self, self.now)


class Event:
    """Stands for ``torch.cuda.Event``."""

    def __init__(self, order: Order, *_: object, **__: object) -> None:
        self.order = order
        self.moment: Moment | None = None

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or self.order.current
        self.moment = stream, stream.now

    def wait(self, stream: Stream | None = None) -> None:
        (stream or self.order.current).wait_event(self)

    def synchronize(self) -> None:
        self.order.waited()
        if self.moment is not None:
            self.order.reach(*self.moment)
