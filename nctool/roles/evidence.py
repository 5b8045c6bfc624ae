"""How much a layer looks like the head: evidence from names and shapes, counted in points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nctool.roles.layers import Layer, Model
from nctool.roles.names import words

# Words in a layer's name that say: here the classes come out.
HEAD = frozenset(
    "head heads classifier classifiers classif classification logit logits score scores pred "
    "prediction predictions predictor cls generator vocab unembed unembedding lm fc arcface "
    "cosface margin prototype prototypes proxies centers centres".split()
)
# Words usual for a last layer, and for others too.
LAST = frozenset(
    "fc linear dense out output outputs final last top l decoder summary project proj classes "
    "class labels layer w weight weights kernel".split()
)
FINAL = frozenset("final last out output".split())
# Words for the workings of a body, wherever they stand.
BODY = frozenset(
    "attn attention attentions qkv q k v kv query key value mlp ffn conv convs convolution stem "
    "patch patches norm bn ln downsample upsample down up gate router relative rel expert experts "
    "se lora mixer pool pooler pooling connector adapter merger stage block blocks pre pos "
    "position positional bias idxs mean means std cov centroids mask gru lstm rnn ih hh "
    "modal multimodal".split()
)
# Words for where something comes from: harmless in front of a classifier.
SOURCE = frozenset(
    "in input encoder transform feature features text visual vision image audio video bbox "
    "modality tower projector projection".split()
)
EMBEDDING = frozenset(
    "embed embeds embedding embeddings embedder wte wpe emb token tokens tok latents codebook "
    "table lookup shared".split()
)
SIDE = frozenset("dist distill distillation distilled distiller aux auxiliary".split())

ENOUGH = 4  # points below which a layer is not called a head
SMALL_VOCABULARY = 4096  # an embedding with fewer rows is one of positions or types
LEAD = 2  # points by which the first must lead the second


@dataclass(frozen=True, slots=True)
class Ranked:
    """A layer with its points and the words that earned them."""

    layer: Layer
    points: int
    why: tuple[str, ...]

    @property
    def side(self) -> bool:
        """Whether this is a distillation or auxiliary head, by name."""
        return any(SIDE & set(words(part)) for part in self.layer.name.layer)


def _last_words(layer: Layer) -> set[str]:
    """The words of the layer's own name; a number's container speaks for it (``classifier.6``)."""
    parts = layer.name.layer
    own = set(words(parts[-1]))
    return own | set(words(parts[-2])) if parts[-1].isdigit() and len(parts) > 1 else own


def is_embedding(layer: Layer) -> bool:
    named = set(words(".".join(layer.name.layer)))
    return bool(EMBEDDING & named) and not (HEAD | FINAL) & _last_words(layer)


def weigh(layer: Layer, model: Model, vocabularies: frozenset[int] = frozenset()) -> Ranked:
    """Evidence that this layer is the last one.

    Where it stands in the tree of names, what it is called, whether anything takes in what it
    puts out. A number in the middle of a name means a stack of blocks: no head lives in there.
    """
    parts = layer.name.layer
    stack = next((index for index, part in enumerate(parts[:-1]) if part.isdigit()), None)
    last, every = _last_words(layer), set(words(".".join(parts)))
    points, why = 0, []
    if HEAD & set(words(".".join(parts[:stack]))):
        points += 4 if HEAD & last else 3
        why.append("named like a head")
    points += bool(LAST & last) + bool(FINAL & last)
    if layer.rows in vocabularies:
        points += 5
        why.append("as many rows as the input embedding")
    elif model.handed_on(layer):
        points -= 4
    elif model.taken_in(layer):
        points -= layer.rows >= layer.columns
    else:
        points += 3
        why.append("nothing takes in its output")
    points += layer.bias is not None
    if stack is not None:
        points -= 5
    if BODY & every:
        points -= 4
    if {"conv", "convolution"} & every:
        points -= 2
    if SOURCE & every and not (HEAD | FINAL) & last:
        points -= 3
    if layer.name.leaf == parts[-1] and not (HEAD | LAST) & last:
        points -= 2
    points -= min(len(parts) - 1 - parts[-1].isdigit(), 2)
    return Ranked(layer, points, tuple(why))


def rank(layers: Sequence[Layer], model: Model) -> list[Ranked]:
    vocabularies = frozenset(
        layer.rows
        for layer in model.layers
        if is_embedding(layer) and layer.rows > SMALL_VOCABULARY
    )
    ranked = [
        weigh(layer, model, vocabularies)
        for layer in layers
        if layer.rows > 1 and not is_embedding(layer)
    ]
    return sorted(ranked, key=lambda item: -item.points)


def best(ranked: Sequence[Ranked]) -> list[Ranked]:
    """The leaders: none, one, or several between which the evidence does not decide."""
    good = [item for item in ranked if item.points >= ENOUGH]
    good = [item for item in good if not item.side] or good
    return [item for item in good if item.points > good[0].points - LEAD]
