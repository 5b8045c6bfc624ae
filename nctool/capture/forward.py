"""A pass of a model over a loader, as often as it is needed, and nothing changed by it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, Self

import torch
from torch import nn

from nctool.capture.batches import (
    INNER,
    Batch,
    Called,
    Reading,
    as_labels,
    device_of,
    moved,
    reading,
    with_more_rows,
)
from nctool.capture.compiled import bare
from nctool.capture.digests import Differs, Digest, digest_of
from nctool.capture.find import find_head
from nctool.capture.plan import Plan
from nctool.capture.rows import Collected, pooled
from nctool.capture.untouched import (
    Surroundings,
    fingerprint,
    forward_modes,
    randomness_of,
    untouched,
)
from nctool.capture.watch import HeadReached, Taken, Watch
from nctool.capture.watched import Watched, changed
from nctool.core.errors import InputError
from nctool.core.progress import Progress, Silent
from nctool.core.text import printable


@dataclass(slots=True)
class Forward:
    """A model over a loader. Enter it: what it changes is put back when it is left."""

    model: nn.Module
    loader: Any
    plan: Plan
    progress: Progress = field(default_factory=Silent)
    watched: Watched | None = None
    """Known from the first batch on."""
    digests: list[Digest] = field(default_factory=list)
    """Of the batches of the first pass."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _reading: Reading | None = None
    _watch: Watch | None = None
    _rewind: Callable[[], None] | None = None
    _before: str = ""
    _surroundings: Surroundings | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Wrappers of several processes wait for each other in every forward.
            self.model = bare(self.model)
            self._surroundings = Surroundings.now(device_of(self.model))
            stack.enter_context(untouched(self.model, self.loader))
            self._reading = reading(self.model, self.plan.labels, self.plan.call)
            if self.plan.call is not None:
                self.model = Called(self.model, self.plan.call)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, problem, trace)

    @property
    def once(self) -> bool:
        """The loader cannot be read again."""
        return isinstance(self.loader, Iterator)

    def batches(self) -> Generator[Collected]:
        """The first pass: rows of every batch, in the order of the loader."""
        self._before = fingerprint(self.model)
        self._rewind = randomness_of(self.loader)
        for taken, labels, inputs in self._pass(self.progress):
            assert self.watched is not None
            collected = self.watched.of(taken, labels, inputs)
            self.digests.append(digest_of(collected))
            yield collected
        if self.watched is None or not self.watched.rows.rows:
            raise self._empty()
        self.watched.check_head()
        if fingerprint(self.model) != self._before:
            raise changed("the model changed while it was run: its state after the last batch")

    def again(self) -> Iterator[Collected]:
        """The same rows once more; raises ``Differs`` at the first batch that is another."""
        assert self._rewind is not None and self.watched is not None
        if fingerprint(self.model) != self._before:
            raise Differs("the model is another than in the first pass")
        self._rewind()
        rows, number = self.watched.rows.anew(), 0
        # The measurement that asks for a second look shows its own progress.
        for taken, labels, inputs in self._pass(Silent()):
            number += 1
            if number > len(self.digests):
                break
            collected = rows.of(taken, labels, inputs)
            self.digests[number - 1].compare(digest_of(collected), number)
            yield collected
        if number != len(self.digests):
            raise Differs(f"the loader gave {len(self.digests):,} batches first, and now others")

    def _pass(self, progress: Progress) -> Iterator[tuple[Taken, Any, tuple[Any, ...]]]:
        """What the head took, the labels and the inputs of every batch that holds samples."""
        device = device_of(self.model)
        assert self._reading is not None and self._surroundings is not None
        surroundings = self._surroundings

        @contextmanager
        def modes() -> Iterator[None]:
            with surroundings.again(), forward_modes(device, fp32=self.plan.fp32):
                yield

        with progress.task("collecting", _length(self.loader)) as advance:
            iterator = _iterator(self.loader, modes)
            while True:
                taken = None
                # Entered once for a batch and its forward: a dozen calls, which count for small
                # models. Left before the yield, for what is done with the rows is not theirs.
                with modes():
                    if (raw := next(iterator, END)) is END:
                        return
                    batch = self._reading.batch(raw)
                    if len(as_labels(batch.labels)):
                        taken = self._forward(batch, device)
                if taken is not None:
                    others = self._reading.beside_labels(raw)
                    yield taken, batch.labels, others
                advance(1)

    def _forward(self, batch: Batch, device: torch.device) -> Taken:
        args = moved(batch.args, device)
        kwargs = moved(dict(batch.kwargs), device)
        if self._watch is None:
            size = len(as_labels(batch.labels))
            self._find(*with_more_rows(args, kwargs, size))
        assert self._watch is not None
        return self._run(self._watch, args, kwargs)

    def _find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Find the head by this batch, and watch it from here on."""
        head, layers = self.plan.head, layers_of(self.model, self.plan.layers)
        if isinstance(head, str) and self.plan.call is not None:
            head = f"{INNER}.{head}"
        site = find_head(self.model, args, kwargs, head=head)
        reduce = torch.clone if site.rows == "positions" else pooled
        watch = partial(Watch, self.model, site, layers, reduce=reduce)
        # A head over all tokens of a vocabulary costs more than the rest of a small model.
        stop = site.rows == "positions" and site.via == "hook" and site.call == site.calls - 1
        self.watched = Watched(self.model, self.plan, site, self.loader, layers)
        self._watch = self._stack.enter_context(
            watch(stop=stop and self._same(watch, args, kwargs))
        )

    def _same(
        self, watch: Callable[..., Watch], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bool:
        """Whether this batch gives the same features where the head is left out."""
        with watch() as whole:
            expected = self._run(whole, args, kwargs).features
        with watch(stop=True) as part, suppress(InputError):
            return torch.equal(self._run(part, args, kwargs).features, expected)
        return False

    def _run(self, watch: Watch, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Taken:
        with suppress(HeadReached):
            self.model(*args, **kwargs)
        return watch.take()

    def _empty(self) -> InputError:
        if self.watched is None:
            message, hint = "the loader gave no sample", "give a loader with samples"
            if self.once:
                hint = "it is an iterator: has it been read before? give the loader itself"
            return InputError("loader-empty", message, hint)
        return InputError(
            "loader-empty",
            f"the loader gave {self.watched.rows.batches:,} batches, and no row whose label counts",
            "look at the labels of a batch, and at ignore_labels",
        )


def layers_of(model: nn.Module, glob: str | None) -> tuple[str, ...]:
    """Names of the modules that a glob names, in the order of the model.

    A star stays between two dots: ``layer*`` are the stages of a network and not all within.
    """
    if glob is None:
        return ()
    parts = glob.split(".")
    names = [name for name, _ in model.named_modules() if name]
    chosen = tuple(
        name
        for name in names
        if name.count(".") == len(parts) - 1 and all(map(fnmatchcase, name.split("."), parts))
    )
    if not chosen:
        some = ", ".join(map(printable, names[:8])) + (" …" if len(names) > 8 else "")
        message = f"layers {glob!r} name no module of {type(model).__name__}"
        raise InputError("layers-not-found", message, f"its modules are: {some or 'none'}")
    return chosen


def _iterator(loader: Any, modes: Callable[[], AbstractContextManager[None]]) -> Iterator[Any]:
    """Of the loader, made in the modes that the model is run in.

    Workers that persist carry their randomness from one pass to the next, and those of the
    user's own loop must not be used up: a shallow copy of the loader starts its own.
    """
    if getattr(loader, "persistent_workers", False):
        loader = copy.copy(loader)
        loader.__dict__.update(persistent_workers=False, _iterator=None)
    with modes():
        return iter(loader)


END = object()
"""What no loader gives."""


def _reached(*_: object) -> NoReturn:
    raise HeadReached


def _length(loader: Any) -> int:
    """How many batches are to come; 0 where the loader does not know."""
    try:
        return len(loader)
    except TypeError:
        return 0
