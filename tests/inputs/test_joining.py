"""Data sets in parts: each way of writing them gives what the whole gives."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nctool
from nctool.core.errors import InputError
from nctool.inputs.sources import load
from nctool.settings.role_options import RoleOptions
from tests.cli.shell import inside
from tests.inputs.parts_help import METRICS, is_whole, measured, read, refused
from tests.support import written
from tests.support.written import BATCHES, FEATURES, FILES, FOLDERS, LABELS, RANKS, ROWS


# A folder of parts is the whole to the bit, also as a glob of its files and as a list of them.
@pytest.mark.parametrize("way", FOLDERS)
def test_folders(way: str, tmp_path: Path) -> None:
    whole = measured(written.whole(tmp_path / "whole.npz"))
    folder = tmp_path / "feats"
    folder.mkdir()
    FOLDERS[way](folder)
    assert is_whole(folder) and is_whole(folder / "*") and is_whole(*reversed([*folder.iterdir()]))
    assert measured(folder) == measured(folder / "*") == whole


# A file that holds all parts is the whole to the bit.
@pytest.mark.parametrize("way", FILES)
def test_files(way: str, tmp_path: Path) -> None:
    name, write = FILES[way]
    write(tmp_path / name)
    assert is_whole(tmp_path / name)
    assert measured(tmp_path / name) == measured(written.whole(tmp_path / "whole.npz"))


# Embeddings beside a table each, as large-scale embedding writes them, in one folder or in two.
@pytest.mark.parametrize("folders", [("img_emb", "metadata"), ("", "")])
def test_embeddings_with_tables(tmp_path: Path, folders: tuple[str, str]) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    embeddings, tables = (tmp_path / "out" / name for name in folders)
    for number, rows in enumerate(written.cut(RANKS)):
        for folder in (embeddings, tables):
            folder.mkdir(parents=True, exist_ok=True)
        written.npy(embeddings, **{f"img_emb_{number}": FEATURES[rows]})
        columns = {"image_path": [f"{row}.jpg" for row in rows], "label": LABELS[rows].numpy()}
        parquet.write_table(arrow.table(columns), tables / f"metadata_{number}.parquet")
    assert is_whole(tmp_path / "out")


# The command reads parts as Python does; inspect says how many there are and how they are joined.
def test_command(tmp_path: Path) -> None:
    folder = tmp_path / "feats"
    folder.mkdir()
    FOLDERS["npy with indices"](folder)
    report = tmp_path / "report.json"
    result = inside(
        "analyze", str(folder / "rank*.npy"), "--metrics", METRICS, "--json", str(report)
    )
    assert result.code == 0
    saved = json.loads(report.read_text())
    assert saved["digest"] == measured(written.whole(tmp_path / "whole.npz"))
    reasons = {each["role"]: each["reason"] for each in saved["inputs"]}
    joined = "3 parts joined by sample index rank*_val_inds"
    assert reasons["features"].endswith(joined) and reasons["labels"].endswith(joined)
    shown = inside("inspect", str(folder), "--width", "200").out
    assert "rank*_val_features" in shown and "60 × 5" in shown and joined in shown
    assert joined in repr(nctool.inspect(folder)).replace("\n  ", " ")


# However the rows are cut, with no index, parts come by their numbers: 2 before 10.
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, ROWS), max_size=14))
def test_any_cut(tmp_path_factory: pytest.TempPathFactory, ends: list[int]) -> None:
    bounds = [0, *sorted(ends), ROWS]
    rows = [slice(low, high) for low, high in pairwise(bounds)]
    path = tmp_path_factory.mktemp("cut") / "x.pt"
    parts = {
        "features": [FEATURES[part] for part in rows],
        "labels": [LABELS[part] for part in rows],
    }
    torch.save(parts, path)
    assert is_whole(path)


# Any range of joined rows is that range of the whole, also where an index has put them in order.
@pytest.mark.parametrize("bounds", [(0, 60), (1, 2), (17, 45), (59, 99), (5, 5)])
def test_slices(tmp_path: Path, bounds: tuple[int, int]) -> None:
    FOLDERS["npz of ranks"](tmp_path)
    features = load([str(tmp_path)], RoleOptions()).features
    assert features is not None
    assert torch.equal(torch.as_tensor(features.rows(*bounds)), FEATURES[slice(*bounds)])


# The head that each rank saves beside its rows is one head where all are equal, and several else.
@pytest.mark.parametrize("alike", [True, False])
def test_heads_beside(tmp_path: Path, alike: bool) -> None:
    for rank, rows in enumerate(written.cut(RANKS)):
        weight = torch.eye(written.CLASSES, written.DIM) * (1 if alike else rank + 1)
        torch.save({"features": FEATURES[rows], "labels": LABELS[rows], "weight": weight},
                   tmp_path / f"rank{rank}.pt")  # fmt: skip
    if alike:
        weight_of = load([str(tmp_path)], RoleOptions()).weight
        assert weight_of is not None and is_whole(tmp_path)
    else:
        assert refused(tmp_path).slug == "ambiguous-head"


# A part can still be taken alone, and some of them by a glob.
def test_parts_alone(tmp_path: Path) -> None:
    FOLDERS["numbered npy"](tmp_path)
    features, labels = read(tmp_path, features="features_1", labels="labels_1")
    assert torch.equal(features, FEATURES[20:40]) and torch.equal(labels.long(), LABELS[20:40])
    features, labels = read(tmp_path, features="features_[12]")
    assert torch.equal(features, FEATURES[20:]) and torch.equal(labels.long(), LABELS[20:])


# A glob joins what it names, in natural order; the labels may be whole.
def test_glob(tmp_path: Path) -> None:
    FILES["dict of lists"][1](tmp_path / "x.pt")
    assert is_whole(tmp_path / "x.pt", features="features.*", labels="labels.*")
    assert is_whole(tmp_path / "x.pt", features="x.pt::features.*")
    halves = {"first half": FEATURES[:30], "second half": FEATURES[30:], "labels": LABELS}
    torch.save(halves, tmp_path / "y.pt")
    assert is_whole(tmp_path / "y.pt", features="* half", labels="labels")


# Splits are never joined with one another, and parts of each are.
def test_splits(tmp_path: Path) -> None:
    for split, sign in (("train", 1), ("val", -1)):
        for rank, rows in enumerate(written.cut(RANKS)):
            written.npy(tmp_path, **{f"{split}_feats_rank{rank}": sign * FEATURES[rows],
                                     f"{split}_labels_rank{rank}": LABELS[rows]})  # fmt: skip
    assert is_whole(tmp_path, split="train")
    assert torch.equal(read(tmp_path, split="val")[0], -FEATURES)


# Out-of-distribution features in parts need no labels.
@pytest.mark.parametrize("source", ["ood", "ood/rank*.npy"])
def test_out_of_distribution(tmp_path: Path, source: str) -> None:
    (tmp_path / "ood").mkdir()
    for rank, rows in enumerate(written.cut(RANKS)):
        written.npy(tmp_path / "ood", **{f"rank{rank}_features": FEATURES[rows]})
    loaded = load([str(written.whole(tmp_path / "x.npz"))], RoleOptions(ood=str(tmp_path / source)))
    assert loaded.ood is not None and torch.equal(torch.as_tensor(loaded.ood.whole()), FEATURES)


# Opening parts reads no rows, and reading some holds no more than those in memory.
def test_memory(tmp_path: Path) -> None:
    part = np.zeros((20_000, 64), dtype="float32")  # 5 MB
    for rank in range(8):
        np.save(tmp_path / f"rank{rank}_features.npy", part + rank)
        np.save(tmp_path / f"rank{rank}_labels.npy", np.arange(len(part)) % 7 + rank)
        np.save(tmp_path / f"rank{rank}_index.npy", np.arange(rank, 160_000, 8))
    tracemalloc.start()
    features = load([str(tmp_path)], RoleOptions()).features
    assert features is not None and features.shape == (160_000, 64)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    rows = features.rows(1000, 3000)
    assert isinstance(rows, torch.Tensor) and rows[:, 0].tolist() == [
        row % 8 for row in range(2000)
    ]
    # torch's own memory is not traced; numpy's copies of rows would be.
    assert tracemalloc.get_traced_memory()[1] - before < 2 * 2000 * 64 * 4
    tracemalloc.stop()


# Dozens of batches in a list are one array each, with one file.
def test_inspect_of_lists(tmp_path: Path) -> None:
    FILES["list of pairs"][1](tmp_path / "x.pt")
    inside = nctool.inspect(tmp_path / "x.pt")
    assert [(array.key, array.shape) for array in inside.arrays] == [
        ("*.0", (ROWS, 5)), ("*.1", (ROWS,))
    ]  # fmt: skip
    plain = inside.to_dict()["arrays"][0]
    assert plain["joined"] == f"{BATCHES} parts joined in the order of their numbers"


# Hundreds of parts are read with few files open: a mapping is let go before the next.
def test_open_files(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    rows = [slice(row % ROWS, row % ROWS + 1) for row in range(600)]
    parts = [(FEATURES[row], LABELS[row]) for row in rows]
    torch.save(parts, tmp_path / "x.pt")
    features = load([str(tmp_path / "x.pt")], RoleOptions()).features
    assert features is not None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(300, soft), hard))
    try:
        whole = features.whole()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert torch.equal(torch.as_tensor(whole), FEATURES.repeat(10, 1))


# Sums of ranks are no parts: they are left to those who merge them.
def test_sums_are_no_parts(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.cut(2)):
        written.npz(tmp_path / "part.npz", features=FEATURES[rows], labels=LABELS[rows])
        nctool.stats(tmp_path / "part.npz", out=tmp_path / f"rank{rank}.ncstats")
    with pytest.raises(InputError) as caught:
        nctool.analyze(tmp_path / "rank0.ncstats", tmp_path / "rank1.ncstats")
    assert caught.value.slug == "several-sums"
