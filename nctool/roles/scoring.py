"""How much a layer looks like the head: evidence from names and shapes, counted in points.

The points are a heuristic. They were set on the architectures of ``fixtures/heads`` and on the
models of ``tests/roles/models.txt``, so that no head is taken wrongly and few ties are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from nctool.roles.array_names import words
from nctool.roles.lexicon import (
    BODY,
    CLASS,
    CONVOLUTION,
    EMBEDDING,
    FINAL,
    GENERIC,
    HEAD,
    LAST,
    NEUTRAL,
    PROJECTION,
    REBUILT,
    REGRESSION,
    SIDE,
    SOURCE,
)
from nctool.roles.linear_layer import Layer
from nctool.roles.model import Model

LEAST_POINTS = 4  # points below which a layer is not called a head
SMALL_VOCABULARY = 4096  # an embedding with fewer rows is one of positions or types
BODY_POINTS = -3  # points that the layers of a body do not exceed
LEAD = 2  # points by which the first must lead the second
NARROW = 64  # projections are no narrower than this


@dataclass(frozen=True, slots=True)
class ScoredLayer:
    """A layer with its points, and in words what earned them."""

    layer: Layer
    points: int
    reasons: tuple[str, ...]
    of_vocabulary: bool = False  # as many outputs as a vocabulary has words

    @property
    def side(self) -> bool:
        """Whether this is a distillation or auxiliary head, by name."""
        return bool(SIDE & self.layer.words)


@lru_cache(maxsize=65536)
def _own(parts: tuple[str, ...]) -> tuple[str, ...]:
    """A layer's own name; a number or a kind of layer brings its container's with it."""
    start = len(parts) - 1
    while start > 0 and all(word.isdigit() or word in NEUTRAL for word in words(parts[start])):
        start -= 1
    return parts[start:]


@lru_cache(maxsize=65536)
def _words_of_parts(parts: tuple[str, ...]) -> frozenset[str]:
    """The words of these parts of a name; the head of a projection is none of classes."""
    every: frozenset[str] = frozenset()
    for part in parts:
        named = frozenset(words(part))
        projects = PROJECTION & named and GENERIC & named
        every |= named - GENERIC - PROJECTION | {"projection"} if projects else named
    return every


def _last_words(layer: Layer) -> frozenset[str]:
    return _words_of_parts(_own(layer.name.layer))


def _puts_out_classes(layer: Layer) -> bool:
    """``class_embed`` with a bias is no table to look up."""
    own = set(words(_own(layer.name.layer)[0]))
    return layer.bias is not None and bool(CLASS & own) and bool(EMBEDDING & own)


def is_embedding(layer: Layer) -> bool:
    if EMBEDDING.isdisjoint(layer.words) or _puts_out_classes(layer):
        return False
    return not (HEAD | FINAL) & _last_words(layer)


def vocabularies(model: Model) -> list[Layer]:
    """The tables with a row for each word, not for each position or type."""
    return [
        layer for layer in model.layers if layer.rows > SMALL_VOCABULARY and is_embedding(layer)
    ]


def tables_waited_for(model: Model) -> list[Layer]:
    """Vocabularies for which a bias is stored and no other weight: the model's head is tied."""
    tables = [layer for layer in vocabularies(model) if not layer.name.stacked]
    sizes = {layer.rows for layer in tables}
    sizes -= {layer.rows for layer in model.layers if layer.rows in sizes and layer not in tables}
    biases = {
        candidate.shape[0]
        for candidate in model.candidates
        if any(map(candidate.is_bias_for, sizes))
        and words(candidate.key)[-1:] == ("bias",)
        and HEAD & set(words(candidate.key))
    }
    return [layer for layer in tables if layer.rows in biases]


def score(
    layer: Layer, model: Model, vocabulary_sizes: set[int], tied_widths: set[int]
) -> ScoredLayer:
    """Evidence that this layer is the last one.

    Where it stands in the tree of names, what it is called, whether anything takes in what it
    puts out. A number in the middle of a name means a stack of blocks: no head lives in there.
    """
    points, reasons = _name_points(layer, model)
    of_vocabulary = layer.rows in vocabulary_sizes
    if of_vocabulary:
        points += 4
        reasons.append("as many rows as the input embedding")
    elif (
        model.handed_on(layer)
        or model.fed_on(layer)
        or (layer.rows in tied_widths and not layer.name.stacked)
    ):
        points -= 4
    elif model.taken_in(layer):
        points -= layer.rows >= layer.columns
    else:
        points += 3
        reasons.append("nothing takes in its output")
    # Most layers of a body are followed by a norm and have no bias; heads usually do.
    points += layer.bias is not None
    if _projects(layer, model) or _rebuilds(layer, model):
        points -= 6
    return ScoredLayer(layer, points, tuple(reasons), of_vocabulary and not layer.name.stacked)


