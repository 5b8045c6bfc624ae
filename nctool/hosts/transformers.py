"""``nctool.transformers.Collapse``: a callback for the Trainer of Hugging Face."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from torch.utils.data import DataLoader

from nctool.api.collect import collect
from nctool.hosts.host import Kept, Measurements, host, nothing_to_measure
from nctool.hosts.shares import share_of

transformers = host("transformers", "transformers")

EVALUATION = "eval"
"""What the names of all numbers of an evaluation begin with, unless there are several."""


class Collapse(Kept, transformers.TrainerCallback):  # type: ignore[misc, name-defined]
    """Run the model over the evaluation's samples, or over ``dataset``, at every ``every``-th
    evaluation; over ``dataset`` at every ``every``-th epoch where nothing is evaluated.

    The numbers get into the metrics of the evaluation (so that ``metric_for_best_model`` may name
    one, as ``eval_nc/collapse/weakest``) and into the history of the state. Reporters have been
    told the evaluation by then: ``collapse.attach(trainer)`` tells them these numbers, too.
    ``reports`` keeps what was measured, ``trajectory`` joins it. ``metrics`` says what is measured
    (the dials and nc1.pinv unless told), and all of it is logged; the other keywords are those of
    ``nctool.collect``.
    """

    def __init__(
        self, dataset: Any = None, every: int = 1, prefix: str = "eval_nc/", **options: Any
    ) -> None:
        self.dataset = dataset
        self.trainer: Any = None
        self.turns = 0
        self.measured = Measurements(collect, every, prefix, options)

    def attach(self, trainer: Any) -> Collapse:
        """Log through this trainer; it gets the callback, if it has it not yet."""
        self.trainer = trainer
        if self not in trainer.callback_handler.callbacks:
            trainer.add_callback(self)
        return self

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.dataset is None and not _evaluates(args):
            hint = 'set eval_strategy="epoch", or give the samples: Collapse(dataset)'
            raise nothing_to_measure("transformers", hint)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: MutableMapping[str, Any], **more: Any
    ) -> None:
        # Of several evaluation sets each is an evaluation of its own, known by its names alone.
        timed = [name for name in metrics if name.endswith("_runtime")] or [EVALUATION]
        self._turn(args, state, metrics, timed[0].removesuffix("_runtime"), **more)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if self.dataset is not None and not _evaluates(args):
            self._turn(args, state, {}, EVALUATION, **more)

    def _turn(
        self, args: Any, state: Any, metrics: MutableMapping[str, Any], begins: str, **more: Any
    ) -> None:
        """Measure, if it is its turn, and hand the numbers on."""
        self.turns += 1
        if not self.measured.due(self.turns - 1):
            return
        loader = self._loader(args, more.get("eval_dataloader"), more.get("train_dataloader"))
        report = collect(
            more["model"], loader, epoch=state.epoch, step=state.global_step, progress=False,
            ranks=args.world_size > 1, **self.measured.options,
        )  # fmt: skip
        # "eval_nc/" is "eval_second_nc/" for the set called second.
        prefix = self.measured.prefix.replace(EVALUATION, begins, 1)
        numbers = self.measured.add(report, prefix, args.world_size)
        metrics.update(numbers)
        if self.trainer is not None:
            self.trainer.log(numbers)
        elif state.log_history:
            state.log_history[-1].update(numbers)

    def _loader(self, args: Any, evaluation: Any, training: Any) -> Any:
        """The samples of this process, each once."""
        loader = evaluation
        if self.dataset is not None:
            collate = getattr(evaluation or training, "collate_fn", None)
            loader = DataLoader(self.dataset, args.eval_batch_size, collate_fn=collate)
            if self.trainer is not None:  # which knows what the model does not take
                loader = self.trainer.get_eval_dataloader(self.dataset)
        return share_of(loader, args.process_index, args.world_size)


def _evaluates(args: Any) -> bool:
    return str(getattr(args.eval_strategy, "value", args.eval_strategy)) != "no"
