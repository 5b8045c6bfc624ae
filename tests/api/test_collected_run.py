"""A model at several checkpoints: their order, what is kept, and what is run again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nctool
from nctool import metrics
from nctool.analysis.measure import Analysis, Settings, measure
from nctool.api.collected_run import Checkpoints, Done, Stage, collected_run, stages_of
from nctool.api.kept_points import Kept
from nctool.core.checkpoints import Moment
from nctool.core.errors import InputError, UsageError
from nctool.core.progress import Advance, Progress
from nctool.inputs.assemble import assemble
from nctool.report.trajectory import Trajectory
from nctool.settings.conventions import Convention
from tests.support import digits

MODEL = nn.Linear(4, 3)
SETTINGS = Settings(Convention())


def save(path: Path, seed: int, **more: object) -> Path:
    torch.manual_seed(seed)
    path.parent.mkdir(exist_ok=True)
    torch.save({"model": nn.Linear(4, 3).state_dict(), **more}, path)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three checkpoints whose order by name is not theirs by epoch."""
    for epoch in (2, 10, 1):
        save(tmp_path / "ckpt" / f"epoch={epoch}.pt", epoch)
    return tmp_path / "ckpt"


class Collector:
    """Measures the head alone, and counts how often."""

    def __init__(self, stops_at: int = 100) -> None:
        self.seen: list[str] = []
        self.stops_at = stops_at

    def __call__(self, stage: Stage, folder: str | None, progress: Progress) -> Analysis:
        if len(self.seen) == self.stops_at:
            raise KeyboardInterrupt
        self.seen.append(stage.label)
        with progress.task("collecting", 4) as advance:
            advance(4)
        weight = MODEL.weight.detach().clone()
        source = assemble(None, None, weight, None, run=stage.run)
        return measure(source, metrics.select("nc2.norm_cv"), SETTINGS)


def collected(run: Path, collector: Collector, kept: Kept, *, keep_last: bool = True) -> Done:
    stages = stages_of(MODEL, run)
    return collected_run(MODEL, stages, collector, kept=kept, keep_last=keep_last)


# A folder of a run, a glob and a list are the same checkpoints in the order of their epochs.
def test_order(run: Path) -> None:
    glob, paths = str(run / "*.pt"), [run / f"epoch={epoch}.pt" for epoch in (10, 1, 2)]
    every: list[Checkpoints] = [run, glob, paths, [glob, paths[0]]]
    for given in every:
        labels = [stage.label for stage in stages_of(MODEL, given)]
        assert labels == ["epoch=1.pt", "epoch=2.pt", "epoch=10.pt"]


# What the file says of its epoch is stronger than its name; a folder's name is the last resort.
def test_moments(tmp_path: Path) -> None:
    said = save(tmp_path / "a" / "epoch=7.pt", 0, epoch=3, global_step=30)
    assert stages_of(MODEL, said)[0].moment == Moment(3, 30)
    named = save(tmp_path / "step=40" / "model.pt", 0)
    [stage] = stages_of(MODEL, named)
    assert (stage.label, stage.moment.step) == ("step=40/model.pt", 40)


# No checkpoint at all is a mistake, and not a run of none.
def test_none() -> None:
    with pytest.raises(UsageError) as caught:
        stages_of(MODEL, [])
    assert caught.value.slug == "checkpoints-missing"


# A point for each checkpoint, with its weights, its moment and where they came from; then the
# model's own again.
def test_points(run: Path) -> None:
    before = MODEL.weight.clone()
    document = collected(run, Collector(), Kept.of(None)).document
    assert isinstance(document, Trajectory)
    assert document.axis == "epoch" and document.epochs == (1, 2, 10)
    for point, epoch in zip(document.points, (1, 2, 10), strict=True):
        torch.manual_seed(epoch)
        expected = nctool.analyze(weight=nn.Linear(4, 3).weight, metrics="nc2.norm_cv")
        assert point.report.value("nc2.norm_cv.weights") == expected.value("nc2.norm_cv.weights")
        [source] = point.report.inputs
        assert source.path == str(run / f"epoch={epoch}.pt") and source.key == "model"
    assert torch.equal(MODEL.weight, before)


# One checkpoint gives a report.
def test_single(run: Path) -> None:
    document = collected(run / "epoch=2.pt", Collector(), Kept.of(None)).document
    assert isinstance(document, nctool.Report) and document.run["epoch"] == 2


