"""Keras: the archive, its weights alone and the older .h5; keys as stored, and the last layer."""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import numpy
import pytest
import torch

import nctool
from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.shared.hdf5.keras import output_layer
from tests.readers.hdf5_samples import (
    BIAS,
    KERNEL,
    dense,
    keras,
    keras_config,
    keras_legacy,
    keras_weights,
)
from tests.readers.readers_help import arrays, plain

HEAD = "layers/dense_1/vars/0"


# Law: keys are as stored, names and the step are facts, and the head is the output layer.
def test_archive(tmp_path: Path) -> None:
    opened = open_path(keras(tmp_path / "a"))
    content = {array.key: array for array in opened.arrays}
    assert opened.format == "keras" and len(content) == 10 and not opened.notices
    assert (plain(content[HEAD].whole()) == KERNEL).all()
    assert (plain(content[HEAD].rows(1, 3)) == KERNEL[1:3]).all()
    assert opened.metadata["layer_names"] == {
        "layers/dense": "hidden",
        "layers/dense_1": "predictions",
    }
    assert opened.metadata["global_step"] == 40
    assert opened.metadata["keras_version"] == "3.15.1"
    assert opened.metadata["head"] == {
        "weight": HEAD, "bias": HEAD[:-1] + "1", "transposed": True,
        "reason": "the model's output layer, predictions",
    }  # fmt: skip


# Law: weights that Keras stores as two nameless bytes are bfloat16, in place.
def test_bfloat16(tmp_path: Path) -> None:
    array = arrays(keras(tmp_path / "a", weights=keras_weights(half=True)))[HEAD]
    rows = array.whole()
    assert isinstance(rows, torch.Tensor) and rows.dtype == torch.bfloat16
    bits = KERNEL.view("u4") >> 16 << 16
    assert (rows.float().numpy().view("u4") == bits).all()


# Law: the weights alone open too, with everything but the description.
def test_weights_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(keras_weights())
    opened = open_path(tmp_path / "a")
    assert opened.format == "hdf5" and "head" not in opened.metadata
    assert opened.metadata["layer_names"] == {
        "layers/dense": "hidden",
        "layers/dense_1": "predictions",
    }


# Law: the older format has its names in its keys, with and without a number behind them.
@pytest.mark.parametrize("mark", ["", ":0"])
def test_legacy(tmp_path: Path, mark: str) -> None:
    opened = open_path(keras_legacy(tmp_path / "a", mark))
    head = opened.metadata["head"]
    assert isinstance(head, dict)
    assert head["weight"] == f"model_weights/predictions/predictions/kernel{mark}"
    assert head["bias"] == f"model_weights/predictions/predictions/bias{mark}"
    assert opened.metadata["global_step"] == 40 and opened.metadata["keras_version"] == "2.15.0"


# Law: layers without weights behind the last dense one are passed through; nothing is guessed.
@pytest.mark.parametrize("functional", [True, False])
def test_output_layer(functional: bool) -> None:
    assert output_layer(keras_config(functional)) == "predictions"
    assert output_layer(keras_config(functional, "Dropout", "Softmax")) == "predictions"
    assert output_layer(keras_config(functional, "Conv2D")) is None
    assert output_layer({"class_name": "Functional", "config": {"layers": 3}}) is None
    assert output_layer({}) is None


# Law: models with two outputs or loops among their layers have no output layer of ours.
def test_no_output_layer() -> None:
    two = keras_config()
    loop = keras_config(True, "Softmax")
    for model, outputs in (
        (two, [["hidden", 0, 0], ["predictions", 0, 0]]),
        (loop, ["softmax", 0, 0]),
    ):
        config = model["config"]
        assert isinstance(config, dict)
        config["output_layers"] = outputs
    config = loop["config"]
    assert isinstance(config, dict)
    config["layers"][-1]["inbound_nodes"] = [["softmax", 0, 0]]
    assert output_layer(two) is None and output_layer(loop) is None


