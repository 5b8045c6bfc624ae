"""From what a head saw in one forward to rows with labels: samples, or positions of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nctool.arrays import NumpyArray
from nctool.capture.batches import as_labels
from nctool.capture.site import Site
from nctool.capture.tokens import Positions, repeats_inputs
from nctool.capture.watch import Taken
from nctool.core.errors import InputError
from nctool.core.text import printable


@dataclass(frozen=True, slots=True)
class Collected:
    """Rows of one batch; tensors are where the model and the loader put them."""

    features: Tensor  # (B, d)
    labels: Tensor  # (B,) as the loader gives them, or (B, K) one-hot
    layers: Mapping[str, Tensor]  # (B, d of the layer)
    numbers: NumpyArray | None = None
    """Of tokens: the number by which each is sampled or not."""


@dataclass(slots=True)
class Rows:
    """Sorts out batch after batch of one pass, and counts."""

    site: Site
    ignored: tuple[int, ...]
    share: float = 1.0
    """Of tokens, how many are looked at."""
    positions: Positions | None = None
    """Where labels are one for each position."""
    batches: int = 0
    samples: int = 0
    """Samples, or sequences."""
    rows: int = 0
    spread: bool = False
    """Every position of a sample has the label of the sample."""
    decided: bool = field(default=False, repr=False)

    def anew(self) -> Rows:
        """For the same rows once more."""
        positions = self.positions
        again = None if positions is None else Positions(
            positions.ignored, positions.shifted, positions.share
        )  # fmt: skip
        return Rows(self.site, self.ignored, self.share, again, decided=self.decided)

    def of(self, taken: Taken, labels: Any, inputs: tuple[Any, ...] = ()) -> Collected:
        """The rows of a batch. ``inputs`` are the model's, for labels that repeat them."""
        given = as_labels(labels)
        features = taken.features
        if features.ndim == 3 and given.ndim > 2:
            given = given.flatten(1)  # maps of labels, as in segmentation
        self.batches += 1
        self.samples += len(given)
        if features.ndim == 3:
            per_position = given.ndim == 2 and not given.is_floating_point()
            if not self.decided and per_position:
                shifted = repeats_inputs(given, inputs, self.ignored)
                self.positions = Positions(self.ignored or (-100,), shifted, self.share)
            self.decided = True
            known = 2 if per_position else 1
            self._check(features.shape[:known], given.shape[:known])
            if self.positions is not None:
                return self._of_positions(self.positions, taken, given)
            self.spread = True
            given = given.repeat_interleave(features.shape[1], dim=0)
            features = features.flatten(0, 1)
        self._check(features.shape[:1], given.shape[:1])
        self.rows += len(features)
        layers = {
            name: flat(output) if self.spread else output for name, output in taken.layers.items()
        }
        for name, rows in layers.items():
            self._check(rows.shape[:1], given.shape[:1], f"rows of {printable(name)}")
        return Collected(features, given, layers)

    def _of_positions(self, positions: Positions, taken: Taken, labels: Tensor) -> Collected:
        """Only those of the tokens that count and are looked at."""
        chosen = positions.of(labels)
        self.rows += len(chosen.place)
        place = chosen.place
        if taken.features.is_cuda:
            place = place.pin_memory().to(taken.features.device, non_blocking=True)
        layers = {}
        for name, output in taken.layers.items():
            rows = flat(output)
            self._check(rows.shape[:1], (labels.numel(),), f"rows of {printable(name)}")
            layers[name] = rows.index_select(0, place)
        features = taken.features.flatten(0, 1).index_select(0, place)
        return Collected(features, chosen.labels, layers, chosen.numbers)

    def _check(self, seen: Any, given: Any, what: str = "rows before the head") -> None:
        if tuple(seen) != tuple(given):
            seen_text, given_text = (
                " × ".join(f"{size:,}" for size in each) for each in (seen, given)
            )
            raise InputError(
                "rows-against-labels",
                f"batch {self.batches}: {seen_text} {what} against {given_text} labels",
                "name the labels of a batch with labels=; a head that is called with more rows "
                "than there are samples needs call=, a function that runs the model on a batch",
            )


def pooled(output: Tensor) -> Tensor:
    """(B, d): the mean over the positions of maps (B, d, height, width) or sequences (B, T, d)."""
    if output.ndim < 3:
        return output.clone()
    # Sums of many halves would overflow.
    kind = torch.promote_types(output.dtype, torch.float32)
    if output.ndim == 3:
        return output.mean(1, dtype=kind)
    return output.flatten(2).mean(2, dtype=kind)


def flat(output: Tensor) -> Tensor:
    """(B * T, d): every position of sequences (B, T, d) or of maps (B, d, height, width)."""
    if output.ndim > 3:
        output = output.flatten(2).transpose(1, 2)
    return output.flatten(0, 1) if output.ndim == 3 else output


def class_index(labels: Tensor, classes: int, ignored: tuple[int, ...]) -> Tensor:
    """(B,) int64: the head's row of each sample, -1 for those that are left out.

    Labels are row numbers, as a loss takes them, or one-hot: what would have to be sorted first
    cannot be told from one batch.
    """
    if labels.ndim == 2:
        hot = labels.double()
        if not bool(((hot == 0) | (hot == 1)).all() and (hot.sum(1) == 1).all()):
            message = f"labels of shape {tuple(labels.shape)} have rows that are not one-hot"
            raise InputError("labels-not-one-hot", message, "give one class index per sample")
        return hot.argmax(1)
    index = labels.to(torch.int64)
    left_out = torch.isin(index, index.new_tensor(ignored))
    wrong = ~left_out & ((index < 0) | (index >= classes) | (index != labels))
    if bool(wrong.any()):
        first = labels[wrong][0].item()
        message = f"a label is {first:g}, but the head has rows 0 to {classes - 1:,}"
        hint = "leave it out with ignore_labels=, or give row numbers of the head with labels="
        raise InputError("labels-against-head", message, hint)
    return index.masked_fill(left_out, -1)