# An interrupted run leaves its points in the file, which says so, and goes on from there.
@pytest.mark.parametrize("name", ["run.json", "run.html"])
def test_resumed(name: str, run: Path, tmp_path: Path) -> None:
    kept = Kept.of(tmp_path / name, {"model": "m"})
    before = MODEL.weight.clone()
    with pytest.raises(KeyboardInterrupt):
        collected(run, Collector(stops_at=2), kept)
    assert torch.equal(MODEL.weight, before)
    so_far = nctool.load(tmp_path / name)
    assert isinstance(so_far, Trajectory) and so_far.epochs == (1, 2)
    assert [each.slug for each in so_far.last.warnings] == ["collection-unfinished"]
    collector = Collector()
    document = collected(run, collector, kept).document
    whole = collected(run, Collector(), Kept.of(None)).document
    assert collector.seen == ["epoch=10.pt"]
    assert isinstance(document, Trajectory) and isinstance(whole, Trajectory)
    for point, other in zip(document.points, whole.points, strict=True):
        assert point.report.metrics == other.report.metrics
    assert [each.slug for each in document.last.warnings] == ["points-kept"]
    assert document.last.warnings[0].data == {"points": 2}


# Other settings, another version, other weights under the same name: nothing is taken over.
def test_not_taken_over(run: Path, tmp_path: Path) -> None:
    kept = Kept.of(tmp_path / "run.json", center="balanced")
    with pytest.raises(KeyboardInterrupt):
        collected(run, Collector(stops_at=2), kept)
    assert len(kept.points()) == 2
    assert Kept.of(tmp_path / "run.json", center="samples").points() == {}
    save(run / "epoch=1.pt", 5)
    collector = Collector()
    collected(run, collector, kept)
    assert collector.seen == ["epoch=1.pt", "epoch=10.pt"]


# A file of something else is no reason to stop, and is left as it is until there is a point.
def test_other_files(run: Path, tmp_path: Path) -> None:
    for name, text in (("a.json", "{"), ("b.json", '{"nctool": 1}'), ("c.json", "")):
        (tmp_path / name).write_text(text)
        assert Kept.of(tmp_path / name).points() == {}


# Where arrays are wanted the last point is run in any case, and gives its analysis.
def test_last_again(run: Path, tmp_path: Path) -> None:
    kept = Kept.of(tmp_path / "run.json")
    collected(run, Collector(), kept)
    done = collected(run, collector := Collector(), kept)
    assert collector.seen == [] and done.last is None
    done = collected(run, collector := Collector(), kept, keep_last=False)
    assert collector.seen == ["epoch=10.pt"] and done.last is not None


# Rows go into a folder for each moment, as a run's folders are named; a point whose rows are not
# there any more is run again.
def test_folders(run: Path, tmp_path: Path) -> None:
    folders: list[str | None] = []

    class Writing(Collector):
        def __call__(self, stage: Stage, folder: str | None, progress: Progress) -> Analysis:
            folders.append(folder)
            assert folder is not None
            Path(folder).mkdir(parents=True)
            (Path(folder) / "nctool.json").write_text("{}")
            return super().__call__(stage, folder, progress)

    stages = stages_of(MODEL, run)
    kept, out = Kept.of(tmp_path / "run.json"), str(tmp_path / "feats")
    collected_run(MODEL, stages, Writing(), kept=kept, out=out)
    assert folders == [f"{out}/epoch={epoch}" for epoch in (1, 2, 10)]
    (tmp_path / "feats" / "epoch=2" / "nctool.json").unlink()
    (tmp_path / "feats" / "epoch=2").rmdir()
    collected_run(MODEL, stages, Writing(), kept=kept, out=out)
    assert folders[3:] == [f"{out}/epoch=2"]
    # The same moment twice has no folder of its own by its moment.
    twice = [stages[0], replace(stages[1], moment=stages[0].moment)]
    collected_run(MODEL, twice, Writing(), kept=Kept.of(None), out=f"{out}2")
    assert folders[4:] == [f"{out}2/epoch=1.pt", f"{out}2/epoch=2.pt"]


