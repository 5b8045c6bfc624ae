"""The widths that run through a model: what comes in from outside, where the ends are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from nctool.roles.lexicon import EMBEDDING, HEAD, LAST, LOSS
from nctool.roles.names import Name, words
from nctool.roles.shapes import Layer, convolved
from nctool.roles.values import Candidate

CHANNELS = 16  # of a map, at the least, that may be flattened into a layer's input


def _words(layer: Layer) -> set[str]:
    return set(words(".".join(layer.name.layer)))


class Stream:
    """Which widths arrive and leave, whichever way single layers lie."""

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
            if layer.bias is None and EMBEDDING & _words(layer):
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
        heads = [layer.turned() if self.against(layer) else layer for layer in heads]
        self.inputs = frozenset(
            layer.columns
            for layer in heads
            if len(layer.weight.shape) == 2 and layer.columns not in self.made
        )
        self.ends: dict[int, list[Layer]] = {}
        for layer in heads:
            said = set(words(layer.name.layer[-1])) - {"w", "weight", "weights"}
            flat = len(layer.weight.shape) == 2 and layer.rows != layer.columns
            if flat and (HEAD & _words(layer) or LAST & said):
                self.ends.setdefault(layer.columns, []).append(layer)

    def against(self, layer: Layer) -> bool:
        """Whether it takes in what nothing puts out, and turned round would fit a layer.

        Only for a matrix without a bias that is named like a head, after a layer with one:
        formulas with a margin store theirs as (dim, classes).
        """
        said = _words(layer)
        if layer.name.stacked or layer.transposed or layer.bias or len(layer.weight.shape) != 2:
            return False
        if not (HEAD & said) or layer.rows == layer.columns or layer.columns in self.made:
            return False
        before = [
            other
            for other in self.biased
            if other.rows == layer.rows and other.columns != layer.columns
        ]
        if LOSS & said:
            return bool(before)
        flattened = any(layer.columns % width == 0 for width in self.channels if width >= CHANNELS)
        return (
            any(_next(other, layer) for other in before)
            and layer.rows not in self.taken
            and not flattened
        )


def _next(one: Layer, other: Layer) -> bool:
    """``fc5`` and ``fc6``."""
    place, following = one.name.layer, other.name.layer
    return place[:-1] == following[:-1] and -1 < one.name.number < other.name.number
