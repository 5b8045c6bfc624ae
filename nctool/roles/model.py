"""The layers among some arrays, which way they lie, and which others take in their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from nctool.roles.array_names import Name, words
from nctool.roles.lexicon import EMBEDDING, SOURCE
from nctool.roles.linear_layer import NO_WEIGHT, Layer, bias_keys, convolved, plane
from nctool.roles.role_types import Candidate
from nctool.roles.width_flow import WidthFlow

_NORM = frozenset(("weight", "gamma", "scale", "gain"))
ANYWHERE = ("*",)


def _without_root(names: dict[Candidate, Name]) -> dict[Candidate, Name]:
    """A number that every matrix stands under wraps a model and is no stack of blocks."""
    roots = {
        name.layer[0] if len(name.layer) > 1 else ""
        for item, name in names.items()
        if len(item.shape) > 1 and item.shape[0] > 1
    }
    if len(roots) != 1 or not (root := roots.pop()).isdigit():
        return names
    return {
        item: replace(name, layer=name.layer[1:])
        if name.layer[0] == root and name.layer[1:]
        else name
        for item, name in names.items()
    }


class Model:
    """The layers among some arrays, and which widths the rest of the arrays take in."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.candidates = tuple(candidates)
        self.by_key: Mapping[tuple[str, str], Candidate] = {
            (candidate.path, candidate.key): candidate for candidate in self.candidates
        }
        self.titled: dict[str, list[Candidate]] = {}
        for candidate in self.candidates:
            self.titled.setdefault(candidate.title, []).append(candidate)
        self.names = _without_root({item: item.name for item in self.candidates})
        seen = [layer for item in self.candidates if (layer := self._layer(item)) is not None]
        self.norms = self._norms(seen)
        self.normed: dict[tuple[tuple[str, ...], int], list[Name]] = {}
        for norm, size in self.norms:
            name = self.names[norm]
            self.normed.setdefault((name.layer[:-1], size), []).append(name)
        self.flow = WidthFlow(seen, self.names, frozenset(size for _, size in self.norms))
        self.layers = tuple(
            layer.turned() if self.flow.is_transposed(layer) else layer for layer in seen
        )
        self.takers = self._takers()
        # Parent and width taken in → for each width put out, the last number of such a layer.
        self.beside: dict[tuple[tuple[str, ...], int], dict[int, int]] = {}
        for layer in self.layers:
            outputs = self.beside.setdefault((layer.name.layer[:-1], layer.columns), {})
            outputs[layer.rows] = max(layer.name.number, outputs.get(layer.rows, -1))

    def bias(self, layer: Layer) -> Candidate | None:
        """The sibling bias with one number for each output; in another file only if unique."""
        for key in bias_keys(layer.weight.title):
            fitting = [item for item in self.titled.get(key, ()) if item.is_bias_for(layer.rows)]
            beside = [item for item in fitting if item.path == layer.weight.path] or fitting
            if len(beside) == 1:
                return beside[0]
        return None

    def _layer(self, candidate: Candidate) -> Layer | None:
        name = self.names[candidate]
        if not candidate.is_float or NO_WEIGHT.search(name.leaf):
            return None
        sizes = plane(candidate.shape, name.leaf)
        if sizes is None or 0 in sizes:
            return None
        layer = Layer(candidate, name, *sizes, scale=self._scale(candidate))
        # JAX and Keras store (inputs, outputs). Elsewhere the bias tells which size is the outputs.
        if name.leaf == "kernel" or (
            self.bias(layer) is None and self.bias(layer.turned()) is not None
        ):
            layer = layer.turned()
        return replace(layer, bias=self.bias(layer))

    def _scale(self, candidate: Candidate) -> Candidate | None:
        """The magnitudes of a weight-normed layer, one for each row."""
        for direction, magnitude in (("weight_v", "weight_g"), ("original1", "original0")):
            if candidate.key.endswith(direction):
                key = candidate.key.removesuffix(direction) + magnitude
                magnitudes = self.by_key.get((candidate.path, key))
                if magnitudes is not None and magnitudes.shape[:1] == candidate.shape[:1]:
                    return magnitudes if set(magnitudes.shape[1:]) <= {1} else None
        return None

    def _takers(self) -> dict[tuple[int, tuple[str, ...]], list[Candidate]]:
        """Width and place → arrays that take it in there: next layers, and norms of that size.

        Two layers of one parent that fit each other are a matter between the two (squeeze and
        excite, the two halves of an MLP): their width is noted for that parent alone. Two arrays
        for each are enough to know whether there is another than a given one.
        """
        known = {layer.weight: layer for layer in self.layers}
        made: set[tuple[tuple[str, ...], int]] = set()
        taken: list[tuple[tuple[str, ...], int, Candidate]] = []
        for candidate in self.candidates:
            shape, name = candidate.shape, self.names[candidate]
            parent = name.layer[:-1]
            if (layer := known.get(candidate)) is not None:
                made.add((parent, layer.rows))
                if layer.rows != layer.columns:
                    taken.append((parent, layer.columns, candidate))
            elif len(shape) > 2:
                out, into = convolved(shape, name.leaf)
                made.add((parent, out))
                taken.append((parent, into, candidate))
        taken += [(self.names[norm].layer[:-1], size, norm) for norm, size in self.norms]
        takers: dict[tuple[int, tuple[str, ...]], list[Candidate]] = {}
        for parent, width, candidate in taken:
            place = parent if (parent, width) in made else ANYWHERE
            known_takers = takers.setdefault((width, place), [])
            if len(known_takers) < 2:
                known_takers.append(candidate)
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
        return outputs.get(layer.columns, -1) > layer.name.number or self._normed(layer)

    def fed_on(self, layer: Layer) -> bool:
        """Whether another that could be last, elsewhere in the tree, takes in its output."""
        return not layer.name.stacked and any(
            end.name.layer[:-1] != layer.name.layer[:-1]
            and end.rows != end.columns
            and not self.taken_in(end)
            and not self.handed_on(end)
            for end in self.flow.ends.get(layer.rows, ())
        )

    def continues(self, layer: Layer) -> bool:
        """Whether a layer of the same numbered sequence hands its output to this one."""
        parts = layer.name.layer
        return parts[-1].isdigit() and any(
            other.name.layer[:-1] == parts[:-1]
            and other.rows == layer.columns
            and -1 < other.name.number < layer.name.number
            for other in self.layers
        )

    def stack(self, layer: Layer) -> int | None:
        """Where in the name the number of a block stands; None outside of blocks.

        A whole model may be one sequence: what stands last in it, and only there, is no block.
        """
        parts = layer.name.layer
        block = next((place for place, part in enumerate(parts[:-1]) if part.isdigit()), None)
        if block == 0 and layer.bias is not None and len(layer.weight.shape) == 2:
            last = max(int(number) for number, _ in self.stages)
            alone = sum(rest == parts[1:] for _, rest in self.stages) == 1
            return None if alone and int(parts[0]) == last else block
        return block

    @cached_property
    def stages(self) -> list[tuple[str, tuple[str, ...]]]:
        """The numbers that names begin with, and what follows them."""
        names = (layer.name.layer for layer in self.layers)
        return [(name[0], name[1:]) for name in names if name[0].isdigit()]

    def _norms(self, layers: Iterable[Layer]) -> list[tuple[Candidate, int]]:
        biases = {layer.bias for layer in layers if layer.bias is not None}
        return [
            (item, item.shape[0])
            for item in self.candidates
            if len(item.shape) == 1
            and item not in biases
            and _NORM & set(words(self.names[item].leaf))
        ]

    def _normed(self, layer: Layer) -> bool:
        """Whether a norm follows by name: ``3`` and ``4``, ``fc5`` and ``bn5``, ``features``."""
        own = layer.name.layer
        if layer.name.stacked:
            return False
        for name in self.normed.get((own[:-1], layer.rows), ()):
            if own[-1].isdigit():
                follows = name.layer[-1] == str(layer.name.number + 1)
            else:
                follows = name.number == layer.name.number > -1
            if follows or (SOURCE | EMBEDDING) & set(words(name.layer[-1])):
                return True
        return False
