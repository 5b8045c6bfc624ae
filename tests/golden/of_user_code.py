"""Messages about the user's own code, and about checkpoints for a model of theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nctool.api.collected_run import stages_of
from nctool.cli import set_values, user_code, user_model

MODULES = {
    "user_code": "cli/user_code.py",
    "user_errors": "cli/user_errors.py",
    "user_model": "cli/user_model.py",
    "set_values": "cli/set_values.py",
    "states": "capture/states.py",
    "state_fit": "capture/state_fit.py",
    "collected_run": "api/collected_run.py",
}

MODEL = nn.Linear(2, 3)
TRAIN = """
import torch

def make_model(width, pretrained=False):
    raise ValueError(f"{width} is too narrow")

def make_loader():
    return torch

def none_left():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
"""


def run(model: str, loader: str = "train.py:make_loader", **values: Any) -> None:
    Path("train.py").write_text(TRAIN)
    both = user_code.address(model), user_code.address(loader)
    with user_code.running(both):
        user_model.made(*both, values, "cpu")[1]()


def no_python() -> None:
    Path("folder").mkdir(exist_ok=True)
    Path("folder", "train.txt").write_text("")
    run("folder/train.txt:model")


def values(*given: str) -> None:
    def make_model(width: int, *, pretrained: bool = False) -> None: ...

    set_values.shared_out(set_values.parsed(given), {"make_model": make_model})


def state(content: object) -> None:
    torch.save(content, "last.pt")
    stages_of(MODEL, "last.pt")


def collect(**more: Any) -> None:
    from nctool import collect

    for epoch in (1, 2):
        torch.save(MODEL.state_dict(), f"epoch={epoch}.pt")
    batch = torch.ones(4, 2), torch.arange(4) % 3
    collect(MODEL, iter([batch]), checkpoints="epoch=*.pt", **more)


CASES: dict[str, Callable[[], object]] = {
    "user_code.object-spec": lambda: user_code.address("train.py"),
    "user_code.object-spec.no-python": no_python,
    "user_code.object-missing": lambda: run("train.py:make_modle"),
    "user_code.object-missing.module": lambda: run("nowhere.train:make_model"),
    "user_code.path-missing": lambda: run("absent.py:make_model"),
    "user_errors.user-code": lambda: run("train.py:make_model", width=1),
    "user_errors.out-of-memory": lambda: run("train.py:none_left"),
    "user_model.not-a-model": lambda: run("train.py:make_loader"),
    "user_model.not-a-loader": lambda: run("torch.nn:Identity"),
    "set_values.bad-set": lambda: values("width"),
    "set_values.bad-set.truth": lambda: values("width=1", "pretrained=false"),
    "set_values.unknown-argument": lambda: values("widht=1"),
    "set_values.argument-missing": lambda: values(),
    "states.state-ambiguous": lambda: state(
        {"student": MODEL.state_dict(), "teacher": MODEL.state_dict()}
    ),
    "state_fit.state-mismatch": lambda: state(
        {"weight": torch.ones(3, 5), "biass": torch.ones(3), "scale": torch.ones(1)}
    ),
    "state_fit.state-missing": lambda: state({"features": torch.ones(3, 5)}),
    "collected_run.checkpoints-missing": lambda: stages_of(MODEL, []),
    "collected_run.loader-once": collect,
    "collected_run.layers-and-checkpoints": lambda: collect(layers="*"),
}
