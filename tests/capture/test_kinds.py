"""The head of every kind of model is the right one, or refused: never another."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from nctool.capture.find import find_head
from nctool.capture.outputs import at
from nctool.capture.watch import Watch
from nctool.core.errors import InputError
from tests.capture.kinds import PLAIN, REFUSED, ROWS, WIDTH, Kind
from tests.capture.packaged import PACKAGED


def checked(kind: Kind, model: nn.Module) -> None:
    """What is found is the truth, and what a watch takes afterwards explains new logits."""
    args, kwargs = kind.arguments
    site = find_head(model, args, kwargs)
    seen = (site.name, site.how, site.via, site.rows, site.call, site.calls, site.output)
    assert seen == (
        kind.name, kind.how, kind.via, kind.rows, kind.call, kind.calls, kind.output
    )  # fmt: skip
    for module in model.modules():
        module.training = False
    args, kwargs = kind.arguments
    with torch.no_grad(), Watch(model, site) as watch:
        logits = at(model(*args, **kwargs), site.output)
        taken = watch.take()
    assert watch.calls == kind.calls
    with torch.no_grad():
        before = taken.features @ taken.weight.T
        before = before if taken.bias is None else before + taken.bias
        again = kind.finish(model, before)
    assert taken.weight.shape == (site.classes, site.dim)
    torch.testing.assert_close(again.reshape(logits.shape), logits, rtol=0, atol=kind.rounding)
    if kind.weight is not None:
        with torch.no_grad():
            torch.testing.assert_close(taken.weight, kind.weight(model), rtol=0, atol=1e-6)


# The head that is found is where the model's author put it, and its numbers give new logits.
@pytest.mark.parametrize("name", PLAIN)
def test_kind(name: str) -> None:
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of quantisation and old norms
        checked(PLAIN[name], PLAIN[name].make())


# What has no head of its own is refused by name, and never taken for something else.
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    torch.manual_seed(1)
    make, slug = REFUSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript
        model = make()
    with pytest.raises(InputError) as error:
        find_head(model, (torch.randn(ROWS, WIDTH),))
    assert error.value.slug == slug


# So it is in the models of packages, where they are installed.
@pytest.mark.parametrize("name", PACKAGED)
def test_packaged(name: str) -> None:
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages
        checked(PACKAGED[name], PACKAGED[name].make())