def _name_points(layer: Layer, model: Model) -> tuple[int, list[str]]:
    """Points for the name alone."""
    parts, stack = layer.name.layer, model.stack(layer)
    last = _last_words(layer)
    classes = _puts_out_classes(layer)
    points, reasons = 0, []
    before_blocks = _words_of_parts(parts[:stack])
    half = _half_of_a_pair(layer)
    if (HEAD & before_blocks and not half) or (classes and stack is None):
        points += 4 if HEAD & last or classes else 3
        reasons.append("named like a head")
    points += bool(LAST & last and not half) + bool(FINAL & last)
    # One of many blocks: more than any name can make up for.
    if stack is not None:
        points -= 5
    body = BODY & layer.words
    if _is_outlet(layer):
        body -= CONVOLUTION
    points -= 4 * bool(body) + 2 * bool(CONVOLUTION & body)
    points -= 4 * _measures(layer)
    if SOURCE & (layer.words | before_blocks) and not (HEAD | FINAL) & last:
        points -= 3
    # An array of its own rather than a layer's weight: a buffer, or what a training script saved.
    if layer.name.leaf == parts[-1] and not (HEAD | LAST) & last:
        points -= 2
    # A head stands near the root of the tree of names.
    points -= min(len(parts) - 1 - parts[-1].isdigit(), 2)
    return points, reasons


def _measures(layer: Layer) -> bool:
    """Named after a quantity, itself or its container: ``bbox_pred``, ``box_head.dense2``."""
    own = _own(layer.name.layer)
    if not HEAD & _words_of_parts(own):
        own = layer.name.layer[-len(own) - 1 :]
    return bool(REGRESSION & set(words(own[0])))


def _is_outlet(layer: Layer) -> bool:
    """A 1×1 convolution named after what it is, within a head: ``head.conv``, ``conv_seg``."""
    own = set(words(layer.name.layer[-1]))
    return len(layer.weight.shape) > 2 and layer.bias is not None and own <= CONVOLUTION | {"seg"}


def _half_of_a_pair(layer: Layer) -> bool:
    """``fc2`` below something that is no head is the second half of an MLP."""
    parts = layer.name.layer
    if len(parts) < 2 or words(parts[-1])[:1] != ("fc",) or layer.name.number < 0:
        return False
    return not (HEAD | SIDE) & _words_of_parts(parts[:-1])


def _projects(layer: Layer, model: Model) -> bool:
    """The end of a projection, as self-supervision trains it: some layers to a round width."""
    named = HEAD & _words_of_parts(layer.name.layer)
    round_width = layer.rows >= NARROW and layer.rows & (layer.rows - 1) == 0
    return round_width and named <= GENERIC and bool(named) and model.continues(layer)


def _rebuilds(layer: Layer, model: Model) -> bool:
    """Puts out as much as the model takes in: an input put together again."""
    own = {word for part in _own(layer.name.layer) for word in words(part) if not word.isdigit()}
    named = HEAD & _words_of_parts(layer.name.layer)
    if not own or not own <= REBUILT or named - GENERIC - REBUILT:
        return False
    return layer.rows in model.flow.inputs or any(
        layer.rows % size == 0 if "decoder" in own else layer.rows in (size, 2 * size)
        for size in model.flow.patches
    )


def rank(layers: Sequence[Layer], model: Model) -> list[ScoredLayer]:
    """The layers that could be a head at all, most points first."""
    sizes = {layer.rows for layer in vocabularies(model)}
    tied_widths = {layer.columns for layer in tables_waited_for(model)}
    ranked = [
        score(layer, model, sizes, tied_widths)
        for layer in layers
        if layer.rows > 1 and not is_embedding(layer)
    ]
    return sorted(ranked, key=lambda item: -item.points)


def leaders(ranked: Sequence[ScoredLayer]) -> list[ScoredLayer]:
    """The leaders: none, one, or several between which the evidence does not decide."""
    good = [item for item in ranked if item.points >= LEAST_POINTS]
    good = [item for item in good if not item.side] or good
    return [
        item
        for item in good
        if item.points > good[0].points - LEAD or (item.of_vocabulary and good[0].of_vocabulary)
    ]