class Bar:
    """Progress that remembers every step."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.total = 0

    def task(self, title: str, total: int) -> Bar:
        self.total = total
        return self

    def __enter__(self) -> Advance:
        return lambda amount, note="": self.steps.append(amount)

    def __exit__(self, *_: object) -> None: ...


# The bar counts checkpoints and moves within each, so that the time left is known from the first.
def test_progress(run: Path) -> None:
    bar = Bar()
    collected_run(MODEL, stages_of(MODEL, run), Collector(), kept=Kept.of(None), progress=bar)
    assert bar.total == 3 and sum(bar.steps) == pytest.approx(3)
    assert 0 < bar.steps[0] < 1


# In Python the same: a list of checkpoints, the numbers of the command, and a file to go on from.
def test_function(tmp_path: Path) -> None:
    module = digits.script()
    model, loader = module.make_model(), module.make_loader()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    paths = [digits.folder() / f"epoch={epoch}.pt" for epoch in ("1000", "0010")]
    kept = tmp_path / "run.json"
    run = nctool.collect(model, loader, checkpoints=paths, resume=kept, split="train")
    assert isinstance(run, Trajectory) and run.epochs == (10, 1000)
    for point in run.points:
        for result in digits.by_hand(point.label):
            assert point.report.value(result.id) == digits.near(result.value), result.id
    assert run.last.behind is not None and run.last.run["split"] == "train"
    assert nctool.load(kept) == run
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    again = nctool.collect(model, loader, checkpoints=paths, resume=kept, split="train")
    assert isinstance(again, Trajectory)
    assert [each.slug for each in again.last.warnings] == ["points-kept"]
    other = nctool.collect(model, loader, checkpoints=paths[:1], resume=kept)
    assert isinstance(other, nctool.Report) and other.warnings == ()


def two_points(loader: Any, folder: Path) -> Any:
    paths = [folder / f"epoch={epoch}.pt" for epoch in (1, 2)]
    for place, path in enumerate(paths):
        torch.manual_seed(place)
        torch.save(nn.Linear(4, 3).state_dict(), path)
    file = folder / "run.json"
    return nctool.collect(
        nn.Linear(4, 3), loader, checkpoints=paths, resume=file, metrics="nc1", progress=False
    )


class Noisy(Dataset[tuple[torch.Tensor, int]]):
    """Augmented: no two looks at a sample are the same."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.randn(4) + index % 3, index % 3


# Points of other samples are not taken for those of these; augmentation alone makes no others.
def test_other_samples(tmp_path: Path) -> None:
    torch.manual_seed(5)
    x, y = torch.randn(12, 4), torch.arange(12) % 3
    first = two_points(DataLoader(TensorDataset(x, y), 6, shuffle=True), tmp_path)
    again = two_points(DataLoader(TensorDataset(x, y), 6, shuffle=True), tmp_path)
    assert "points-kept" in [each.slug for each in again.last.warnings]
    other = two_points(DataLoader(TensorDataset(x + y[:, None], y), 6), tmp_path)
    assert "points-kept" not in [each.slug for each in other.last.warnings]
    assert other.last.value("nc1.cdnv") != first.last.value("nc1.cdnv")
    two_points(DataLoader(Noisy(), 6), tmp_path)
    noisy = two_points(DataLoader(Noisy(), 6), tmp_path)
    assert "points-kept" in [each.slug for each in noisy.last.warnings]


# What can be read once is no loader for two checkpoints; layers are another axis than time.
def test_refused() -> None:
    module = digits.script()
    model, paths = module.make_model(), digits.folder()
    with pytest.raises(InputError) as caught:
        nctool.collect(model, iter(module.make_loader()), checkpoints=paths)
    assert caught.value.slug == "loader-once"
    with pytest.raises(UsageError) as wrong:
        nctool.collect(model, module.make_loader(), checkpoints=paths, layers="body.*")
    assert wrong.value.slug == "layers-and-checkpoints"


# Of one checkpoint the course over depth is that of the model with its weights, and so is the file.
def test_layers_of_one_checkpoint(tmp_path: Path) -> None:
    module = digits.script()
    model, path = module.make_model(), digits.folder() / "epoch=1000.pt"
    before = {name: value.clone() for name, value in model.state_dict().items()}
    collect = partial(nctool.collect, layers="body.*", metrics="nc1.pinv", bootstrap=0)
    run = collect(model, module.make_loader(), checkpoints=path, out=tmp_path / "rows")
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    model.load_state_dict(torch.load(path, weights_only=True)["model"])
    expected = collect(model, module.make_loader())
    assert isinstance(run, Trajectory) and isinstance(expected, Trajectory)
    labels = [point.label for point in run.points]
    assert labels == [point.label for point in expected.points] and len(labels) > 1
    assert run["nc1.pinv"].tolist() == expected["nc1.pinv"].tolist()
    for point in run.points:
        assert (point.report.inputs[0].role, point.report.run["epoch"]) == ("model", 1000)
    assert (tmp_path / "rows" / "nctool.json").is_file()
