"""A head that the file itself declares: its graph says which array feeds the output.

A reader that knows it puts it into its metadata under ``head``: ``weight`` and ``bias`` are keys,
``transposed`` says that rows are dimensions and columns are classes, ``reason`` is for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from nctool.roles.linear_layer import Layer
from nctool.roles.model import Model
from nctool.roles.role_types import Candidate


@dataclass(frozen=True, slots=True)
class DeclaredHead:
    """The layer with its bias, whose name need not resemble the weight's."""

    layer: Layer
    reason: str


def declared_head(
    candidates: Iterable[Candidate], config: Mapping[str, object] | None
) -> DeclaredHead | None:
    """The head that the metadata names, if it is among these arrays and could be one."""
    fact = (config or {}).get("head")
    if not isinstance(fact, Mapping):
        return None
    model = Model(candidates)
    layers = [layer for layer in model.layers if layer.weight.key == fact.get("weight")]
    if len(layers) != 1:
        return None
    layer = layers[0]
    if layer.transposed is not (fact.get("transposed") is True):
        layer = layer.turned()
    beside = (item for item in model.candidates if item.path == layer.weight.path)
    bias = next((item for item in beside if item.key == fact.get("bias")), None)
    return DeclaredHead(replace(layer, bias=bias), str(fact.get("reason", "")))
