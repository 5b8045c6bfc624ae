"""``nctool.torchmetrics.Collapse``: a metric for torchmetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nctool.analysis.measure import measure
from nctool.analysis.saved_arrays import with_arrays
from nctool.api import options
from nctool.api.analyze import analyze
from nctool.arrays import Source
from nctool.core.errors import InputError
from nctool.hosts.host import USUAL, host, numbers
from nctool.hosts.running_sums import DTYPES, RunningSums
from nctool.report import Report

torchmetrics = host("torchmetrics", "torchmetrics")

OURS = frozenset(name for name, _ in options.in_python(analyze, *options.GROUPS))
WHY = "a metric keeps sums alone; nctool.collect(model, loader) looks twice"


class Collapse(torchmetrics.Metric):  # type: ignore[misc, name-defined]
    """Features and labels in, batch by batch; numbers out, by name.

    ``update`` takes features (B, dim) and class indices (B,), whatever share of the samples each
    rank has. ``compute`` returns floats by name, as ``nc/nc1/pinv``; ``report`` is the whole report
    behind them. ``metrics`` says which (``collapse`` and ``nc1.pinv`` unless told); what needs a
    second look at the samples is left out. ``head`` is the classifier that the features go into,
    looked at when computing: a module with ``weight`` and ``bias``, or a function that returns
    them. Memory is O(K d + d^2).

    The other keywords are those of ``nctool.analyze`` and of every ``torchmetrics.Metric``.
    """

    full_state_update = True
    """Sums of batches are not joined as torchmetrics joins states: ``forward`` updates twice."""
    is_differentiable = False

    def __init__(
        self,
        num_classes: int,
        dim: int,
        *,
        head: Any = None,
        class_names: Sequence[str] | None = None,
        ignore_labels: Sequence[int] = (-100,),
        prefix: str = "nc/",
        **keywords: Any,
    ) -> None:
        super().__init__(**{name: keywords[name] for name in keywords.keys() - OURS})
        self.options = {"metrics": USUAL} | {
            name: keywords[name] for name in keywords.keys() & OURS
        }
        options.request(self.options)  # a wrong one is said before the first epoch
        self.names = tuple(map(str, range(num_classes) if class_names is None else class_names))
        if len(self.names) != num_classes:
            message = f"{len(self.names)} class names for {num_classes} classes"
            raise InputError("class-names", message, "give one name for each class")
        self.dim = dim
        self.head = Head(head)
        self.ignored = tuple(ignore_labels)
        self.before = prefix
        self.report: Report | None = None
        self.held: list[Tensor] = []
        self.live: RunningSums | None = None
        # One list for all: lists without a reduction are gathered entry by entry, of whatever
        # length, and as every rank has the same entries from the start, none waits for another.
        self.add_state("sums", [], dist_reduce_fx=None)
        self.reset()

    @property
    def sums(self) -> list[Tensor]:
        """The state, made where somebody asks for it and not at every batch."""
        if self.live is not None:
            self.held = [tensor.to(self.device) for tensor in self.live.packed()]
        return self.held

    @sums.setter
    def sums(self, tensors: list[Tensor]) -> None:
        self.held, self.live = tensors, None

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Features (B, dim) as the head is given them, and the class index of each."""
        kind = str(features.dtype).removeprefix("torch.")
        if features.ndim != 2 or features.shape[1] != self.dim or kind not in DTYPES:
            message = f"features are {kind} of shape {tuple(features.shape)}"
            hint = f"give the input of the head: (samples, {self.dim}) of floating point"
            raise InputError("features-shape", message, hint)
        if labels.shape != features.shape[:1]:
            message = f"{len(features)} features against labels of shape {tuple(labels.shape)}"
            raise InputError("labels-against-features", message, "give one class index for each")
        index = self._index(labels.detach())
        if self.live is None:
            self.live = self._running([self.held], kind)
        self.live.add(features.detach(), index)

    def compute(self) -> dict[str, float]:
        """The numbers of all that was seen, by all ranks."""
        sums = self.sums
        ranks = len(sums) // len(self._running([]).packed())
        # After a sync each entry is there of every rank, before the next entry.
        running = self._running([sums[rank::ranks] for rank in range(ranks)])
        if not running.look.rows:
            message = "no sample that has a label was seen"
            raise InputError("no-labels", message, "update before computing; see ignore_labels")
        weight, bias = self.head.arrays()
        source = Source(
            None, None, self.names, weight, bias, ignored=running.ignored,
            gathered=running.look.gathered(WHY),
        )  # fmt: skip
        request = options.request(self.options)
        self.report = with_arrays(measure(source, request.metrics, request.settings))
        return numbers(self.report, self.before)

    def merge_state(self, incoming_state: Collapse | Mapping[str, list[Tensor]]) -> None:
        """Join what another metric, or its state, has seen."""
        if isinstance(incoming_state, Collapse):
            incoming_state = incoming_state.metric_state
        joined = self._running([self.sums, incoming_state["sums"]])
        self.sums = [tensor.to(self.device) for tensor in joined.packed()]
        self._computed = None
        self._update_count += 1

    def reset(self) -> None:
        super().reset()
        self.sums = [tensor.to(self.device) for tensor in self._running([]).packed()]

    def set_dtype(self, dst_type: str | torch.dtype) -> Collapse:
        """Sums stay what they are: in fewer digits they would be worth nothing."""
        return self

    def _index(self, labels: Tensor) -> Tensor:
        """The labels, -1 in place of those that are left out."""
        left_out = torch.isin(labels, labels.new_tensor(self.ignored))
        wrong = labels[~left_out & ((labels < 0) | (labels >= len(self.names)))]
        if len(wrong):
            slug = "negative-labels" if wrong[0] < 0 else "labels-against-head"
            message = f"label {int(wrong[0])} is none of {len(self.names)} classes"
            raise InputError(slug, message, "say what is no class by ignore_labels")
        return labels.masked_fill(left_out, -1)

    def _running(self, parts: Sequence[Sequence[Tensor]], dtype: str = "") -> RunningSums:
        settings = options.request(self.options).settings
        return RunningSums(self.names, self.dim, settings, parts, dtype, self.device)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "held": self.sums, "live": None}


class Head:
    """A module beside the metric: a copy of the metric looks at the same, and owns none of it."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def __deepcopy__(self, memo: object) -> Head:
        return self

    def arrays(self) -> tuple[Tensor | None, Tensor | None]:
        """The weight (C, D) and the bias, as they are now."""
        if self.given is None:
            return None, None
        given = self.given
        weight, bias = (given.weight, given.bias) if hasattr(given, "weight") else given()
        return weight.detach().cpu(), None if bias is None else bias.detach().cpu()
