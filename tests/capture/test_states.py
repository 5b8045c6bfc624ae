"""Weights of a checkpoint into a model: whatever wraps them, all of them, and out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict_saver import save as save_distributed

from nctool.capture.states import State, borrowed, state_for
from nctool.core.errors import InputError
from nctool.readers import open_path

StateDict = dict[str, Tensor]


def network(seed: int = 0, width: int = 5) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.Linear(width, 3))
    layers[1].running_mean = torch.rand(width)
    return layers


def compiled(model: nn.Module) -> nn.Module:
    # A backend that needs no compiler; the names are those of any.
    return torch.compile(model, backend="eager")  # type: ignore[return-value]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight


def found(model: nn.Module, path: Path, prefix: str | None = None) -> State:
    return state_for(model, open_path(path), prefix)


def saved(values: Any, path: Path) -> Path:
    torch.save(values, path)
    return path


def prefixed(prefix: str, state: StateDict) -> StateDict:
    return {prefix + name: value for name, value in state.items()}


def same(left: nn.Module, right: StateDict) -> bool:
    own = left.state_dict()
    return all(torch.equal(own[name], value) for name, value in right.items())


WRAPPED: dict[str, Callable[[StateDict], Any]] = {
    "bare": lambda state: state,
    "model": lambda state: {"model": state, "optimizer": {"state": {0: torch.ones(5, 4)}}},
    "state_dict": lambda state: {"state_dict": prefixed("module.", state), "epoch": 3},
    "compiled": lambda state: {"model": prefixed("_orig_mod.", state)},
    "both": lambda state: prefixed("module._orig_mod.", state),
    "lightning": lambda state: {"state_dict": prefixed("net.", state), "global_step": 5},
    "average alone": lambda state: {"ema": prefixed("module.", state) | {"n": torch.tensor(1)}},
}


# Weights are found under whatever a training wraps them in, running means with them.
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=[*WRAPPED])
def test_wrappers(wrap: Callable[[StateDict], Any], tmp_path: Path) -> None:
    state = network(1).state_dict()
    model = network()
    with borrowed(model) as load:
        load(found(model, saved(wrap(state), tmp_path / "x.pt")))
        assert same(model, state)


# So they are where the model is wrapped, and the file is not.
@pytest.mark.parametrize("wrap", [compiled, nn.DataParallel, nn.Sequential])
def test_wrapped_models(wrap: Callable[[nn.Module], nn.Module], tmp_path: Path) -> None:
    state, model = network(1).state_dict(), network()
    wrapped = wrap(model)
    with borrowed(wrapped) as load:
        load(found(wrapped, saved({"model": state}, tmp_path / "x.pt")))
        assert same(model, state)


def write_dcp(state: StateDict, folder: Path) -> Path:
    save_distributed({"model": state, "epoch": 3}, checkpoint_id=folder / "dcp", no_dist=True)
    return folder / "dcp"


def write_safetensors(state: StateDict, folder: Path) -> Path:
    save_file(state, folder / "x.safetensors")
    return folder / "x.safetensors"


def write_hugging_face(state: StateDict, folder: Path) -> Path:
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "vit"}')
    return folder


WRITERS: dict[str, Callable[[StateDict, Path], Path]] = {
    "zip": lambda state, folder: saved(state, folder / "x.pt"),
    "safetensors": write_safetensors,
    "hugging face": write_hugging_face,
    "dcp": write_dcp,
}


# Every format that nctool reads will do, and the weights are the same by their fingerprint.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", WRITERS.values(), ids=[*WRITERS])
def test_formats(write: Callable[[StateDict, Path], Path], tmp_path: Path) -> None:
    state = network(1).state_dict()
    model = network()
    read = found(model, write(state, tmp_path))
    with borrowed(model) as load:
        load(read)
        assert same(model, state)
    bare = found(model, saved(state, tmp_path / "bare.pt"))
    assert read.fingerprint == bare.fingerprint
    assert found(model, saved(network(2).state_dict(), tmp_path / "2.pt")).fingerprint != (
        read.fingerprint
    )


# A module that was saved whole is read as data: its class is neither needed nor run.
def test_whole_module(tmp_path: Path) -> None:
    model, other = network(), network(1)
    with borrowed(model) as load:
        load(found(model, saved(other, tmp_path / "x.pt")))
        assert same(model, other.state_dict())


# Raw weights are taken and the average is said; naming the average takes it.
def test_average(tmp_path: Path) -> None:
    raw, average = network(1).state_dict(), network(2).state_dict()
    path = saved({"model": raw, "ema": prefixed("module.", average)}, tmp_path / "x.pt")
    model = network()
    first, second = found(model, path), found(model, path, "ema")
    assert [notice.slug for notice in first.notices] == ["state-twin"] and second.notices == ()
    assert "x.pt::ema.module" in first.notices[0].hint
    with borrowed(model) as load:
        load(first)
        assert same(model, raw)
        load(second)
        assert same(model, average)


# Of two states that fit equally none is guessed.
def test_ambiguous(tmp_path: Path) -> None:
    state = network(1).state_dict()
    path = saved({"student": state, "teacher": state}, tmp_path / "x.pt")
    with pytest.raises(InputError) as caught:
        found(network(), path)
    assert caught.value.slug == "state-ambiguous" and "x.pt::teacher" in caught.value.hint
    assert found(network(), path, "student").prefix == "student"


# A tied tensor that is stored once fills both its places.
def test_tied(tmp_path: Path) -> None:
    other, model = Tied(), Tied()
    save_model(other, str(tmp_path / "x.safetensors"))
    assert len(open_path(tmp_path / "x.safetensors").arrays) == 1
    with borrowed(model) as load:
        load(found(model, tmp_path / "x.safetensors"))
        assert same(model, other.state_dict()) and model.head.weight is model.embed.weight


# Half precision is widened to the model's own.
def test_half_precision(tmp_path: Path) -> None:
    state = {name: value.half() if value.is_floating_point() else value
             for name, value in network(1).state_dict().items()}  # fmt: skip
    model = network()
    with borrowed(model) as load:
        load(found(model, saved(state, tmp_path / "x.pt")))
        assert same(model, {name: value.to(model.state_dict()[name].dtype)
                            for name, value in state.items()})  # fmt: skip


def without(state: StateDict, name: str) -> StateDict:
    return {key: value for key, value in state.items() if key != name}


# What is missing, left over or of another shape is named, with what it may be called instead.
@pytest.mark.parametrize(
    ("state", "slug", "said"),
    [
        (without(network().state_dict(), "2.bias"), "state-mismatch", "1 array missing: 2.bias"),
        (network().state_dict() | {"3.scale": torch.ones(3)}, "state-mismatch", "left over: 3.sc"),
        (network(width=6).state_dict(), "state-mismatch",
         "0.weight is float32 (6, 4) there, float32 (5, 4) in the model"),
        (without(network().state_dict(), "1.running_mean") | {"1.runing_mean": torch.ones(5)},
         "state-mismatch", "1.running_mean (nearest: 1.runing_mean)"),
        ({name: value.long() for name, value in network().state_dict().items()}, "state-mismatch",
         "0.weight is int64 (5, 4) there, float32 (5, 4) in the model"),
        ({"features": torch.ones(9, 4)}, "state-missing", "it has features; the model has 0.weig"),
    ],
)  # fmt: skip
def test_mismatch(state: StateDict, slug: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        found(network(), saved({"model": state}, tmp_path / "x.pt"))
    assert caught.value.slug == slug
    assert said in caught.value.message.replace("model.features", "features")


# The model has its own state again, bit for bit, whatever happened, and in the same memory.
@pytest.mark.parametrize("fails", [False, True])
def test_given_back(fails: bool, tmp_path: Path) -> None:
    model = network()
    model[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    places = [value.data_ptr() for value in model.state_dict().values()]
    path = saved(network(1).state_dict(), tmp_path / "x.pt")
    try:
        with borrowed(model) as load:
            load(found(model, path))
            assert not same(model, before)
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert same(model, before)
    assert [value.data_ptr() for value in model.state_dict().values()] == places
    assert [each.requires_grad for each in model.parameters()] == [False, *[True] * 5]
