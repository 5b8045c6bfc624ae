"""HDF5 files as others write them, made with h5py: MATLAB's header, Keras' layout."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy

HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Sat Nov 21 12:00:00 2026 HDF5 schema"
HIDDEN = numpy.arange(24, dtype="f4").reshape(4, 6) / 7
KERNEL = numpy.arange(18, dtype="f4").reshape(6, 3) / 5
BIAS = numpy.array([0.5, -1, 2], dtype="f4")


def matlab(path: Path, **values: numpy.ndarray) -> Path:
    """A file as ``save -v7.3`` makes it: turned around, with the class beside each array."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in values.items():
            turned = numpy.atleast_2d(value).T
            title = {"float64": "double", "float32": "single", "bool": "logical"}
            stored = turned.astype("u1") if value.dtype == bool else turned
            made = file.create_dataset(name.replace("__", "/"), data=stored)
            made.attrs["MATLAB_class"] = numpy.bytes_(title.get(value.dtype.name, value.dtype.name))
    with path.open("r+b") as raw:
        raw.write(HEADER.ljust(124) + b"\x00\x02IM")
    return path


def dense(name: str, kernel: numpy.ndarray) -> dict[str, object]:
    config = {"name": name, "units": kernel.shape[1]}
    return {"module": "keras.layers", "class_name": "Dense", "config": config}


def keras_config(functional: bool = True, *behind: str) -> dict[str, object]:
    """The description of two dense layers, and layers without weights behind them."""
    layers = [dense("hidden", HIDDEN), dense("predictions", KERNEL)]
    layers += [{"class_name": kind, "config": {"name": kind.lower()}} for kind in behind]
    names = ["hidden", "predictions", *(kind.lower() for kind in behind)]
    for layer, before in zip(layers[1:], names, strict=False):
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [before, 0, 0]}}
        layer["inbound_nodes"] = [{"args": [tensor], "kwargs": {}}]
    config: dict[str, object] = {"name": "m", "layers": layers}
    if functional:
        config["output_layers"] = [names[-1], 0, 0]
    return {"class_name": "Functional" if functional else "Sequential", "config": config}


def keras_weights(step: int = 40, half: bool = False) -> bytes:
    """model.weights.h5 as Keras 3 writes it: numbered variables, own names as attributes."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        layers = {"dense": ("hidden", HIDDEN), "dense_1": ("predictions", KERNEL)}
        for path, (name, kernel) in layers.items():
            group = file.create_group(f"layers/{path}/vars")
            group.attrs["name"] = name
            for number, value in enumerate((kernel, numpy.resize(BIAS, kernel.shape[1]))):
                keep(group, str(number), value, half)
        group = file.create_group("optimizer/vars")
        group.attrs["name"] = "adam"
        group["0"], group["1"] = numpy.int32(step), numpy.float32(0.001)
        for number, value in enumerate((HIDDEN, HIDDEN, KERNEL, KERNEL)):
            keep(group, str(2 + number), value, half)
        file.create_group("vars").attrs["name"] = "m"
    return content.getvalue()


def keep(group: h5py.Group, name: str, value: numpy.ndarray, half: bool) -> None:
    """A variable; bfloat16 as two bytes without a type, and a word beside them."""
    if not half:
        group[name] = value
        return
    bits = (value.astype("f4").view("u4") >> 16).astype("u2")
    group.create_dataset(name, data=bits.view("V2")).attrs["dtype"] = "bfloat16"


def keras(path: Path, config: object = None, weights: bytes = b"", packed: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as file:
        facts = {"keras_version": "3.15.1", "date_saved": "2026-11-21@12:08:26"}
        file.writestr("metadata.json", json.dumps(facts))
        file.writestr("config.json", json.dumps(keras_config() if config is None else config))
        file.writestr("model.weights.h5", weights or keras_weights())
    return path


def keras_legacy(path: Path, mark: str = "") -> Path:
    """The .h5 of Keras 2 (with ``:0`` behind its names) and of Keras 3."""
    config = keras_config()
    with h5py.File(path, "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(config), "2.15.0"
        for name, kernel in (("hidden", HIDDEN), ("predictions", KERNEL)):
            file[f"model_weights/{name}/{name}/kernel{mark}"] = kernel
            file[f"model_weights/{name}/{name}/bias{mark}"] = numpy.resize(BIAS, kernel.shape[1])
            moment = file.create_group(f"optimizer_weights/adam/{name}")
            moment[f"kernel_momentum{mark}"] = kernel
        file[f"optimizer_weights/adam/iteration{mark}"] = numpy.int64(40)
        file["model_weights"].attrs["layer_names"] = numpy.array([b"hidden", b"predictions"])
    return path


def data(path: Path) -> None:
    """Features in chunks and labels in one piece, for the tests of every reader."""
    from tests.readers.readers_help import FEATURES, LABELS

    with h5py.File(path, "w") as file:
        file.create_dataset(
            "features", data=FEATURES.numpy(), chunks=(4, 3), compression="gzip", shuffle=True
        )
        file["labels"] = LABELS.numpy()
