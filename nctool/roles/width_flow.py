"""The widths that flow through a model: what comes in from outside, and where the ends are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from nctool.roles.array_names import Name, words
from nctool.roles.lexicon import EMBEDDING, HEAD, LAST, LOSS
from nctool.roles.linear_layer import Layer, convolved
from nctool.roles.role_types import Candidate

CHANNELS = 16  # of a map, at the least, that may be flattened into a layer's input


class WidthFlow:
    """Which widths the layers of a model take in and put out, however single layers are stored."""

    def __init__(
        self, layers: Sequence[Layer], names: Mapping[Candidate, Name], norms: frozenset[int]
    ) -> None:
        matrices = {layer.weight for layer in layers}
        spatial = [
            (item, name)
            for item, name in names.items()
            if len(item.shape) > 2 and item not in matrices
        ]
        self.channels = {convolved(item.shape, name.leaf)[0] for item, name in spatial}
        self.made = {*norms, *self.channels, *(layer.rows for layer in layers)}
        heads: list[Layer] = []
        for layer in layers:
            if layer.bias is None and EMBEDDING & layer.words:
                # A table of embeddings puts out its columns.
                self.made.add(layer.columns)
            elif not layer.name.stacked:
                heads.append(layer)
        self.biased = [layer for layer in heads if layer.bias is not None]
        self.patches = frozenset(
            prod(item.shape[:-1] if name.leaf == "kernel" else item.shape[1:])
            for item, name in spatial
            if ({"patch", "patches"} | EMBEDDING) & set(words(name.core))
        )
        self.taken = {layer.columns for layer in heads if layer.rows != layer.columns}
        heads = [layer.turned() if self.is_transposed(layer) else layer for layer in heads]
        # What no layer, norm or embedding of the model has made comes from outside.
        self.inputs = frozenset(
            layer.columns
            for layer in heads
            if len(layer.weight.shape) == 2 and layer.columns not in self.made
        )
        self.ends: dict[int, list[Layer]] = {}
        for layer in heads:
            own = set(words(layer.name.layer[-1])) - {"w", "weight", "weights"}
            flat = len(layer.weight.shape) == 2 and layer.rows != layer.columns
            if flat and (HEAD & layer.words or LAST & own):
                self.ends.setdefault(layer.columns, []).append(layer)

    def is_transposed(self, layer: Layer) -> bool:
        """Whether it takes in what nothing puts out, and turned round would fit a layer.

        Only for a matrix without a bias that is named like a head, after a layer with one:
        formulas with a margin store theirs as (dim, classes).
        """
        if layer.name.stacked or layer.transposed or layer.bias or len(layer.weight.shape) != 2:
            return False
        if not (HEAD & layer.words) or layer.rows == layer.columns or layer.columns in self.made:
            return False
        before = [
            other
            for other in self.biased
            if other.rows == layer.rows and other.columns != layer.columns
        ]
        if LOSS & layer.words:
            return bool(before)
        # Not transposed but behind a flattened map: its inputs are channels times places.
        flattened = any(layer.columns % width == 0 for width in self.channels if width >= CHANNELS)
        return (
            any(_follows(other, layer) for other in before)
            and layer.rows not in self.taken
            and not flattened
        )


def _follows(layer: Layer, other: Layer) -> bool:
    """``fc5`` and ``fc6``."""
    own, following = layer.name.layer, other.name.layer
    return own[:-1] == following[:-1] and -1 < layer.name.number < other.name.number
