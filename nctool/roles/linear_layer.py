"""What a key and a shape say of a single array: a linear map, its bias, or neither."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nctool.roles.array_names import Name, words
from nctool.roles.role_types import Candidate

# Leaves that are never a whole weight: biases, norms, and halves that the other half brings in.
NO_WEIGHT = re.compile(
    r"(^|_)bias(es)?($|_)|^(weight_g|original0|weight_u|gain|beta|b)$"
    # What quantised weights come with: steps, zero points, tables.
    r"|(^|_)(scales?|scale_inv|q?zeros|zero_points?|absmax|quant_map|weight_shape)(_[0-9]+)?$"
)
# How the last word of a weight's name turns into that of its bias.
_BIAS_OF = {"weight": "bias", "weights": "bias", "kernel": "bias", "w": "b"}


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear map that could be a head: ``rows`` outputs from ``columns`` inputs."""

    weight: Candidate
    name: Name
    rows: int
    columns: int
    transposed: bool = False
    scale: Candidate | None = None
    bias: Candidate | None = None

    @property
    def words(self) -> frozenset[str]:
        """Every word of its name."""
        return frozenset(words(".".join(self.name.layer)))

    def turned(self) -> Layer:
        """Read the other way round; the bias belonged to the other outputs."""
        return Layer(
            self.weight, self.name, self.columns, self.rows, not self.transposed, self.scale
        )


def plane(shape: tuple[int, ...], leaf: str) -> tuple[int, int] | None:
    """The two sizes of a linear map or a 1×1 convolution, as stored; None for anything else."""
    if leaf in ("kernel", "w") and len(shape) > 2:
        return (shape[-2], shape[-1]) if set(shape[:-2]) == {1} else None
    if 2 <= len(shape) <= 5 and set(shape[2:]) <= {1}:
        return shape[0], shape[1]
    return None


def bias_keys(key: str) -> tuple[str, ...]:
    """Where the bias of this weight would be: ``fc.weight`` → ``fc.bias``, ``W`` → ``b``."""
    if ".parametrizations.weight." in key:
        return (key.split(".parametrizations.weight.")[0] + ".bias",)
    if key.endswith("/vars/0"):
        return (key[:-1] + "1",)
    stem = re.sub(r"(weight)_(v|orig)$", r"\1", key.removesuffix(":0"))
    suffix = ":0" if key.endswith(":0") else ""
    match = re.search(r"(weights?|kernel|w)$", stem, re.IGNORECASE)
    if match is None:
        return tuple(stem + end + suffix for end in (".bias", "_bias", "/bias"))
    before, ending_word = stem[: match.start()], match.group()
    if before and before[-1].isalnum() and not ending_word[0].isupper():
        return ()
    end = _BIAS_OF[ending_word.lower()]
    ends = {end, "bias", "b", end.upper()} if len(ending_word) == 1 else {end, end.capitalize()}
    keys = tuple(before + end + suffix for end in sorted(ends))
    # Language models keep the output bias one level up: lm_head.decoder.weight, lm_head.bias.
    return (
        (*keys, before.removesuffix("decoder.") + "bias") if before.endswith(".decoder.") else keys
    )


def convolved(shape: tuple[int, ...], leaf: str) -> tuple[int, int]:
    """How many channels a convolution puts out and takes in, in either framework's order."""
    return (shape[-1], shape[-2]) if leaf in ("kernel", "w") else (shape[0], shape[1])
