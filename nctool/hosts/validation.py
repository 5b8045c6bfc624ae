"""A validation that the host runs, watched from its start to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data.distributed import DistributedSampler

from nctool.api.monitor import Monitor
from nctool.capture.batches import Labels, as_labels, reading
from nctool.core.errors import UsageError
from nctool.report import Report


class OfSteps(Monitor):
    """A Monitor that does not take the step of a module for a call of the model in it.

    Among several processes Lightning calls the module with the arguments of its step, for which its
    forward stands in: only within that is it called with a batch.
    """

    def _first(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        stand_in = getattr(vars(model).get("forward"), "__qualname__", "")
        if not stand_in.startswith("_ForwardRedirection."):
            super()._first(model, args, kwargs)


class Validation:
    """The samples of one or several loaders, one after the other."""

    def __init__(self, model: nn.Module, labels: Labels, options: Mapping[str, Any]) -> None:
        self.model, self.options = model, options
        self.reading = reading(model, labels, None)
        self.monitors: dict[int, Monitor] = {}
        self.rows = 0
        self.sampler: Any = None
        self.stack = ExitStack()
        # A compiled module does not call hooks that come after its first run, in silence: here it
        # runs as it was written.
        self.stack.enter_context(torch.compiler.set_stance("force_eager"))

    def begin(self, loader: Any, place: int) -> None:
        """Before a batch of the loader at this place."""
        if place not in self.monitors:
            for monitor in self.monitors.values():
                monitor.close()
            self.monitors[place] = OfSteps(self.model, **self.options)
            self.stack.callback(self.monitors[place].close)
            self.rows, self.sampler = 0, getattr(loader, "sampler", None)

    def add(self, batch: Any) -> None:
        """After a batch."""
        labels = as_labels(self.reading.batch(batch).labels)
        *_, monitor = self.monitors.values()
        monitor.add(self._without_padding(labels, monitor.plan.ignored))
        self.rows += len(labels)

    def close(self) -> None:
        """Let go of the model."""
        self.stack.close()

    def reports(self, **given: Any) -> Iterator[tuple[str, Report]]:
        """Of every loader; the second and later ones by the names that Lightning gives them."""
        for place, monitor in self.monitors.items():
            yield (
                f"dataloader_idx_{place}/" if place else "",
                monitor.report(**given),
            )

    def _without_padding(self, labels: Tensor, ignored: tuple[int, ...]) -> Tensor:
        """Leave out the samples that a sampler repeats so that all ranks have as many."""
        sampler: Any = self.sampler
        if not isinstance(sampler, DistributedSampler):
            return labels
        total = len(sampler.dataset)  # type: ignore[arg-type]
        rows = torch.arange(self.rows, self.rows + len(labels), device=labels.device)
        repeated = sampler.rank + rows * sampler.num_replicas >= total
        repeated = repeated.reshape(-1, *[1] * (labels.ndim - 1))  # of tokens: all of a sample
        return labels.masked_fill(repeated, (*ignored, -100)[0])


def model_of(module: nn.Module, name: str | None) -> nn.Module:
    """What is called with a batch: the part of this name; the module, if it has a ``forward``; or
    its only part that has parameters."""
    if name is not None:
        return module.get_submodule(name)
    if type(module).forward.__qualname__ != "LightningModule.forward":  # which only passes on
        return module
    parts = {
        name: part for name, part in module.named_children() if any(True for _ in part.parameters())
    }
    if len(parts) == 1:
        return next(iter(parts.values()))
    message = (
        f"{type(module).__name__} has no forward of its own, and several parts with parameters"
    )
    hint = f"name what is called with a batch: Collapse(..., model={next(iter(parts), 'net')!r})"
    raise UsageError("model-unnamed", message + f": {', '.join(parts) or 'none'}", hint)
