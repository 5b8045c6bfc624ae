"""Messages of running a model over a loader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from nctool.capture.batches import as_labels, reading
from nctool.capture.spool import Spool
from nctool.settings.capture_options import CaptureOptions

MODULES = {
    "batches": "capture/batches.py",
    "spool": "capture/spool.py",
    "capture_options": "settings/capture_options.py",
}

PIXELS = torch.ones(3, 2)


def into_a_folder_of_others() -> None:
    Path("thesis").mkdir()
    Path("thesis", "thesis.tex").write_text("")
    Spool(0, Path("thesis"))


def below_a_file() -> None:
    Path("file").write_text("")
    Spool(0, Path("file", "feats").resolve())


CASES: dict[str, Callable[[], object]] = {
    "batches.batch-labels": lambda: reading(nn.Identity(), None, None).batch(
        {"pixels": PIXELS, "topic": 1}
    ),
    "batches.batch-labels.place": lambda: reading(nn.Identity(), 2, None).batch((PIXELS, 1)),
    "batches.batch-labels-unlike": lambda: as_labels(["cat", "dog"]),
    "batches.batch-labels-unlike.single": lambda: as_labels(3),
    "spool.out-taken": into_a_folder_of_others,
    "spool.output-unwritable": below_a_file,
    "capture_options.bad-tokens": lambda: CaptureOptions(tokens=1.5),
}
