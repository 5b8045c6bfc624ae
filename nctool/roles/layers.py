"""Linear layers as seen from outside: a weight, how it lies, and the bias beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nctool.roles.names import Name, parse, title, words
from nctool.roles.values import Candidate

# Leaves that are never a whole weight: biases, norms, and halves that the other half brings in.
_NO_WEIGHT = re.compile(r"(^|_)bias(es)?($|_)|^(weight_g|original0|weight_u|gain|beta|b)$")
_NORM = frozenset(("weight", "gamma", "scale", "gain"))
ANYWHERE = ("*",)
# How the last word of a weight's name turns into that of its bias.
_BIAS_OF = {"weight": "bias", "weights": "bias", "kernel": "bias", "w": "b"}


def is_float(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat"))


def is_integral(dtype: str) -> bool:
    return dtype.startswith(("int", "uint"))


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

    def turned(self) -> Layer:
        return Layer(
            self.weight, self.name, self.columns, self.rows, not self.transposed, self.scale
        )


def plane(shape: tuple[int, ...], leaf: str) -> tuple[int, int] | None:
    """The two sizes of a linear map or a 1×1 convolution, as stored; None for anything else."""
    if leaf == "kernel" and len(shape) in (3, 4) and set(shape[:-2]) == {1}:
        return shape[-2], shape[-1]
    if 2 <= len(shape) <= 4 and set(shape[2:]) <= {1}:
        return shape[0], shape[1]
    return None


def bias_keys(key: str) -> tuple[str, ...]:
    """Where the bias of this weight would be: ``fc.weight`` → ``fc.bias``, ``W`` → ``b``."""
    if ".parametrizations.weight." in key:
        return (key.split(".parametrizations.weight.")[0] + ".bias",)
    if key.endswith("/vars/0"):
        return (key[:-1] + "1",)
    stem = re.sub(r"(weight)_(v|orig)$", r"\1", key.removesuffix(":0"))
    ending = ":0" if key.endswith(":0") else ""
    match = re.search(r"(weights?|kernel|w)$", stem, re.IGNORECASE)
    if match is None:
        return tuple(stem + end + ending for end in (".bias", "_bias", "/bias"))
    before, found = stem[: match.start()], match.group()
    if before and before[-1].isalnum() and not found[0].isupper():
        return ()
    end = _BIAS_OF[found.lower()]
    ends = {end, "bias", "b", end.upper()} if len(found) == 1 else {end, end.capitalize()}
    keys = tuple(before + end + ending for end in sorted(ends))
    # Language models keep the output bias one level up: lm_head.decoder.weight, lm_head.bias.
    return (
        (*keys, before.removesuffix("decoder.") + "bias") if before.endswith(".decoder.") else keys
    )


class Model:
    """The layers among some arrays, and which widths the rest of the arrays take in."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.candidates = tuple(candidates)
        self.by_key: Mapping[tuple[str, str], Candidate] = {
            (candidate.path, candidate.key): candidate for candidate in self.candidates
        }
        self.titled: dict[str, list[Candidate]] = {}
        for candidate in self.candidates:
            name = title(candidate.key, candidate.path)
            self.titled.setdefault(name, []).append(candidate)
        self.layers = tuple(
            layer for candidate in self.candidates if (layer := self._layer(candidate)) is not None
        )
        self.takers = self._takers()
        # Parent and width taken in → for each width put out, the last number of such a layer.
        self.beside: dict[tuple[tuple[str, ...], int], dict[int, int]] = {}
        for layer in self.layers:
            outputs = self.beside.setdefault((layer.name.layer[:-1], layer.columns), {})
            outputs[layer.rows] = max(layer.name.number, outputs.get(layer.rows, -1))

    def bias(self, layer: Layer) -> Candidate | None:
        """The sibling bias with one number for each output; in another file only if unique."""
        for key in bias_keys(title(layer.weight.key, layer.weight.path)):
            found = [
                candidate
                for candidate in self.titled.get(key, ())
                if candidate.shape == (layer.rows,) and is_float(candidate.dtype)
            ]
            beside = [item for item in found if item.path == layer.weight.path] or found
            if len(beside) == 1:
                return beside[0]
        return None

    def _layer(self, candidate: Candidate) -> Layer | None:
        name = parse(candidate.key, candidate.path)
        if not is_float(candidate.dtype) or _NO_WEIGHT.search(name.leaf):
            return None
        sizes = plane(candidate.shape, name.leaf)
        if sizes is None or 0 in sizes:
            return None
        layer = Layer(candidate, name, *sizes, scale=self._scale(candidate))
        if name.leaf == "kernel" or (
            self.bias(layer) is None and self.bias(layer.turned()) is not None
        ):
            layer = layer.turned()
        return Layer(
            layer.weight,
            name,
            layer.rows,
            layer.columns,
            layer.transposed,
            layer.scale,
            self.bias(layer),
        )

    def _scale(self, candidate: Candidate) -> Candidate | None:
        """The magnitudes of a weight-normed layer, one for each row."""
        for direction, magnitude in (("weight_v", "weight_g"), ("original1", "original0")):
            if candidate.key.endswith(direction):
                key = candidate.key.removesuffix(direction) + magnitude
                found = self.by_key.get((candidate.path, key))
                if found is not None and found.shape[:1] == candidate.shape[:1]:
                    return found if set(found.shape[1:]) <= {1} else None
        return None

    def _takers(self) -> dict[tuple[int, tuple[str, ...]], list[Candidate]]:
        """Width and place → arrays that take it in there: next layers, and norms of that size.

        Two layers of one parent that fit each other are a matter between the two (squeeze and
        excite, the two halves of an MLP): their width is noted for that parent alone. Two arrays
        for each are enough to know whether there is another than a given one.
        """
        biases = {layer.bias for layer in self.layers if layer.bias is not None}
        known = {layer.weight: layer for layer in self.layers}
        made: set[tuple[tuple[str, ...], int]] = set()
        taken: list[tuple[tuple[str, ...], int, Candidate]] = []
        for candidate in self.candidates:
            shape, name = candidate.shape, parse(candidate.key, candidate.path)
            parent = name.layer[:-1]
            if (layer := known.get(candidate)) is not None:
                made.add((parent, layer.rows))
                if layer.rows != layer.columns:
                    taken.append((parent, layer.columns, candidate))
            elif len(shape) > 2:
                made.add((parent, shape[0]))
                taken.append((parent, shape[1], candidate))
            elif len(shape) == 1 and candidate not in biases and _NORM & set(words(name.leaf)):
                taken.append((parent, shape[0], candidate))
        takers: dict[tuple[int, tuple[str, ...]], list[Candidate]] = {}
        for parent, width, candidate in taken:
            place = parent if (parent, width) in made else ANYWHERE
            found = takers.setdefault((width, place), [])
            if len(found) < 2:
                found.append(candidate)
        return takers

    def taken_in(self, layer: Layer) -> bool:
        """Whether something else takes in what this layer puts out."""
        return any(
            taker != layer.weight
            for place in (ANYWHERE, layer.name.layer[:-1])
            for taker in self.takers.get((layer.rows, place), ())
        )

    def handed_on(self, layer: Layer) -> bool:
        """Whether a layer beside this one carries on with its output.

        Two that fit each other both ways go by their numbers: fc1 before fc2.
        """
        outputs = self.beside.get((layer.name.layer[:-1], layer.rows), {})
        if any(rows != layer.columns for rows in outputs):
            return True
        return outputs.get(layer.columns, -1) > layer.name.number
