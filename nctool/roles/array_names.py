"""Reading array names: their parts, their words, and the wrappers that mean nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

# Containers and training wrappers. A key is compared without them and shown with them.
WRAPPERS = frozenset(
    "module _orig_mod _fsdp_wrapped_module _checkpoint_wrapped_module _forward_module _module "
    "model state_dict model_state_dict model_state net network params model_weights root weights "
    "ema state_dict_ema ema_state_dict model_ema ema_model ema_params ema_weights swa_model "
    "swa_state_dict averaged_model shadow shadow_params checkpoint variables base_model".split()
)
# Wrappers that also occur in the middle of a name, and never as a layer of anybody's own.
INNER_WRAPPERS = frozenset(
    "_orig_mod _fsdp_wrapped_module _checkpoint_wrapped_module _forward_module base_layer".split()
)
ADAPTED = "modules_to_save"
REPLICAS = frozenset(("models", "members", "ensemble"))
AVERAGES = frozenset(("ema", "swa", "shadow", "averaged"))

# Keys that a container gives for want of a better one.
NAMELESS = frozenset(("", "array", "arr_0", "data", "tensor", "value", "values", "0"))

# The last part of a parameter of a layer; the layer is what stands before it.
LAYER_LEAVES = frozenset(
    "weight bias kernel weight_v weight_g weight_orig scale gamma beta original original0 "
    "original1 running_mean running_var".split()
)

# Keras 3 numbers the variables of a layer: dense/vars/0 is its kernel.
KERAS_VARIABLES = {"0": "kernel", "1": "bias"}

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """``"AuxLogits.fc2"`` → ``("aux", "logits", "fc", "2")``."""
    return tuple(word.lower() for word in _WORD.findall(text))


def title(key: str, path: str) -> str:
    """What an array is called: its key, or its file's name where the key says nothing."""
    return PurePath(path).stem if key.lower() in NAMELESS and path else key


@dataclass(frozen=True, slots=True)
class Name:
    """A key taken apart for matching.

    ``layer`` is what owns the array (``classifier.out_proj``), ``leaf`` what it is called there
    (``weight``). A bare parameter has its own name in both. ``averaged``: a moving average.
    """

    parts: tuple[str, ...]
    layer: tuple[str, ...]
    leaf: str
    averaged: bool

    @property
    def number(self) -> int:
        """The number that ends the layer's name, or -1."""
        number = re.search(r"[0-9]+$", self.layer[-1])
        return int(number.group()) if number else -1

    @property
    def stacked(self) -> bool:
        """Whether a number in the middle says that this is one of a stack of blocks."""
        return any(part.isdigit() for part in self.layer[:-1])

    @property
    def core(self) -> str:
        return ".".join(self.parts)


@lru_cache(maxsize=65536)
def parse(key: str, path: str = "") -> Name:
    parts = [part.removesuffix(":0") for part in re.split(r"[./]", title(key, path)) if part]
    averaged = bool(AVERAGES & set(words(PurePath(path).stem)))
    while len(parts) > 1 and parts[0].lower() in WRAPPERS:
        averaged = averaged or bool(AVERAGES & set(words(parts[0])))
        parts.pop(0)
    if len(parts) > 2 and parts[0] in REPLICAS and parts[1].isdigit():
        del parts[:2]
    parts = [part for part in parts if part not in INNER_WRAPPERS] or parts[-1:]
    if ADAPTED in parts[:-2]:
        place = parts.index(ADAPTED)
        del parts[place : place + 2]  # and the adapter's name
    if parts[-2:-1] == ["vars"]:
        parts[-2:] = [KERAS_VARIABLES.get(parts[-1], parts[-1])]
    leaf = parts[-1] if parts else ""
    layer = parts[:-1]
    if layer[-2:] == ["parametrizations", "weight"]:
        layer = layer[:-2]
    if leaf not in LAYER_LEAVES or not layer:
        layer = list(parts)
    # Keras writes a layer's name twice: dense_1/dense_1/kernel.
    while len(layer) > 1 and layer[-1] == layer[-2]:
        layer.pop()
    return Name(tuple(parts), tuple(layer), leaf, averaged)
