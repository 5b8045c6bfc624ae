"""What is no data set in parts, or not all of one, and how that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import nctool
from nctool.core.errors import InputError
from nctool.inputs.sources import load
from nctool.settings.role_options import RoleOptions
from tests.inputs.parts_help import METRICS, is_whole, measured, read, refused
from tests.support import written
from tests.support.written import FEATURES, FOLDERS, LABELS, RANKS, ROWS


# Numbers that count rows before a part, or start at one, leave nothing out; ranks start at zero.
@pytest.mark.parametrize(
    ("word", "numbers", "missing"),
    [("", (0, 20, 40), None), ("", (1, 2, 3), None), ("chunk", (1, 2, 3), None),
     ("rank", (1, 2, 3), [0]), ("chunk", (0, 2, 3), [1])],
)  # fmt: skip
def test_gaps_in_numbers(
    tmp_path: Path, word: str, numbers: tuple[int, ...], missing: list[int] | None
) -> None:
    for each, rows in zip(numbers, written.cut(RANKS), strict=True):
        number = f"{word}{each}"
        written.npy(tmp_path, **{f"features_{number}": FEATURES[rows],
                                 f"labels_{number}": LABELS[rows]})  # fmt: skip
    notices = {each.slug: each.data for each in load([str(tmp_path)], RoleOptions()).notices}
    assert is_whole(tmp_path)
    assert notices.get("parts-missing") == (missing and {"missing": missing})


# Where names say how many parts there are, a missing one is refused by its number.
def test_incomplete(tmp_path: Path) -> None:
    FOLDERS["npz -of-"](tmp_path)
    (tmp_path / "val-00001-of-00003.npz").unlink()
    problem = refused(tmp_path)
    assert problem.slug == "shard-missing" and "1 missing" in problem.message


# Parts of features and labels that cannot be paired are refused with both lists.
def test_unpaired(tmp_path: Path) -> None:
    FOLDERS["numbered npy"](tmp_path)
    (tmp_path / "labels_1.npy").unlink()
    problem = refused(tmp_path)
    assert problem.slug == "shards-unpaired"
    assert "('features_*': 0, 1, 2)" in problem.message and "('labels_*': 0, 2)" in problem.message
    written.npy(tmp_path, labels_1=LABELS[:7])
    assert "part 1 has 20 features" in refused(tmp_path).message


# A part of other width or type is refused by its name.
@pytest.mark.parametrize("odd", [FEATURES[:20, :4], FEATURES[:20].half()])
def test_unlike_parts(tmp_path: Path, odd: torch.Tensor) -> None:
    FOLDERS["pt of ranks"](tmp_path)
    rows = written.sampled()[1]
    torch.save({"features": odd, "labels": LABELS[rows], "index": torch.tensor(rows)},
               tmp_path / "feats_rank1.pt")  # fmt: skip
    problem = refused(tmp_path)
    assert problem.slug == "shards-differ" and "rank 1" in problem.message


# A truncated part is refused by its file, when it is opened or when it is read.
def test_truncated(tmp_path: Path) -> None:
    FOLDERS["safetensors of ranks"](tmp_path)
    part = tmp_path / "feats_rank2.safetensors"
    part.write_bytes(part.read_bytes()[:-8])
    problem = refused(tmp_path)
    assert problem.slug == "file-truncated" and part.name in problem.message


# A row that is not finite is told by its place in the whole.
def test_not_finite(tmp_path: Path) -> None:
    broken = FEATURES.clone()
    broken[33, 2] = float("nan")
    for rank, rows in enumerate(written.cut(RANKS)):
        written.npz(tmp_path / f"rank{rank}.npz", features=broken[rows], labels=LABELS[rows])
    with pytest.raises(InputError) as caught:
        nctool.analyze(tmp_path, metrics=METRICS)
    assert caught.value.slug == "non-finite-features" and "row 33" in caught.value.message


# A part that is a link out of the folder is not followed.
def test_links(tmp_path: Path) -> None:
    folder = tmp_path / "feats"
    folder.mkdir()
    FOLDERS["npz of ranks"](folder)
    outside = tmp_path / "secret.npz"
    (folder / "feats_rank1.npz").rename(outside)
    (folder / "feats_rank1.npz").symlink_to(outside)
    assert refused(folder).slug == "path-escapes"


# More files than can be opened together are one error before any is opened.
def test_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nctool.readers.file_folder.MOST_FILES", 2)
    FOLDERS["numbered npy"](tmp_path)
    assert refused(tmp_path).slug == "too-many-shards"


# Layers, of as many rows each as there are labels, are never joined; how to measure all is said.
@pytest.mark.parametrize("widths", [(5, 5, 5), (3, 5, 4)])
@pytest.mark.parametrize("name", ["layer{}", "features.{}", "chunk{}_features"])
@pytest.mark.parametrize("named", [True, False])
def test_layers(tmp_path: Path, widths: tuple[int, ...], name: str, named: bool) -> None:
    arrays = {name.format(at): FEATURES[:, :width] for at, width in enumerate(widths)}
    torch.save({**arrays, "labels": LABELS}, tmp_path / "x.pt")
    glob = name.format("*")
    problem = refused(tmp_path / "x.pt", **({"features": glob} if named else {}))
    assert problem.slug == "ambiguous-features" and f"--layers '{glob}'" in problem.hint
    trajectory = nctool.trajectory(tmp_path / "x.pt", layers=glob, metrics=METRICS)
    assert len(trajectory.points) == 3


# Layers that each rank writes are joined over ranks, and measured as layers.
def test_layers_in_parts(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.cut(RANKS)):
        written.npz(tmp_path / f"rank{rank}.npz", layer1=2 * FEATURES[rows], layer2=FEATURES[rows],
                    labels=LABELS[rows])  # fmt: skip
    assert refused(tmp_path).slug == "ambiguous-features"
    assert is_whole(tmp_path, features="*layer2")
    trajectory = nctool.trajectory(tmp_path, layers="*layer*", metrics=METRICS)
    assert [point.report.data["n"] for point in trajectory.points] == [ROWS, ROWS]
    assert trajectory.points[1].report.digest == measured(written.whole(tmp_path / "whole.npz"))


# The same labels under bare numbers may be moments: both readings are told, and a flag decides.
def test_parts_or_moments(tmp_path: Path) -> None:
    for number in range(3):
        written.npy(tmp_path, **{f"features_{number}": FEATURES * (number + 1) + number,
                                 f"labels_{number}": LABELS})  # fmt: skip
    problem = refused(tmp_path)
    assert problem.slug == "shards-or-moments" and "epoch=0" in problem.hint
    features, _ = read(tmp_path, features="features_*", labels="labels_*")
    assert len(features) == 3 * ROWS


# Ranks that have each written everything are no parts.
def test_repeated_parts(tmp_path: Path) -> None:
    for rank in range(RANKS):
        written.npz(tmp_path / f"rank{rank}.npz", features=FEATURES, labels=LABELS)
    assert refused(tmp_path).slug == "shards-repeat"


# A rank with the labels of another is a part: classes may come equally often on all.
def test_same_labels_on_ranks(tmp_path: Path) -> None:
    labels = torch.arange(ROWS) // 15
    for rank in range(2):
        rows = range(rank, ROWS, 2)
        written.npz(tmp_path / f"rank{rank}.npz", features=FEATURES[rows], labels=labels[rows])
    assert len(read(tmp_path)[0]) == ROWS


# Numbers in the names of networks are none of parts: each network's parts are an array.
def test_networks(tmp_path: Path) -> None:
    for net in (16, 19):
        for rank, rows in enumerate(written.cut(RANKS)):
            written.npz(tmp_path / f"vgg{net}_rank{rank}.npz", features=FEATURES[rows] * net,
                        labels=LABELS[rows])  # fmt: skip
    problem = refused(tmp_path)
    assert problem.slug == "ambiguous-features" and "vgg16_rank*.features" in problem.hint
    features, _ = read(tmp_path, features="vgg16_rank*.features")
    assert torch.equal(features, FEATURES * 16)
    alone = tmp_path / "alone"
    alone.mkdir()
    for net in (16, 19):
        written.npy(alone, **{f"vgg{net}_features": FEATURES * net, f"vgg{net}_labels": LABELS})
    assert refused(alone).slug == "ambiguous-features"


# A glob that names several splits joins none of them.
def test_glob_over_splits(tmp_path: Path) -> None:
    for split in ("train", "val"):
        written.npy(tmp_path, **{f"{split}_features": FEATURES, f"{split}_labels": LABELS})
    problem = refused(tmp_path, features="*_features", labels="*_labels")
    assert problem.slug == "ambiguous-features"
