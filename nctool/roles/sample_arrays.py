"""Arrays with one row for each sample: which could be features or labels, and of which split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, TypeAlias

from nctool.core.checkpoints import EPOCH, STEP
from nctool.roles.array_names import LAYER_LEAVES, parse, words
from nctool.roles.lexicon import BODY, HEAD, OUTPUTS
from nctool.roles.role_types import Candidate

Role: TypeAlias = Literal["features", "labels"]

SPLITS = {
    "train": "train", "training": "train", "trn": "train", "tr": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "tst": "test", "te": "test",
    "eval": "eval", "evaluation": "eval", "ood": "ood",
}  # fmt: skip
# The split taken first when there are several and none was asked for; None is "no split named".
PREFERRED = ("train", None, "val", "test", "eval")

LABELS = frozenset(
    "labels label targets target y class classes gt truth category categories".split()
)
NOT_LABELS = frozenset(
    "pred preds predicted prediction predictions logit logits score scores prob probs index "
    "indices inds ind idx ids id mask masks name names weight weights count counts step steps "
    "epoch epochs shape length lengths offset offsets indptr seed bias".split()
)
FEATURES = frozenset(
    "features feature feats feat embeddings embedding embeds embed emb penultimate activations "
    "activation acts hidden hiddens representations representation reps repr latents latent".split()
)
LESSER_FEATURES = frozenset("h x z f inputs outputs output pooled vectors data backbone".split())
NOT_FEATURES = frozenset(
    "logit logits prob probs softmax score scores pred preds prediction predictions mean means "
    "std var cov covariance centroids position positional pos token class weight weights w kernel "
    "bias b components".split()
)

# Tiers: named after its role, named by a word that could mean it, fitting by shape alone.
NAMED, HINTED, UNNAMED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class SampleArray:
    """An array that could be features or labels, how well its name says so, and its split."""

    candidate: Candidate
    tier: int
    split: str | None

    @property
    def rows(self) -> int:
        return self.candidate.shape[0]

    @property
    def dim(self) -> int:
        """The width of the features: the last size, or the channels of an image."""
        shape = self.candidate.shape
        return shape[1] if len(shape) == 4 else shape[-1]

    @property
    def is_named(self) -> bool:
        return self.tier < UNNAMED


def canonical(split: str) -> str:
    return SPLITS.get(split.lower(), split.lower())


def name_words(text: str) -> tuple[str, ...]:
    """The words of a name, also where a split is written together with them: ``Xtrain``."""
    parts: list[str] = []
    for word in words(text):
        for split in ("train", "test", "val"):
            rest = word.removesuffix(split).removeprefix(split)
            if rest != word and rest in LABELS | FEATURES | LESSER_FEATURES:
                parts += (rest, split)
                break
        else:
            parts.append(word)
    return tuple(parts)


def split_of(candidate: Candidate) -> str | None:
    """The split that a key, its file's name, or the folder it lies in names."""
    path = PurePath(candidate.path)
    for text in (*name_words(candidate.title), *name_words(path.stem)):
        if text in SPLITS:
            return SPLITS[text]
    return SPLITS.get(path.parent.name.lower())


def _role_words(candidate: Candidate) -> frozenset[str]:
    """The words of the name without those of a split."""
    # When it was saved says nothing of what it is: the labels of epoch 3 are labels.
    title = STEP.sub(" ", EPOCH.sub(" ", candidate.title))
    own = {word for word in name_words(title) if not word.isdigit()} - set(SPLITS)
    return frozenset(own or set(name_words(PurePath(candidate.path).stem)) - set(SPLITS))


def outside_models(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Arrays that do not stand in the same tree of names as the layers of a model."""
    named = [(candidate, candidate.name.parts) for candidate in candidates]
    models = {
        (item.path, parts[0])
        for item, parts in named
        if len(parts) > 1 and parts[-1] in LAYER_LEAVES
    }
    return [item for item, parts in named if len(parts) == 1 or (item.path, parts[0]) not in models]


def is_output(candidate: Candidate) -> bool:
    """Logits or predictions of samples, by an array's own name: no layer's weight is called so."""
    own = {word for word in name_words(candidate.name.leaf) if not word.isdigit()} - set(SPLITS)
    return bool(own) and own <= OUTPUTS


def sample_arrays(role: Role, candidates: Iterable[Candidate]) -> list[SampleArray]:
    """Those that could play this role."""
    tier_of = _feature_tier if role == "features" else _label_tier
    return [
        SampleArray(candidate, tier, split_of(candidate))
        for candidate in outside_models(candidates)
        if (tier := tier_of(candidate)) is not None
    ]


def _label_tier(candidate: Candidate) -> int | None:
    shape, dtype = candidate.shape, candidate.dtype
    if not shape or shape[0] == 0 or len(shape) > 2:
        return None
    said = _role_words(candidate)
    named = bool(said & LABELS) and not said & NOT_LABELS
    column = len(shape) == 1 or shape[1] == 1
    if column and dtype.startswith(("int", "uint")):
        if said & NOT_LABELS or parse(candidate.key).leaf in LAYER_LEAVES:
            return None
        return NAMED if named else UNNAMED
    if not named:
        return None
    if dtype == "str":
        return HINTED if len(shape) == 1 else None
    one_hot = len(shape) == 2 and shape[1] > 1
    return HINTED if one_hot or candidate.is_float else None


def _feature_tier(candidate: Candidate) -> int | None:
    shape = candidate.shape
    if not candidate.is_float or not 2 <= len(shape) <= 4 or 0 in shape:
        return None
    said = _role_words(candidate)
    if candidate.name.leaf in LAYER_LEAVES or said & NOT_FEATURES:
        return None
    if said & FEATURES:
        return NAMED
    if said & LESSER_FEATURES:
        return HINTED
    if len(shape) > 2 or said & (HEAD | BODY | LABELS):
        return None
    return UNNAMED
