"""The callback for Hugging Face's Trainer: its numbers, and whom they reach."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

import nctool
from nctool.core.errors import UsageError
from nctool.hosts.shares import share_of
from tests.hosts.by_hand import Network, agree, by_hand, samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own imports
    transformers = pytest.importorskip("transformers", reason="pip install 'nctool[transformers]'")
    pytest.importorskip("accelerate", reason="pip install 'nctool[transformers]'")

EPOCHS = 2
Trainer, TrainingArguments = transformers.Trainer, transformers.TrainingArguments


class Classifier(Network):
    """Of batches as dictionaries; gives the loss and the logits."""

    def forward(self, pixels: Tensor, labels: Tensor | None = None) -> Any:
        logits = super().forward(pixels)
        return {"loss": None if labels is None else cross_entropy(logits, labels), "logits": logits}


def rows(seed: int = 0) -> list[dict[str, Tensor]]:
    return [{"pixels": x, "labels": y} for x, y in zip(*samples(seed), strict=True)]


def trainer(folder: Path, *callbacks: Any, evaluation: Any = None, **settings: Any) -> Any:
    settings = {
        "num_train_epochs": EPOCHS, "eval_strategy": "no" if evaluation is None else "epoch",
        "save_strategy": "no", "per_device_eval_batch_size": 16, "report_to": [],
        "disable_tqdm": True, "use_cpu": True, "seed": 5,
    } | settings  # fmt: skip
    torch.manual_seed(4)
    return Trainer(
        model=Classifier(), args=TrainingArguments(str(folder), **settings),
        train_dataset=rows(), eval_dataset=evaluation, callbacks=list(callbacks),
    )  # fmt: skip


def logged(entry: dict[str, Any], prefix: str = "eval_nc/") -> dict[str, float]:
    return {name: value for name, value in entry.items() if name.startswith(prefix)}


# Evaluations have every number of features by hand: in the history and in what evaluate() returns.
def test_equality(tmp_path: Path) -> None:
    collapse = nctool.transformers.Collapse(metrics=None)
    host = trainer(tmp_path, collapse, evaluation=rows(1))
    host.train()
    whole = by_hand(host.model, *samples(1))
    entries = [entry for entry in host.state.log_history if logged(entry)]
    assert len(entries) == EPOCHS and all("eval_loss" in entry for entry in entries)
    agree(logged(entries[-1]), whole, "eval_nc/", many=40)
    agree(logged(host.evaluate()), whole, "eval_nc/", many=40)
    assert [report.run["epoch"] for report in collapse.reports] == [1, 2, 2]
    assert collapse.trajectory is not None and len(collapse.trajectory.points) == 3


# Attached, reporters are told the numbers as they are told those of the evaluation.
def test_attached(tmp_path: Path) -> None:
    told: list[dict[str, float]] = []

    class Reporter(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:
            told.append(logged(logs))

    host = trainer(tmp_path, Reporter(), evaluation=rows(1))
    collapse = nctool.transformers.Collapse(every=2).attach(host)
    assert collapse.attach(host) is collapse and len(host.callback_handler.callbacks) == len(
        {id(each) for each in host.callback_handler.callbacks}
    )
    host.train()
    [numbers] = filter(None, told)
    agree(numbers, by_hand(host.model, *samples(1)), "eval_nc/", many=8)
    assert [numbers] == [logged(entry) for entry in host.state.log_history if logged(entry)]


# The best checkpoint may be the most collapsed one.
def test_best(tmp_path: Path) -> None:
    collapse = nctool.transformers.Collapse()
    best = {"metric_for_best_model": "eval_nc/collapse/nc1", "greater_is_better": True}
    host = trainer(
        tmp_path, collapse, evaluation=rows(1), save_strategy="epoch",
        load_best_model_at_end=True, save_only_model=True, **best,
    )  # fmt: skip
    host.train()
    values = [report["collapse.nc1"].value for report in collapse.reports]
    assert host.state.best_metric == max(value for value in values if value is not None)


# Of several evaluation sets each has its numbers under its own name.
def test_several_sets(tmp_path: Path) -> None:
    sets = {"near": rows(1), "far": rows(2)}
    host = trainer(tmp_path, nctool.transformers.Collapse(), evaluation=sets, num_train_epochs=1)
    host.train()
    for seed, name in enumerate(sets, 1):
        [entry] = [each for each in host.state.log_history if f"eval_{name}_loss" in each]
        whole = by_hand(host.model, *samples(seed))
        agree(logged(entry, f"eval_{name}_nc/"), whole, f"eval_{name}_nc/", many=8)


# Given samples are measured in place of the evaluation's, and where there is none at each epoch.
def test_dataset(tmp_path: Path) -> None:
    with_evaluation = nctool.transformers.Collapse(rows(2))
    without = nctool.transformers.Collapse(rows(2)), nctool.transformers.Collapse(rows(2), every=2)
    for callbacks, evaluation in (([with_evaluation], rows(1)), (without, None)):
        host = trainer(tmp_path, *callbacks, evaluation=evaluation)
        host.train()
        whole = by_hand(host.model, *samples(2))
        for each in callbacks:
            agree(each.reports[-1].flat("nc/", separator="/"), whole, many=8)
    assert [len(each.reports) for each in (with_evaluation, *without)] == [2, 2, 1]


# A model is trained as it is without the callback, to the last digit.
def test_untouched(tmp_path: Path) -> None:
    def weights(*callbacks: Any) -> Tensor:
        host = trainer(tmp_path, *callbacks, evaluation=rows(1))
        host.train()
        return torch.cat([each.flatten() for each in host.model.state_dict().values()])

    assert torch.equal(weights(), weights(nctool.transformers.Collapse(rows(2))))


# Without samples of any kind the training is refused before it begins.
def test_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        trainer(tmp_path, nctool.transformers.Collapse()).train()
    assert caught.value.slug == "nothing-to-measure"
    with pytest.raises(TypeError, match="sede"):
        nctool.transformers.Collapse(sede=1)


# What accelerate repeats so that all ranks have whole batches is measured once, and no other.
@pytest.mark.parametrize("chosen", [range(21), range(0, 21, 2)], ids=["all", "some"])
@pytest.mark.parametrize("size", [2, 3])
def test_padding(size: int, chosen: range) -> None:
    prepare = pytest.importorskip("accelerate.data_loader").prepare_data_loader
    rows: Any = torch.arange(21)
    sampler = torch.utils.data.SubsetRandomSampler(chosen)
    loader = torch.utils.data.DataLoader(rows, batch_size=4, sampler=sampler)
    shards = [
        prepare(loader, num_processes=size, process_index=rank, put_on_device=False)
        for rank in range(size)
    ]
    assert sum(len(batch) for shard in shards for batch in shard) > len(chosen)
    state = torch.get_rng_state()
    shares = [share_of(shard, rank, size) for rank, shard in enumerate(shards)]
    assert torch.equal(torch.get_rng_state(), state)
    seen = [int(row) for share in shares for batch in share for row in batch]
    assert sorted(seen) == list(chosen)
