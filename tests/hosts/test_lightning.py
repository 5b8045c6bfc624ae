"""The callback for Lightning: what it logs, and that a training does not know of it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import nctool
from nctool.core.errors import UsageError
from tests.hosts.by_hand import Network, agree, by_hand, samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own imports
    lightning = pytest.importorskip("lightning.pytorch", reason="pip install 'nctool[lightning]'")

pytestmark = [
    # Advice on few workers, few batches and shuffled validation.
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    # Of Lightning itself, with this torch.
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated"),
]

EPOCHS = 3


def loader(seed: int = 1, shuffle: bool = False) -> Any:
    return DataLoader(TensorDataset(*samples(seed)), batch_size=16, shuffle=shuffle)


class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
    """A network with a validation; ``seen`` are the losses of its training."""

    network: Any

    def __init__(self) -> None:
        super().__init__()
        self.network = Network()
        self.seen: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)  # type: ignore[no-any-return]

    def training_step(self, batch: Any, index: int) -> Tensor:
        x, y = batch
        return cross_entropy(self(x), y)

    def on_train_batch_end(self, outputs: Any, batch: Any, index: int) -> None:
        self.seen.append(float(outputs["loss"]))

    def validation_step(self, batch: Any, index: int) -> None:
        x, y = batch
        self.log("val_loss", cross_entropy(self(x), y))

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), 0.01)


def trainer(folder: Path, *callbacks: Any, kind: Any = lightning.Trainer, **settings: Any) -> Any:
    settings = {
        "max_epochs": EPOCHS, "accelerator": "cpu", "devices": 1, "logger": False,
        "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
        "default_root_dir": folder, "log_every_n_steps": 1,
    } | settings  # fmt: skip
    return kind(callbacks=list(callbacks), **settings)


def fitted(
    folder: Path, *callbacks: Any, module: Any = None, val: Any = None, **settings: Any
) -> Any:
    lightning.seed_everything(3, verbose=False)
    module = Module() if module is None else module
    host = trainer(folder, *callbacks, **settings)
    host.fit(module, loader(0, shuffle=True), val)
    return host


def logged(host: Any, prefix: str = "nc/") -> dict[str, float]:
    metrics = host.logged_metrics.items()
    return {name: float(value) for name, value in metrics if name.startswith(prefix)}


# With a loader it logs every number of features by hand, with validations and without.
@pytest.mark.parametrize("val", [None, "val"])
def test_loader(tmp_path: Path, val: str | None) -> None:
    collapse = nctool.lightning.Collapse(loader(2), metrics=None)
    host = fitted(tmp_path, collapse, val=val and loader())
    agree(logged(host), by_hand(host.model.network, *samples(2)), many=40)
    assert [report.run["epoch"] for report in collapse.reports] == [0, 1, 2]
    assert collapse.trajectory is not None and collapse.trajectory.epochs == (0, 1, 2)


# Without, the validation itself is measured: no forward more than one, to find the head.
@pytest.mark.parametrize(
    ("kind", "spool"),
    [("written", None), ("written", "1GiB"), ("compiled", None), ("compiled part", "1GiB")],
)
def test_validation(tmp_path: Path, spool: str | None, kind: str) -> None:
    calls: list[int] = []

    class Parts(Module):
        """Without a forward of its own."""

        forward = lightning.LightningModule.forward

        def __init__(self) -> None:
            super().__init__()
            if "compiled" in kind:
                self.network = torch.compile(self.network, backend="eager")

        def training_step(self, batch: Any, index: int) -> Tensor:
            return cross_entropy(self.network(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            self.network(batch[0])

    module: Any = Parts() if "part" in kind else Module()
    module.network.body.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    given = torch.compile(module, backend="eager") if kind == "compiled" else module
    collapse = nctool.lightning.Collapse(metrics=None, spool=spool)
    host = fitted(tmp_path, collapse, module=given, val=loader())
    run = calls.count(False)
    whole = by_hand(module.network, *samples(1))
    report = collapse.reports[-1]
    assert len(collapse.reports) == EPOCHS and report.data["n"] == len(samples(1)[1])
    agree(
        {name: value for name, value in logged(host).items() if spool or "weakest" not in name},
        whole, many=60 if spool else 40,
    )  # fmt: skip
    assert not module.network.fc._forward_hooks and not module.network.fc._forward_pre_hooks
    if kind == "written":
        # Six batches an epoch and two in the sanity check; of each pass the first twice.
        assert run == 2 + 6 * EPOCHS + 1 + EPOCHS


# Unless told it logs the dials and the number that papers plot, every so many epochs.
def test_usual(tmp_path: Path) -> None:
    collapse = nctool.lightning.Collapse(loader(), every=2, prefix="c/")
    host = fitted(tmp_path, collapse, val=loader())
    assert [report.run["epoch"] for report in collapse.reports] == [1]
    names = logged(host, "c/")
    assert {"c/collapse/weakest", "c/nc1/pinv"} <= names.keys() and len(names) < 12


# Loggers get the numbers at the step of the validation, and other callbacks may watch them.
def test_reaches(tmp_path: Path) -> None:
    told: dict[int, dict[str, float]] = {}

    class Logger(lightning.loggers.logger.DummyLogger):  # type: ignore[misc, name-defined]
        def log_metrics(self, metrics: Any, step: int | None = None) -> None:
            told.setdefault(int(step or 0), {}).update(metrics)

    collapse = nctool.lightning.Collapse(loader())
    stop = lightning.callbacks.EarlyStopping("nc/collapse/nc1", mode="max", patience=0, min_delta=9)
    host = fitted(tmp_path, stop, collapse, val=loader(), logger=Logger(), max_epochs=9)
    assert host.current_epoch == 2  # nothing rises by nine
    for step, report in zip((5, 11), collapse.reports, strict=True):
        agree({name: told[step][name] for name in told[step] if name[:3] == "nc/"}, report, many=8)


# A module is trained as it is without the callback, to the last digit.
def test_untouched(tmp_path: Path) -> None:
    def losses(*callbacks: Any, val: Any) -> list[float]:
        return list(fitted(tmp_path, *callbacks, val=val).model.seen)

    Collapse = nctool.lightning.Collapse
    assert losses(val=None) == losses(Collapse(loader(2, shuffle=True)), val=None)
    with_loader = Collapse(loader(2, shuffle=True), prefix="a/")
    assert losses(val=loader()) == losses(with_loader, Collapse(), val=loader())


# Layers that were put into evaluation mode by hand are in it afterwards; the others are not.
@pytest.mark.parametrize("given", [True, False])
def test_modes(tmp_path: Path, given: bool) -> None:
    seen: list[list[bool]] = []

    class Frozen(Module):
        def on_train_epoch_start(self) -> None:
            self.network.body[1].eval()

        def on_before_optimizer_step(self, optimizer: Any) -> None:
            seen.append([each.training for each in self.modules()])

    def modes(*callbacks: Any) -> list[list[bool]]:
        seen.clear()
        fitted(tmp_path, *callbacks, module=Frozen(), val=loader())
        return list(seen)

    assert modes() == modes(nctool.lightning.Collapse(loader() if given else None))


# A trainer of the other spelling takes the callback, too.
def test_other_spelling(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pytest.importorskip("pytorch_lightning")

    class Other(other.LightningModule):  # type: ignore[misc, name-defined]
        forward, configure_optimizers = Module.forward, Module.configure_optimizers
        training_step, validation_step = Module.training_step, Module.validation_step

        def __init__(self) -> None:
            super().__init__()
            self.network = Network()

    collapse = nctool.lightning.Collapse(loader(2), metrics=None)
    host = fitted(tmp_path, collapse, module=Other(), val=loader(), kind=other.Trainer)
    agree(logged(host), by_hand(host.model.network, *samples(2)), many=40)


# Several loaders are measured apart, under the names of Lightning.
def test_several_loaders(tmp_path: Path) -> None:
    class Several(Module):
        def validation_step(self, batch: Any, index: int, dataloader_idx: int = 0) -> None:
            self(batch[0])

    collapse = nctool.lightning.Collapse()
    host = fitted(tmp_path, collapse, module=Several(), val=[loader(1), loader(2)], max_epochs=1)
    first, second = collapse.reports
    agree(logged(host, "nc/dataloader_idx_1/"), second, "nc/dataloader_idx_1/", many=8)
    whole = by_hand(host.model.network, *samples(2))
    assert second["nc1.pinv"].value == pytest.approx(whole["nc1.pinv"].value, rel=1e-6)
    assert first["nc1.pinv"].value != second["nc1.pinv"].value


# A module whose part that is called is not plain is asked for it, before it is trained.
def test_model(tmp_path: Path) -> None:
    class Two(Module):
        forward = lightning.LightningModule.forward

        def __init__(self) -> None:
            super().__init__()
            self.other = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> Tensor:
            return cross_entropy(self.network(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            self.network(batch[0])

    module = Two()
    with pytest.raises(UsageError) as caught:
        fitted(tmp_path, nctool.lightning.Collapse(), module=module, val=loader())
    assert caught.value.slug == "model-unnamed" and not module.seen
    named = nctool.lightning.Collapse(model="network", every=3)
    host = fitted(tmp_path, named, module=Two(), val=loader())
    agree(logged(host), named.reports[0], many=8)


# After an error of the user's own in the validation nothing is left in the module.
def test_exception(tmp_path: Path) -> None:
    class Failing(Module):
        def validation_step(self, batch: Any, index: int) -> None:
            self(batch[0])
            if index == 1 and not self.trainer.sanity_checking:
                raise RuntimeError("of their own")

    module = Failing()
    with pytest.raises(RuntimeError, match="of their own"):
        fitted(tmp_path, nctool.lightning.Collapse(), module=module, val=loader())
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in module.modules())
    compiled: list[object] = []

    def backend(graph: Any, _: object) -> Any:
        compiled.append(graph)
        return graph

    torch.compile(lambda x: x + 1, backend=backend)(torch.ones(1))
    assert compiled  # what is compiled runs compiled again


# Two callbacks that would log under the same names are refused before anything is trained.
def test_twice(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="more than one stateful callback of type `Collapse`"):
        trainer(tmp_path, nctool.lightning.Collapse(loader()), nctool.lightning.Collapse(loader(2)))
    two = nctool.lightning.Collapse(loader()), nctool.lightning.Collapse(loader(2), prefix="b/")
    host = fitted(tmp_path, *two, max_epochs=1)
    assert logged(host) and logged(host, "b/")


# What was measured before an interruption is in the trajectory after it.
def test_resumed(tmp_path: Path) -> None:
    first, second = nctool.lightning.Collapse(loader()), nctool.lightning.Collapse(loader())
    host = fitted(tmp_path, first, max_epochs=1)
    host.save_checkpoint(tmp_path / "a.ckpt")
    again = trainer(tmp_path, second, max_epochs=2)
    again.fit(Module(), loader(0), ckpt_path=tmp_path / "a.ckpt")
    assert second.reports[0] == first.reports[0]
    assert second.trajectory is not None and second.trajectory.epochs == (0, 1)


# Without samples of any kind the training is refused before it begins.
def test_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        fitted(tmp_path, nctool.lightning.Collapse())
    assert caught.value.slug == "nothing-to-measure"
    with pytest.raises(TypeError, match="sede"):
        nctool.lightning.Collapse(loader(), sede=1)
