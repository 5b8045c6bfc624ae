"""Messages of finding the head of a model, and of watching it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from nctool.capture import refusals
from nctool.capture.find import find_head
from tests.capture.kinds import CLASSES, DIM, REFUSED, WIDTH, Net, linear

MODULES = {"refusals": "capture/refusals.py"}
BATCH = torch.linspace(-1, 1, 8 * WIDTH).reshape(8, WIDTH)


def refused(kind: str) -> None:
    make, _ = REFUSED[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript
        model = make()
    find_head(model, (BATCH,))


def named(head: str, rows: int = 8) -> None:
    model = Net(
        lambda m, h: m.fc(h).log_softmax(1), fc=linear(),
        unused=linear(), both=nn.Sequential(linear(DIM), nn.ReLU(), linear()),
    )  # fmt: skip
    model.after = lambda m, h: (m.both(h), m.fc(h).sort(1)[0].log_softmax(1))[1]
    find_head(model, (BATCH[:rows],), head=head)


def one_row() -> None:
    model = Net(lambda m, h: m.fc(h).log_softmax(1), fc=linear())
    find_head(model, (BATCH[:1],))


def called(times: int, compiled: str = "") -> None:
    site = find_head(nn.Sequential(linear(CLASSES, WIDTH)), (BATCH,))
    raise refusals.not_called(replace(site, name="fc"), times, compiled)


def layer() -> None:
    raise refusals.layer_not_called("layer3")


CASES: dict[str, Callable[[], object]] = {
    "refusals.head-not-found": lambda: refused("mean of two views"),
    "refusals.head-not-found.distances": lambda: refused("distances"),
    "refusals.head-not-found.nothing": lambda: refused("no linear operation"),
    "refusals.head-not-found.no-tensor": lambda: refused("no tensor"),
    "refusals.head-not-found.scripted": lambda: refused("scripted head"),
    "refusals.head-not-found.one-row": one_row,
    "refusals.head-ambiguous": lambda: refused("two heads"),
    "refusals.head-ambiguous.calls": lambda: refused("two views"),
    "refusals.head-not-found.nan": lambda: refused("diverged"),
    "refusals.head-scripted": lambda: refused("traced"),
    "refusals.head-named-wrong": lambda: named("cf"),
    "refusals.head-named-wrong.not-called": lambda: named("unused"),
    "refusals.head-named-wrong.several": lambda: named("both"),
    "refusals.head-not-called": lambda: called(0),
    "refusals.head-not-called.compiled": lambda: called(0, "the model (torch.compile)"),
    "refusals.head-not-called.twice": lambda: called(2),
    "refusals.layer-not-called": layer,
}
