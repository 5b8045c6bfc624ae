"""What a reader of numbers ought to know about how their samples were collected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from nctool.capture.watched import Watched
from nctool.core.notice import Notice
from nctool.core.text import count, printable

HALVES = ("float16", "bfloat16")


def remarks(watched: Watched) -> Iterator[Notice]:
    """After the first pass."""
    rows, loader = watched.rows, watched.loader
    yield from _of_model(watched.own, watched.dtype)
    if len(watched.head[0]) == 1:
        message = "the head has one row for two classes: its sign decides, and it is left out"
        hint = "everything about classes and their means is measured; a head of two rows would be"
        yield Notice("head-of-one-row", message, hint)
    expected = _expected(loader)
    if expected is not None and expected != rows.samples:
        dropped = bool(getattr(loader, "drop_last", False))
        why = " (drop_last leaves out the ragged last batch)" if dropped else ""
        more = "samples came more than once" if rows.samples > expected else "some were left out"
        yield Notice(
            "samples-against-loader",
            f"{rows.samples:,} samples were collected, of {expected:,} that the loader goes "
            f"over: {more}{why}",
            "drop_last=False keeps all; a stream has to share its samples among its workers",
            {"collected": rows.samples, "expected": expected},
        )
    if rows.positions is not None and rows.positions.shifted:
        yield Notice(
            "next-token-labels",
            "labels repeat the input tokens: each position is measured with the token that follows",
            "give labels that were shifted before, and they are taken as they stand",
        )
    if rows.spread:
        yield Notice(
            "positions-as-samples",
            "the head runs at every position of a sample: each is a row with the sample's label",
            "for one row per sample, name a layer after pooling with head=",
        )


def _of_model(model: nn.Module, dtype: str) -> Iterator[Notice]:
    """About the model that features of this type came from."""
    own = next((each.dtype for each in model.parameters() if each.is_floating_point()), None)
    kind = str(own).removeprefix("torch.")
    if dtype in HALVES and kind not in HALVES:
        yield Notice(
            "collected-under-autocast",
            f"the model's parameters are {kind}, but its head saw {dtype}: features were collected "
            "under autocast, as training under it sees them",
            "fp32=True collects them without autocast",
            {"dtype": dtype},
        )
    batch_dependent = [name for name, each in model.named_modules() if _of_batch(each)]
    if batch_dependent:
        yield Notice(
            "batch-statistics",
            f"{count(len(batch_dependent), 'normalisation layer')} without running statistics "
            f"({printable(batch_dependent[0])}): features depend on which samples share a batch",
            "collect with the batch size of training, or compare runs of the same loader only",
            {"layers": len(batch_dependent)},
        )


def _of_batch(module: nn.Module) -> bool:
    """No running statistics: as batch normalisation without them, not as layer normalisation."""
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None


def _expected(loader: Any) -> int | None:
    """How many samples the loader goes over, where it knows."""
    for place in (getattr(loader, "sampler", None), getattr(loader, "dataset", None)):
        try:
            return len(place)  # type: ignore[arg-type]
        except TypeError:
            continue
    return None
