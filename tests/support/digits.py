"""The digits network, its data and its checkpoints, and what is taken of it by hand."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import nctool

ROOT = Path(__file__).parents[2]


def folder() -> Path:
    return ROOT / "fixtures" / "digits_training"


@cache
def script() -> Any:
    """The training script as a module; nothing of it knows nctool."""
    spec = importlib.util.spec_from_file_location("digits_train", folder() / "train.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def by_hand(checkpoint: str) -> nctool.Report:
    """What somebody measures who takes the features of the training images themselves."""
    model = script().make_model()
    model.load_state_dict(torch.load(folder() / checkpoint)["model"])
    model.eval()
    images, labels = script().images("train")
    with torch.no_grad():
        features = model.body(images)
    weight, bias = model.head.weight.detach(), model.head.bias.detach()
    return nctool.analyze(features=features, labels=labels, weight=weight, bias=bias)


def near(value: float | None) -> object:
    """The same number to a millionth, or none."""
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-12)
