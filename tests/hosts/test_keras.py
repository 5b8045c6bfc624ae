"""The callback for Keras: what it puts into the logs is what analyze says of features by hand."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="pip install 'nctool[keras]'")
if keras.backend.backend() != "torch":
    pytest.skip("Keras was imported with another backend", allow_module_level=True)

import nctool  # noqa: E402
from nctool.core.errors import UsageError  # noqa: E402
from tests.hosts.by_hand import CLASSES, DIM, PIXELS, agree, report_of, samples  # noqa: E402

# Of Keras itself, with this numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

EPOCHS = 2


def arrays() -> tuple[Any, Any]:
    x, y = samples()
    return x.numpy(), y.numpy()


def sequential() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Dense(DIM, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


class Written(keras.Model):  # type: ignore[misc, name-defined]
    """A model whose layers only its own code connects."""

    def __init__(self) -> None:
        super().__init__()
        self.body = keras.layers.Dense(DIM, activation="tanh")
        self.drop = keras.layers.Dropout(0.5)
        self.head = keras.layers.Dense(CLASSES, use_bias=False)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.head(self.drop(self.body(x), training=training))


def trained(model: Any, *callbacks: Any, epochs: int = EPOCHS, labels: Any = None) -> Any:
    """Its history."""
    x, y = arrays()
    loss = "categorical_crossentropy" if labels is not None else None
    from_logits = isinstance(model, Written)
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile("adam", loss or sparse)
    y = y if labels is None else labels
    return model.fit(x, y, epochs=epochs, batch_size=32, verbose=0, callbacks=list(callbacks))


def of_hand(model: Any) -> Any:
    """What analyze says of a model as it is now."""
    x, y = arrays()
    head = model.layers[-1]
    with torch.no_grad():
        if isinstance(model, Written):
            features = model.body(x)
        else:
            features = keras.Model(model.inputs[0], model.layers[-2].output)(x, training=False)
    weight, *bias = (torch.from_numpy(array) for array in head.get_weights())
    return report_of(features, torch.from_numpy(y), weight.T, bias[0] if bias else None)


# The history has every number of features by hand, whatever the way to write the model.
@pytest.mark.parametrize("make", [sequential, Written])
def test_equality(make: Any) -> None:
    model = make()
    collapse = nctool.keras.Collapse(*arrays(), metrics=None, batch_size=30)
    history = trained(model, collapse).history
    assert {len(values) for values in history.values()} == {EPOCHS}
    agree(
        {name: values[-1] for name, values in history.items() if name != "loss"},
        of_hand(model),
        many=40,
    )
    assert [report.run["epoch"] for report in collapse.reports] == [0, 1]
    assert collapse.trajectory is not None and collapse.trajectory.epochs == (0, 1)


# Unless told, it logs the dials and the number that papers plot; callbacks that follow see them.
def test_usual() -> None:
    seen: list[set[str]] = []

    class After(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_end(self, epoch: int, logs: MutableMapping[str, float]) -> None:
            seen.append(logs.keys() - {"loss"})

    trained(sequential(), nctool.keras.Collapse(*arrays(), every=2, prefix="c/"), After(), epochs=3)
    first, second, third = seen
    assert first == third == set() and {"c/collapse/weakest", "c/nc1/pinv"} <= second
    assert len(second) < 12


# One-hot labels and labels in a column are class indices; so are those of batches.
def test_labels() -> None:
    x, y = arrays()
    hot = np.eye(CLASSES, dtype="float32")[y]

    def halves() -> Iterator[tuple[Any, Any]]:
        yield x[:40], hot[:40]
        yield x[40:], hot[40:]

    model = sequential()
    given: list[Any] = [(x, hot), (x, y[:, None]), (list(halves()), None)]
    callbacks = [
        nctool.keras.Collapse(x, y, prefix=f"{place}/") for place, (x, y) in enumerate(given)
    ]
    history = trained(model, *callbacks, epochs=1, labels=hot).history
    for place in range(len(given)):
        logged = {
            name: values[0] for name, values in history.items() if name.startswith(f"{place}/")
        }
        agree(logged, of_hand(model), f"{place}/", many=8)


# A model is trained as it is without the callback, to the last digit.
def test_untouched() -> None:
    def losses(*callbacks: Any) -> list[float]:
        keras.utils.set_random_seed(3)
        return list(trained(sequential(), *callbacks, epochs=3).history["loss"])

    assert losses() == losses(nctool.keras.Collapse(*arrays()))


# Another backend is refused by its name, whether Keras can be imported with it or not.
def test_other_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    code = [sys.executable, "-W", "ignore", "-c", "import nctool; nctool.keras"]
    done = subprocess.run(code, env=environment, capture_output=True, text=True)
    assert "KERAS_BACKEND=torch" in done.stderr, done.stderr
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UsageError, match="Keras runs on jax here") as caught:
        importlib.reload(nctool.keras)
    assert caught.value.slug == "keras-backend"


# A wrong word stops before the training.
def test_refusals() -> None:
    with pytest.raises(TypeError, match="sede"):
        nctool.keras.Collapse(*arrays(), sede=1)
    with pytest.raises(UsageError, match="every is 0"):
        nctool.keras.Collapse(*arrays(), every=0)
