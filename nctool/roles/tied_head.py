"""Heads that are not stored: the input embedding, where the configuration says it is both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nctool.roles.array_names import parse
from nctool.roles.explicit import tie
from nctool.roles.linear_layer import Layer
from nctool.roles.model import Model
from nctool.roles.role_types import Candidate
from nctool.roles.scoring import is_embedding, tables_waited_for, vocabularies

# Tables that say where a word stands, not which it is.
PLACES = frozenset(("position", "positions", "positional", "pos", "type"))


def tied_embedding(
    model: Model, dim: int | None, config: Mapping[str, object] | None
) -> Layer | None:
    """The input embedding, when the model's configuration says that it is the head as well."""
    settings = _settings(config)
    if not any(setting.get("tie_word_embeddings") is True for setting in settings):
        return None
    sizes = {setting["vocab_size"] for setting in settings if "vocab_size" in setting}
    tables = [
        layer
        for layer in model.layers
        if is_embedding(layer) and dim in (None, layer.columns) and not PLACES & layer.words
    ]
    tables = _tallest([layer for layer in tables if layer.rows in sizes] or tables)
    if len(tables) > 1:
        raise tie("head", [layer.weight for layer in tables], " (tied to the input embedding)")
    return tables[0] if tables else None


def rival_tables(model: Model, dim: int | None, config: Mapping[str, object] | None) -> list[Layer]:
    """Embeddings that have an output bias although no other weight does, unless denied."""
    if any(setting.get("tie_word_embeddings") is False for setting in _settings(config)):
        return []
    return [layer for layer in tables_waited_for(model) if dim in (None, layer.columns)]


def word_tables(model: Model) -> list[Layer]:
    """The tallest tables of words: what a language model without a head may be tied to."""
    return _tallest(
        [
            layer
            for layer in vocabularies(model)
            if not PLACES & layer.words and not layer.name.stacked
        ]
    )


def _tallest(tables: Sequence[Layer]) -> list[Layer]:
    rows = max((layer.rows for layer in tables), default=0)
    return [layer for layer in tables if layer.rows == rows]


def _settings(config: Mapping[str, object] | None) -> list[Mapping[str, object]]:
    whole = config or {}
    return [whole, *(value for value in whole.values() if isinstance(value, Mapping))]


def tied_bias(model: Model, rows: int) -> Candidate | None:
    """The output bias of a tied head, which no stored weight stands beside."""
    biases = [
        candidate
        for candidate in model.candidates
        if candidate.shape == (rows,) and parse(candidate.key).leaf == "bias"
    ]
    return biases[0] if len(biases) == 1 else None