# Law: the older way to write connections is understood.
def test_older_connections() -> None:
    softmax = {"class_name": "Softmax", "name": "s", "inbound_nodes": [[["out", 0, 0, {}]]]}
    layers = [dense("out", KERNEL), softmax]
    config = {"layers": layers, "output_layers": [["s", 0, 0]]}
    assert output_layer({"class_name": "Functional", "config": config}) == "out"


# Law: packed weights are refused with the line that unpacks them.
def test_compressed(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_path(keras(tmp_path / "a", packed=True))
    assert caught.value.slug == "keras-compressed" and "unzip" in caught.value.hint


# Law: code in the description is said to be there, and not run.
def test_code(tmp_path: Path) -> None:
    config = keras_config()
    inner = config["config"]
    assert isinstance(inner, dict)
    inner["code"] = {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}
    opened = open_path(keras(tmp_path / "a", config))
    assert [notice.slug for notice in opened.notices] == ["code-not-run"]


# Law: a description that is none costs the head, not the weights.
@pytest.mark.parametrize("config", [[], {"config": None}, {"config": {"layers": [1, None, {}]}}])
def test_odd_description(tmp_path: Path, config: object) -> None:
    opened = open_path(keras(tmp_path / "a", config))
    assert len(opened.arrays) == 10 and "head" not in opened.metadata


# Law: weights that point behind their own end do not read the rest of the archive.
def test_other_members(tmp_path: Path) -> None:
    weights = bytearray(keras_weights())
    with h5py.File(tmp_path / "w", "w") as file:
        file["x"] = numpy.ones(64, "f8")
    weights = bytearray((tmp_path / "w").read_bytes())
    begin = weights.index(numpy.ones(64, "f8").tobytes())
    place = weights.index(begin.to_bytes(8, "little"))
    weights[place : place + 8] = (len(weights) - 100).to_bytes(8, "little")
    keras(tmp_path / "a", weights=bytes(weights))
    with zipfile.ZipFile(tmp_path / "a", "a") as archive:
        archive.writestr("secret", b"s" * 4000)
    with pytest.raises(InputError):
        open_path(tmp_path / "a")


# Law: what is no HDF5 file, and no JSON, is a damaged archive.
@pytest.mark.parametrize("member", ["model.weights.h5", "config.json"])
def test_damaged_members(tmp_path: Path, member: str) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for name, content in (("model.weights.h5", keras_weights()), ("config.json", b"{}")):
            archive.writestr(name, b"nothing" if name == member else content)
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "a")
    assert caught.value.slug == "file-corrupt"


# Law: an archive that is cut anywhere, or has one bit flipped, ends in arrays or an input error.
def test_damage(tmp_path: Path) -> None:
    content = keras(tmp_path / "a").read_bytes()
    for length in range(1, len(content), 2999):
        (tmp_path / "a").write_bytes(content[:length])
        with pytest.raises(InputError):
            open_path(tmp_path / "a")
    for position in range(0, len(content), 1409):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        (tmp_path / "a").write_bytes(damaged)
        with suppress(InputError):
            for array in open_path(tmp_path / "a").arrays:
                assert tuple(array.whole().shape) == array.shape


# Law: a head from Keras measures as the same head from an .npz, bit for bit.
def test_analysis(tmp_path: Path) -> None:
    random = numpy.random.default_rng(3)
    labels = numpy.arange(60) % 3
    features = random.normal(size=(60, 6)).astype("f4")
    numpy.savez(tmp_path / "data.npz", features=features, labels=labels)
    numpy.savez(tmp_path / "head.npz", weight=KERNEL.T.copy(), bias=BIAS)
    keras(tmp_path / "m.keras")
    keras_legacy(tmp_path / "m.h5", ":0")
    theirs = nctool.analyze(tmp_path / "data.npz", tmp_path / "head.npz")
    assert theirs["nc3.distance"].value is not None
    for name in ("m.keras", "m.h5"):
        assert nctool.analyze(tmp_path / "data.npz", tmp_path / name).digest == theirs.digest


# Law: the description of a model is text in the file, so a long one is no fact.
def test_model_config_is_no_fact(tmp_path: Path) -> None:
    path = keras_legacy(tmp_path / "a")
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps({**keras_config(), "pad": "x" * 5000})
    assert "model_config" not in open_path(path).metadata
