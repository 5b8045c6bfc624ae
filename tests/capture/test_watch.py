"""What a watch takes is of the instant of the head, and nothing of it stays in the model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from nctool.capture.find import find_head
from nctool.capture.watch import HeadReached, Taken, Watch
from nctool.capture.weights import LARGE
from nctool.core.errors import InputError
from tests.capture.kinds import CLASSES, DIM, PLAIN, ROWS, WIDTH, Net, linear, parameter

VIAS = {"hook": "mlp head", "mode": "h @ W.T + b", "impulse": "LoRA"}
"""A kind of model for each way of watching."""


def batch(seed: int = 0) -> Tensor:
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(seed))


def hooks(model: nn.Module) -> list[object]:
    """All that a module knows of its hooks."""
    return [
        (name, key, list(value))
        for name, module in model.named_modules()
        for key, value in sorted(vars(module).items())
        if "hook" in key and hasattr(value, "__len__")
    ]


def modes() -> list[object]:
    """Those that are on."""
    stack: list[object] = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    return stack


def logits_of(taken: Taken) -> Tensor:
    logits = taken.features @ taken.weight.T
    return logits if taken.bias is None else logits + taken.bias


@pytest.fixture(params=VIAS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(2)
    return PLAIN[VIAS[request.param]].make()


# Each forward of several gives its own features, with the head of that moment.
def test_each_forward(model: nn.Module) -> None:
    site = find_head(model, (batch(),))
    with Watch(model, site) as watch:
        for seed in range(3):
            logits = model(batch(seed))
            taken = watch.take()
            with torch.no_grad():
                for each in model.parameters():
                    each.add_(1.0)  # a step of training comes before anybody looks
            torch.testing.assert_close(logits_of(taken), logits.detach(), rtol=1e-5, atol=1e-4)
            assert not taken.features.requires_grad and not taken.weight.requires_grad
    assert watch.calls == 3


# Hooks, modes and parameters are as before, after a watch as well as after an exception in it.
@pytest.mark.parametrize("problem", [None, ValueError("mine"), KeyboardInterrupt()], ids=repr)
def test_nothing_stays(model: nn.Module, problem: BaseException | None) -> None:
    def fail(module: nn.Module, args: object) -> None:
        if problem is not None and watching:
            raise problem

    watching = False
    last = list(model.modules())[-1]
    last.register_forward_pre_hook(fail)
    before, values = hooks(model), copy.deepcopy(model.state_dict())
    training = [module.training for module in model.modules()]
    site = find_head(model, (batch(),))
    assert hooks(model) == before
    assert [module.training for module in model.modules()] == training
    watching = True
    try:
        with Watch(model, site, layers=["body"]) as watch:
            assert hooks(model) != before
            model(batch())
            watch.take()
    except (ValueError, KeyboardInterrupt) as error:
        assert error is problem
    assert hooks(model) == before and not modes()
    assert all(torch.equal(each, values[name]) for name, each in model.state_dict().items())


# After a forward that failed the next is taken as if there had been none.
def test_after_a_failure(model: nn.Module) -> None:
    site = find_head(model, (batch(),))
    with Watch(model, site) as watch:
        with pytest.raises(RuntimeError):
            model(torch.randn(2, WIDTH + 1))
        assert not modes()
        watch.clear()
        logits = model(batch())
        torch.testing.assert_close(logits_of(watch.take()), logits.detach(), rtol=0, atol=1e-5)


# An input that is written over after the head, or a weight after the step, is taken as it was.
def test_written_over_later() -> None:
    model = Net(lambda m, h: (m.fc(h), h.zero_())[0], fc=linear())
    site = find_head(model, (batch(),))
    with torch.no_grad(), Watch(model, site) as watch:
        logits = model(batch())
        taken = watch.take()
        model.get_parameter("fc.weight").zero_()
        torch.testing.assert_close(logits_of(taken), logits)


# What a user's own hook makes of the input of the head is what is taken, whenever it came.
def test_users_hook() -> None:
    model = Net(lambda m, h: m.fc(h), fc=linear())
    site = find_head(model, (batch(),))
    with torch.no_grad(), Watch(model, site) as watch:
        model.get_submodule("fc").register_forward_pre_hook(lambda module, args: (2 * args[0],))
        torch.testing.assert_close(model(batch()), logits_of(watch.take()))


# A large weight is copied again after every change, also one that leaves no version behind.
def test_large_weights() -> None:
    head = nn.Linear(2048, LARGE // 2048 + 1)
    model = nn.Sequential(head)
    rows = torch.ones(3, 2048)
    site = find_head(model, (rows,))
    with torch.no_grad(), Watch(model, site) as watch:
        taken = []
        for _ in range(2):
            model(rows)
            taken.append(watch.take().weight)
        assert taken[0].data_ptr() == taken[1].data_ptr() != head.weight.data_ptr()
        head.weight.data.add_(1.0)
        model(rows)
        changed = watch.take().weight
        assert torch.equal(changed, head.weight) and not torch.equal(changed, taken[0])


# Layers are taken as they were returned, made smaller in that moment.
def test_layers() -> None:
    model = Net(lambda m, h: m.fc(h.relu_()), fc=linear())
    site = find_head(model, (batch(),))
    with torch.no_grad(), Watch(model, site, ["body.0", "body"]) as watch:
        model(batch())
        layers = watch.take().layers
        torch.testing.assert_close(layers["body"], layers["body.0"].tanh())
        assert (layers["body"] < 0).any()
    with torch.no_grad(), Watch(model, site, ["body"], reduce=lambda each: each.sum(1)) as watch:
        model(batch())
        assert watch.take().layers["body"].shape == (ROWS,)


# A layer that a forward does not call is missed by name.
def test_missing_layer() -> None:
    model = Net(lambda m, h: m.fc(h), fc=linear(), unused=linear())
    site = find_head(model, (batch(),))
    with Watch(model, site, ["unused"]) as watch:
        model(batch())
        with pytest.raises(InputError) as error:
            watch.take()
    assert error.value.slug == "layer-not-called" and "unused" in error.value.message


# Forwards are ended before the head where only its input is wanted.
def test_stop(model: nn.Module) -> None:
    site = find_head(model, (batch(),))
    ran = []
    with torch.no_grad():
        logits = model(batch())
    list(model.modules())[-1].register_forward_hook(lambda *_: ran.append(True))
    with torch.no_grad(), Watch(model, site, stop=True) as watch:
        for _ in range(2):
            with pytest.raises(HeadReached):
                model(batch())
            torch.testing.assert_close(logits_of(watch.take()), logits, rtol=0, atol=1e-5)
            assert not modes()
    if site.via == "hook":
        assert not ran


# Features that were not shown exactly once are an error that says how often they were.
@pytest.mark.parametrize(("times", "said"), [(0, "was not called"), (2, "was called 2 times")])
def test_counts(times: int, said: str, model: nn.Module) -> None:
    site = find_head(model, (batch(),))
    with Watch(model, site) as watch:
        for _ in range(times):
            model(batch())
        with pytest.raises(InputError, match=said) as error:
            watch.take()
        assert error.value.slug == "head-not-called"
        model(batch())
        watch.take()


# The model of a sum over products of one shape is told which of them is meant, in every forward.
def test_one_of_several_products() -> None:
    def after(m: Any, h: Tensor) -> Tensor:
        products: list[Tensor] = [h @ m.w.T, h @ m.v.T, m.fc(h)]
        return products[1]

    model = Net(after, w=parameter(CLASSES, DIM), v=parameter(CLASSES, DIM), fc=linear())
    site = find_head(model, (batch(),))
    assert (site.call, site.calls, site.via) == (1, 2, "mode")
    with torch.no_grad(), Watch(model, site) as watch:
        model(batch())
        assert torch.equal(watch.take().weight, model.get_parameter("v"))


# In training power iteration goes on as if nobody watched.
@pytest.mark.parametrize(
    "norm", [nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm], ids=["old", "new"]
)
def test_spectral_norm_in_training(norm: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(3)
    watched = Net(lambda m, h: m.fc(h), fc=norm(linear()))
    alone = copy.deepcopy(watched)
    site = find_head(watched, (batch(),))
    with Watch(watched, site) as watch:
        for seed in range(3):
            logits = watched(batch(seed))
            torch.testing.assert_close(logits_of(watch.take()), logits.detach())
            torch.testing.assert_close(logits, alone(batch(seed)), rtol=0, atol=0)


# A head in half precision is taken in half precision, and its logits are explained all the same.
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["mlp head", "temperature", "log_softmax", "batch norm after"])
def test_halves(kind: str, dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    model = PLAIN[kind].make().to(dtype)
    site = find_head(model, (batch().to(dtype),))
    assert (site.name, site.how) == (PLAIN[kind].name, PLAIN[kind].how)
    with torch.no_grad(), Watch(model, site) as watch:
        model(batch().to(dtype))
        assert watch.take().dtype == dtype


# Under autocast the head is found with full precision, and its features are taken as it sees them.
def test_autocast() -> None:
    model = Net(lambda m, h: m.fc(m.neck(h)).log_softmax(1), neck=linear(4), fc=linear(3, 4))
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        site = find_head(model, (batch(),))
        with Watch(model, site) as watch:
            model(batch())
            assert watch.take().dtype == torch.bfloat16
    assert site.how == "log_softmax"
