"""``nctool.Monitor``: the same numbers inside a loop of one's own, without a forward more."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from nctool.analysis.collected_rows import Keeper
from nctool.analysis.collecting import measured
from nctool.analysis.saved_arrays import with_arrays
from nctool.analysis.summing import Called, statistics_of
from nctool.api import options
from nctool.api.ranks import every_rank
from nctool.arrays import Source
from nctool.capture.batches import with_more_rows
from nctool.capture.compiled import compiled
from nctool.capture.explain import FEWEST_ROWS
from nctool.capture.find import SEARCHING, find_head
from nctool.capture.plan import Plan
from nctool.capture.spool import Spool
from nctool.capture.watch import Watch
from nctool.capture.watched import Watched
from nctool.core import files
from nctool.core.errors import InputError, UsageError
from nctool.core.notice import Notice
from nctool.core.progress import Silent
from nctool.readers.shared.statistics import Statistics
from nctool.readers.statistics_file import write_statistics
from nctool.report import Report
from nctool.settings.budget import Budget, Reach
from nctool.settings.capture_options import CaptureOptions
from nctool.settings.compute_options import ComputeOptions, Dtype
from nctool.settings.conventions import Center, ConventionOptions, Rows
from nctool.settings.role_options import DEFAULT_IGNORED

WHY = "a Monitor keeps sums and no rows; give it spool='2GiB', or use nctool.collect"
FULL = "the rows did not fit into the spool of the Monitor; give more with spool="


class Monitor:
    """Watches a model while somebody else runs it: ``add`` the labels after every forward.

    Its head is found in the first forward, by one more of the same batch that changes nothing.
    Sums alone are kept, O(K d + d^2) however many samples there are, and nothing of a graph;
    ``spool`` keeps the rows too, for whatever needs the samples a second time. ``report`` may be
    asked for at any time, ``reset`` begins anew. Used in a ``with`` statement or closed by
    ``close``, it leaves the model as it was.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        head: str | nn.Module | None = None,
        class_names: Sequence[str] | None = None,
        classes: int | None = None,
        ignore_labels: Sequence[int] = DEFAULT_IGNORED,
        spool: int | str | None = None,
        tokens: float | None = None,
        split: str | None = None,
        epoch: float | None = None,
        step: int | None = None,
        metrics: str | Sequence[str] | None = None,
        per_class: bool = False,
        device: str = "auto",
        dtype: Dtype | None = None,
        threads: int | None = None,
        bootstrap: int = 500,
        deterministic: bool = False,
        logit_scale: float | None = None,
        profile: str | None = None,
        center: Center | None = None,
        margin_rows: Rows = "unit",
        alpha: float = 1.0,
        beta: float = 1.0,
        seed: int = 0,
        gap: float = 1e-6,
        margin: Reach = "all",
        memory: int | str = 4 << 30,
    ) -> None:
        given = {**locals(), "head": None, "spool": 0 if spool is None else spool}
        request = options.request({key: given[key] for key in given if key not in OWN})
        capture = options.capture(given)
        self.model, self.classes, self.names = model, classes, class_names
        self.metrics, self.settings = request.metrics, request.settings
        self.plan = Plan(head, tokens=capture.tokens, ignored=request.roles.ignore_label)
        self.run = {"epoch": epoch, "step": step, "split": split}
        self._limit = capture.spool
        self._stack = ExitStack()
        self._watch: Watch | None = None
        self._watched: Watched | None = None
        self._inputs: tuple[Any, ...] = ()
        self._trained = False
        self._keeper = self._new_keeper()
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, labels: Any) -> None:
        """The labels of the batch that the model was just run on, once after every forward."""
        if self._watch is None or self._watched is None:
            raise self._never_called()
        taken = self._watch.take()
        self._trained = self._trained or self.model.training
        collected = self._watched.of(taken, labels, self._inputs)
        self._inputs = ()
        self._keeper.take(self._watched, collected)

    def report(
        self,
        *,
        epoch: float | None = None,
        step: int | None = None,
        split: str | None = None,
        ranks: bool = False,
    ) -> Report:
        """Everything that the samples so far say; the moment as given here or before.

        With ``ranks`` every process of torch.distributed's group asks for it, and gets that of the
        samples of all.
        """
        given = {"epoch": epoch, "step": step, "split": split}
        known = {name: value for name, value in given.items() if value is not None}
        if ranks and self._limit:
            message = "spool= keeps the rows of one process, and with ranks=True several have some"
            raise UsageError("out-with-ranks", message, "leave one of the two out")
        with every_rank(ranks) as group:
            source = self.source({**self.run, **known})
            return with_arrays(measured(source, self.metrics, self.settings, Silent(), group))

    def save(self, path: str | Path) -> Statistics:
        """Write the sums over the samples so far, as ``nctool.stats`` does."""
        files.check_writable(str(path))
        called = Called(name=Path(path).stem)
        return write_statistics(
            str(path), statistics_of(self.source(), self.settings, called=called)
        )

    def source(self, run: dict[str, object] | None = None) -> Source:
        """What a report is measured from."""
        watched = self._watched
        if watched is None or not watched.rows.rows:
            message = "a Monitor has no number before labels were added"
            hint = "call monitor.add(labels) after every forward of the model"
            raise InputError("monitor-empty", message, hint)
        self._keeper.run = self.run if run is None else run
        moved = watched.follow_head()
        (source,) = self._keeper.sources(watched)
        return source if not (moved or self._trained) else _remarked(source, moved, self._trained)

    def reset(self) -> None:
        """Begin anew, for the next epoch: the head that was found stays."""
        self._keeper.spool.close()
        self._keeper = self._new_keeper()
        self._trained = False
        if self._watch is not None:
            self._watch.clear()
        if self._watched is not None:
            self._watched = self._watched.anew()

    def close(self) -> None:
        """Take back every hook; the numbers so far stay."""
        self._stack.close()
        self._watch = None

    def _new_keeper(self) -> Keeper:
        why = FULL if self._limit else WHY
        return Keeper(Spool(self._limit), self.settings, why, self.names, self.run)

    def _begin(self) -> None:
        """Look at the first call of the model, before anything in it is compiled.

        A model that is compiled in place compiles its hooks with it, and what looks for the head
        cannot be compiled: there the compiled call itself is what is preceded.
        """
        call = vars(self.model).get("_compiled_call_impl")
        if call is None:
            handle = self.model.register_forward_pre_hook(self._first, with_kwargs=True)
            self._stack.callback(handle.remove)
            return

        def preceded(*args: Any, **kwargs: Any) -> Any:
            self._first(self.model, args, kwargs)
            return call(*args, **kwargs)

        self.model._compiled_call_impl = preceded
        self._stack.callback(setattr, self.model, "_compiled_call_impl", call)

    def _first(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Find the head in a forward of the same batch that changes nothing."""
        # A function that calls the model may be compiled: what follows cannot be traced.
        if torch.compiler.is_compiling() or SEARCHING.get() or self._watch is not None:
            return
        whole = (*args, *kwargs.values())
        size = next((len(each) for each in whole if isinstance(each, Tensor)), FEWEST_ROWS)
        several = with_more_rows(args, kwargs, size)
        site = find_head(model, *several, head=self.plan.head, classes=self.classes)
        self._watched = Watched(model, self.plan, site)
        self._watch = self._stack.enter_context(Watch(model, site))
        # Of tokens, to see whether labels repeat them.
        self._inputs = tuple(
            each for each in whole if isinstance(each, Tensor) and not each.is_floating_point()
        )

    def _never_called(self) -> InputError:
        cause = compiled(self.model)
        message = "no call of the model was seen since the Monitor was made"
        hint = "call the model that the Monitor was given, as model(x), and then add its labels"
        if cause:
            message += f"; {cause} is compiled"
            hint += ";\nmake the Monitor before the first call of a compiled model"
        return InputError("monitor-not-called", message, hint)


OWN = ("head", "classes")
"""Options of files that mean something else here."""

GROUPS = (CaptureOptions, ComputeOptions, ConventionOptions, Budget)
options.document(Monitor, *GROUPS)


def _remarked(source: Source, moved: bool, trained: bool) -> Source:
    """With what a reader ought to know of a model that was not standing still."""
    notices = []
    if trained:
        notices.append(
            Notice(
                "monitored-in-training",
                "the model was in train mode: dropout changes its features, batch normalisation "
                "uses those of the batch, and each batch met another model",
                "measure in eval mode too: nctool.collect(model, loader)",
            )
        )
    if moved:
        notices.append(
            Notice(
                "head-moved",
                "the head changed between batches: everything about it is that of the last batch",
                "for features and head of one moment: nctool.collect(model, loader)",
            )
        )
    return replace(source, notices=(*source.notices, *notices))
