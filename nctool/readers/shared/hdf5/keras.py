"""What Keras writes beside its weights: names of layers, the step, which layer is the last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from nctool.readers.shared.hdf5.contents import Contents

# Layers without weights that a head's output may still pass through.
PASSING = frozenset({"Activation", "Softmax", "Dropout", "Flatten", "Reshape"})
# Connections are a few lists deep; a crafted description is as deep as somebody likes.
DEEPEST = 16
LEGACY_STEPS = frozenset({"iteration", "iterations", "iter", "iteration:0", "iter:0"})


def add_keras_facts(contents: Contents, config: Mapping[str, object] | None = None) -> None:
    """Names that the model's author gave, and the head, where the file lets one know."""
    own = dict(_names(contents))
    if own:
        contents.facts["layer_names"] = own
    contents.add_moment("global_step", "optimizer/vars/0")
    for key in contents.arrays:
        first, _, rest = key.partition("/")
        if first == "optimizer_weights" and rest.rpartition("/")[2] in LEGACY_STEPS:
            contents.add_moment("global_step", key)
    if config is None:
        config = _parsed(contents.root.attributes.get("model_config"))
    name = output_layer(config)
    weight = _weight(contents, own, name) if name else None
    if weight is not None:
        contents.facts["head"] = {
            "weight": weight,
            "bias": _bias(contents, weight),
            "transposed": True,
            "reason": f"the model's output layer, {name}",
        }


def _bias(contents: Contents, weight: str) -> str | None:
    """The key beside this one: vars/0 and vars/1, or kernel and bias."""
    stem, _, leaf = weight.rpartition("/")
    key = f"{stem}/{'1' if leaf == '0' else leaf.replace('kernel', 'bias')}"
    return key if key in contents.arrays else None


def _names(contents: Contents) -> Iterator[tuple[str, str]]:
    """Path of a layer → the name its author gave it, for the layers that have weights."""
    for parts, node in contents.root.walk():
        if len(parts) > 1 and parts[-1] == "vars" and parts[0] != "optimizer" and node.children:
            name = node.attributes.get("name")
            if isinstance(name, str):
                yield "/".join(parts[:-1]), name


def _weight(contents: Contents, own: Mapping[str, str], name: str) -> str | None:
    """The one matrix of this layer."""
    keys = [f"{path}/vars/0" for path, given in own.items() if given == name]
    start = f"model_weights/{name}/"
    leaves = ("/kernel", "/kernel:0")
    keys += [key for key in contents.arrays if key.startswith(start) and key.endswith(leaves)]
    arrays = contents.arrays
    matrices = [key for key in keys if key in arrays and len(arrays[key].shape) == 2]
    return matrices[0] if len(matrices) == 1 else None


def output_layer(model: Mapping[str, object]) -> str | None:
    """The name of the dense layer that makes the output, if the description is that plain."""
    config = model.get("config")
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        return None
    layers = {_name(layer): layer for layer in config["layers"] if isinstance(layer, Mapping)}
    if model.get("class_name") == "Sequential":
        name = next((layer for layer in reversed(layers) if not _passed(layers[layer])), None)
    else:
        name, seen = _single(config.get("output_layers")), set[str | None]()
        while name in layers and name not in seen and _passed(layers[name]):
            seen.add(name)
            name = _single(layers[name].get("inbound_nodes"))
    return name if layers.get(name, {}).get("class_name") == "Dense" else None


def _passed(layer: Mapping[str, object]) -> bool:
    return layer.get("class_name") in PASSING


def _name(layer: Mapping[str, object]) -> str | None:
    config = layer.get("config")
    name = layer.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
    return name if isinstance(name, str) else None


def _single(nodes: object) -> str | None:
    """The layer that all of this comes from, if it is one."""
    origins = set(_origins(nodes, 0))
    return origins.pop() if len(origins) == 1 else None


def _origins(nodes: object, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        return
    if isinstance(nodes, Mapping):
        history = nodes.get("keras_history")
        for value in [history] if history is not None else nodes.values():
            yield from _origins(value, depth + 1)
    elif isinstance(nodes, Sequence) and not isinstance(nodes, str):
        if nodes and isinstance(nodes[0], str) and any(isinstance(item, int) for item in nodes):
            yield nodes[0]
        else:
            for node in nodes:
                yield from _origins(node, depth + 1)


def _parsed(text: object) -> Mapping[str, object]:
    try:
        content: object = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
