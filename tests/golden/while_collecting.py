"""Messages of running a model over a loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import nctool
from nctool.capture.batches import as_labels, reading
from nctool.capture.spool import Spool
from nctool.settings.capture_options import CaptureOptions

MODULES = {
    "batches": "capture/batches.py",
    "spool": "capture/spool.py",
    "capture_options": "settings/capture_options.py",
    "forward": "capture/forward.py",
    "rows": "capture/rows.py",
    "watched": "capture/watched.py",
    "monitor": "api/monitor.py",
    "collected_rows": "analysis/collected_rows.py",
}

PIXELS, LABELS = torch.tensor([[1.0, 2.0], [3.0, 1.0], [0.5, 4.0]]), torch.arange(3)


def into_a_folder_of_others() -> None:
    Path("thesis").mkdir()
    Path("thesis", "thesis.tex").write_text("")
    Spool(0, Path("thesis"))


def below_a_file() -> None:
    Path("file").write_text("")
    Spool(0, Path("file", "feats").resolve())


def collected(batches: Any, model: nn.Module | None = None, **how: Any) -> None:
    nctool.collect(model or nn.Linear(2, 3), batches, progress=False, **how)


def trained(part: str) -> None:
    """A loader that trains the model."""
    model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3))

    def batches() -> Iterator[Any]:
        for _ in range(2):
            yield PIXELS, LABELS
            model.get_parameter(part).data.mul_(2)

    collected(batches(), model)


def compiled_before() -> None:
    model = nn.Linear(2, 3)
    model.compile(backend="eager")
    nctool.Monitor(model).add(LABELS)


CASES: dict[str, Callable[[], object]] = {
    "batches.batch-labels": lambda: reading(nn.Identity(), None, None).batch(
        {"pixels": PIXELS, "topic": 1}
    ),
    "batches.batch-labels.place": lambda: reading(nn.Identity(), 2, None).batch((PIXELS, 1)),
    "batches.batch-labels-unlike": lambda: as_labels(["cat", "dog"]),
    "batches.batch-labels-unlike.single": lambda: as_labels(3),
    "spool.out-taken": into_a_folder_of_others,
    "spool.output-unwritable": below_a_file,
    "collected_rows.class-names": lambda: collected([(PIXELS, LABELS)], class_names=["ant"]),
    "monitor.out-with-ranks": lambda: nctool.Monitor(nn.Linear(2, 3), spool="1MiB").report(
        ranks=True
    ),
    "monitor.monitor-empty": lambda: nctool.Monitor(nn.Linear(2, 3)).report(),
    "monitor.monitor-not-called": lambda: nctool.Monitor(nn.Linear(2, 3)).add(LABELS),
    "monitor.monitor-not-called.compiled": compiled_before,
    "forward.loader-empty": lambda: collected([]),
    "forward.loader-empty.iterator": lambda: collected(iter([])),
    "forward.loader-empty.labels": lambda: collected(
        [(torch.tensor([[0, 1], [2, 3], [1, 4]]), torch.full((3, 2), -100))],
        nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5)),
    ),
    "forward.layers-not-found": lambda: collected([(PIXELS, LABELS)], layers="layer*"),
    "rows.rows-against-labels": lambda: collected([(PIXELS, LABELS), (PIXELS, LABELS[:2])]),
    "rows.labels-not-one-hot": lambda: collected([(PIXELS, PIXELS)], spool=0),
    "rows.labels-against-head": lambda: collected([(PIXELS, LABELS + 3)], spool=0),
    "watched.model-changed": lambda: trained("0.weight"),
    "watched.model-changed.head": lambda: trained("1.weight"),
    "watched.not-fp32": lambda: collected(
        [(PIXELS.bfloat16(), LABELS)], nn.Linear(2, 3).bfloat16(), fp32=True
    ),
    "capture_options.bad-tokens": lambda: CaptureOptions(tokens=1.5),
}
