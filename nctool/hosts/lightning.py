"""``nctool.lightning.Collapse``: a callback for Lightning, by either of its names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch

from nctool.api.collect import collect
from nctool.api.monitor import Monitor
from nctool.hosts.host import Kept, Measurements, host, nothing_to_measure
from nctool.hosts.shares import share_of
from nctool.hosts.validation import Validation, model_of
from nctool.report import Report

callbacks = host("lightning", "lightning.pytorch", "pytorch_lightning").callbacks


class Collapse(Kept, callbacks.Callback):  # type: ignore[misc, name-defined]
    """Measure at the end of epochs, and log the numbers as the module does its own.

    With a ``loader``, the module is run over it (``nctool.collect``) at the end of every validation
    of every ``every``-th epoch, or of the epoch itself where it has none. Without, the samples of
    the validation are measured as they pass (``nctool.Monitor``), without a second forward, and
    in the report is what one look gives; ``spool="2GiB"`` keeps the rows for all of it.

    ``metrics`` says what is measured (the dials and nc1.pinv unless told), and all of it is logged.
    ``model`` names the part of the module that is called with a batch, where that is not the module
    itself; the other keywords are those of ``nctool.collect``, or of ``nctool.Monitor`` and
    ``labels``. ``reports`` keeps what was measured, and checkpoints do; ``trajectory`` joins it.
    """

    def __init__(
        self,
        loader: Any = None,
        every: int = 1,
        prefix: str = "nc/",
        *,
        model: str | None = None,
        labels: Any = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.loader, self.model, self.labels = loader, model, labels
        self.measured = Measurements(Monitor if loader is None else collect, every, prefix, options)
        self.validation: Validation | None = None
        self.last = -1
        """The epoch that was measured last."""

    @property
    def state_key(self) -> str:
        """Lightning refuses two callbacks of one key, as these would log under the same names."""
        return str(self._generate_state_key(prefix=self.measured.prefix))

    def state_dict(self) -> dict[str, Any]:
        return {"reports": [json.dumps(report.to_dict()) for report in self.reports]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.reports[:] = map(Report.from_json, state_dict["reports"])

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if self.loader is None and not trainer.enable_validation:
            hint = "give the samples: Collapse(loader), or let the module validate"
            raise nothing_to_measure("lightning", hint)

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        # In the sanity check too, where nothing is logged: a module that cannot be watched is told
        # of before its first epoch.
        if self.loader is None and (trainer.sanity_checking or self._due(trainer)):
            module = model_of(pl_module, self.model)
            self.validation = Validation(module, self.labels, self.measured.options)

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.validation is not None:
            self.validation.begin(_flat(trainer.val_dataloaders)[dataloader_idx], dataloader_idx)

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        if self.validation is not None:
            self.validation.add(batch)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        validation, self.validation = self.validation, None
        if validation is not None:
            validation.close()
            if not trainer.sanity_checking:
                now = {"epoch": trainer.current_epoch, "step": trainer.global_step}
                for name, report in validation.reports(ranks=trainer.world_size > 1, **now):
                    self._log(trainer, pl_module, report, name)
        elif self.loader is not None and self._due(trainer):
            self._collect(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if self.loader is not None and self._due(trainer) and self.last != trainer.current_epoch:
            self._collect(trainer, pl_module)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        if self.validation is not None:
            self.validation.close()

    def _due(self, trainer: Any) -> bool:
        if trainer.sanity_checking:
            return False
        return trainer.state.fn != "fit" or self.measured.due(trainer.current_epoch)

    def _collect(self, trainer: Any, pl_module: Any) -> None:
        loader = share_of(self.loader, trainer.global_rank, trainer.world_size)
        # The precision of the trainer is that of its steps, and no step runs here. Not in the
        # inference mode of its validation: what a module builds there cannot be trained with.
        with torch.inference_mode(False), trainer.precision_plugin.forward_context():
            report = collect(
                model_of(pl_module, self.model), loader, labels=self.labels,
                epoch=trainer.current_epoch, step=trainer.global_step, progress=False,
                ranks=trainer.world_size > 1, **self.measured.options,
            )  # fmt: skip
        self._log(trainer, pl_module, report)

    def _log(self, trainer: Any, pl_module: Any, report: Any, name: str = "") -> None:
        self.last = trainer.current_epoch
        prefix, ranks = self.measured.prefix + name, trainer.world_size
        # All ranks have the same numbers, and all have to know what checkpoints are chosen by.
        for each, value in self.measured.add(report, prefix, ranks).items():
            pl_module.log(each, value, sync_dist=ranks > 1, add_dataloader_idx=False)


def _flat(loaders: Any) -> list[Any]:
    """The loaders of a validation in their order: one, a sequence, or a mapping of them."""
    if isinstance(loaders, Mapping):
        return [*loaders.values()]
    return [*loaders] if isinstance(loaders, list | tuple) else [loaders]
