"""``nctool.keras.Collapse``: a callback for Keras 3 on torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from operator import itemgetter
from typing import Any

from nctool.api.collect import collect
from nctool.core.errors import UsageError
from nctool.hosts.host import Kept, Measurements, host


def other_backend(name: str) -> UsageError:
    return UsageError(
        "keras-backend",
        f"Keras runs on {name} here, and nctool measures models of torch",
        "set the variable KERAS_BACKEND=torch before keras is imported",
    )


try:
    keras = host("keras", "keras")
except ModuleNotFoundError as problem:  # of its backend
    raise other_backend(os.environ.get("KERAS_BACKEND") or str(problem.name)) from problem
if keras.backend.backend() != "torch":
    raise other_backend(keras.backend.backend())


class Collapse(Kept, keras.callbacks.Callback):  # type: ignore[misc, name-defined]
    """Run the model over ``x`` at the end of every ``every``-th epoch, and put the numbers into
    the epoch's logs, where the history and the callbacks that come later find them.

    ``x`` and ``y`` are arrays as ``fit`` takes them, ``y`` class indices or one-hot rows; or ``x``
    gives batches ``(x, y)``. ``metrics`` says what is measured (the dials and nc1.pinv unless
    told), and all of it is logged; the other keywords are those of ``nctool.collect``. ``reports``
    keeps what was measured, ``trajectory`` joins it.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        every: int = 1,
        prefix: str = "nc/",
        batch_size: int = 32,
        **options: Any,
    ) -> None:
        super().__init__()
        self.measured = Measurements(collect, every, prefix, options)
        self.loader = x if y is None else Batches(x, y, batch_size)

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, float] | None = None) -> None:
        if not self.measured.due(epoch):
            return
        options: dict[str, Any] = {"call": evaluated, "labels": indices} | self.measured.options
        step = int(self.model.optimizer.iterations)
        report = collect(self.model, self.loader, epoch=epoch, step=step, progress=False, **options)
        if logs is not None:
            logs.update(self.measured.add(report))


class Batches:
    """Arrays in batches, as ``fit`` makes them; nested inputs in the same nesting."""

    def __init__(self, x: Any, y: Any, size: int) -> None:
        self.x, self.y, self.size = x, y, size

    def __len__(self) -> int:
        return -(-len(self.y) // self.size)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, len(self.y), self.size):
            rows = slice(start, start + self.size)
            yield keras.tree.map_structure(itemgetter(rows), self.x), self.y[rows]


def evaluated(model: Any, batch: Any) -> Any:
    """What the model says of a batch: Keras has no mode of its own for that."""
    return model(batch[0], training=False)


def indices(batch: Any) -> Any:
    """Class indices of a batch, whose labels may be one-hot or columns."""
    labels = keras.ops.convert_to_tensor(batch[1])
    if labels.ndim == 2 and labels.shape[1] > 1:
        return labels.argmax(1)
    return labels.reshape(len(labels)).long()
