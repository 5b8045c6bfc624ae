"""ONNX: the weights of a graph, and which of them is its head.

The file is walked field by field without any library, so a model of many gigabytes is never taken
into memory: weights stay where they are, in the file or in files beside it. Nothing is computed
with the graph; it is only asked which stored arrays feed its outputs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from nctool.arrays import LazyArray, Opened
from nctool.core.notice import Notice
from nctool.readers import Reader
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.onnx_graph import Graph, Node, constant_of, node_of
from nctool.readers.shared.onnx_tensor import ONNX, Tensor, described, lazy, pair
from nctool.readers.shared.protobuf import BYTES, VARINT, Field, Wire
from nctool.readers.shared.shards import only_file, with_config
from nctool.readers.shared.wording import left_out

FOLDER = "onnx-folder"
NEWEST_IR = 127
MOST_FACTS = 1000
# Top-level fields of a model: those that are short texts, and those that are numbers.
TEXTS, NUMBERS = {2: "producer_name", 3: "producer_version", 4: "domain"}, {1, 5}
LONGEST_PRODUCER = 1000
KNOWN_FIELDS = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26))
# A folder that holds one of these is of another format.
OTHER_SUFFIXES = frozenset((".safetensors", ".npy", ".npz", ".pt", ".pth", ".ckpt", ".h5"))


@dataclass(slots=True)
class Model:
    """What is found on one walk through a file."""

    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    graphs: int = 0
    opsets: int = 0


def recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        suffixes = {entry.suffix for entry in path.iterdir()}
        return ".onnx" in suffixes and not suffixes & OTHER_SUFFIXES
    return len(head) > 8 and head[0] == 8 and 0 < head[1] <= NEWEST_IR and _is_model(head)


def _is_model(head: bytes) -> bool:
    """Whether the first fields are those of a model, up to the graph or the end of the head."""
    at, texts = 2, 0
    while at + 2 < len(head):
        number, wire, at = head[at] >> 3, head[at] & 7, at + 1
        if number not in KNOWN_FIELDS or wire != (VARINT if number in NUMBERS else BYTES):
            return False
        value = shift = 0
        while at < len(head):
            value, shift, at = value | (head[at] & 0x7F) << shift, shift + 7, at + 1
            if head[at - 1] < 0x80:
                break
        if number == 7:
            return texts > 0 or head[at : at + 1] in (b"\x0a", b"\x12", b"\x2a")
        if number in TEXTS:
            text = head[at : at + value].decode("utf-8", "replace")
            if value > LONGEST_PRODUCER or not text.isprintable():
                return False
            texts += bool(text)
        at += value if wire == BYTES else 0
    return texts > 0


def open_onnx(path: Path) -> Opened:
    if not path.is_dir():
        return open_file(path)
    return with_config(open_file(only_file(path, ".onnx", "ONNX models")), path)


def open_file(path: Path) -> Opened:
    with edge(path, ONNX), path.open("rb") as file:
        wire = Wire(file, path, ONNX)
        model = _model(wire)
        arrays, shapes = _arrays(model, wire)
        head, notices = Graph(wire, model.nodes, model.outputs, shapes).head()
        if head is not None and head.weight not in arrays:
            weight = f"the weight of the last layer, '{shown(head.weight, 60)}'"
            hint = "use the model from before it was quantized"
            message = f"{weight}, is of a type that is not read"
            notices = (Notice("no-linear-output", message, hint),)
        elif head is not None:
            model.facts["head"] = head.fact()
    hint = "only dense tensors of numbers of a byte or more are read"
    ignored = left_out(model.ignored, "tensor", hint)
    return Opened(path, ONNX, tuple(arrays.values()), model.facts, (*ignored, *notices))


def _model(wire: Wire) -> Model:
    model = Model()
    for part in wire.fields(0, wire.size):
        if part.number == 7 and part.wire == BYTES:
            model.graphs += 1
            _graph(wire, model, part)
        elif part.number == 8:
            model.opsets += 1
        elif part.number in TEXTS and part.wire == BYTES:
            model.facts[TEXTS[part.number]] = wire.text(part)
        elif part.number == 14 and part.wire == BYTES and len(model.facts) < MOST_FACTS:
            key, value = pair(wire, part)
            model.facts.setdefault(key, value)
    if model.graphs != 1 or not model.opsets:
        missing = f"{model.graphs} graphs" if model.graphs != 1 else "no operator set"
        raise wire.damaged(f"it has {missing}")
    # A file's own metadata may use the key; only the graph says where the head is.
    model.facts.pop("head", None)
    return model


def _graph(wire: Wire, model: Model, graph: Field) -> None:
    for part in wire.fields(graph.start, graph.stop):
        if part.wire != BYTES:
            continue
        inners = wire.fields(part.start, part.stop)
        if part.number == 1:
            node = node_of(wire, part.start, part.stop)
            model.nodes.append(node)
            if node.op == "Constant" and node.outputs:
                tensor = constant_of(wire, node)
                if tensor is not None:
                    tensor.name, tensor.constant = node.outputs[0], True
                    model.tensors.append(tensor)
        elif part.number == 5:
            model.tensors.append(described(wire, part.start, part.stop))
        elif part.number == 12:
            names = (wire.text(inner) for inner in inners if inner.number == 1)
            model.outputs.append(next(names, ""))
        elif part.number == 15:
            values = (inner for inner in inners if inner.number == 1)
            name = next((described(wire, inner.start, inner.stop).name for inner in values), "")
            model.ignored[f"sparse {shown(name, 60)}"] += 1


def _arrays(model: Model, wire: Wire) -> tuple[dict[str, LazyArray], dict[str, list[int]]]:
    """Every array that can be read, and the shapes of all that there are."""
    arrays: dict[str, LazyArray] = {}
    shapes: dict[str, list[int]] = {}
    for tensor in model.tensors:
        key = tensor.name
        if key in shapes:
            raise corrupt(wire.path, ONNX, f"'{shown(key)}' is in it twice")
        shapes[key] = tensor.dims
        if tensor.constant and (not tensor.dims or tensor.integral):
            continue  # sizes and axes for the nodes beside it
        if tensor.unreadable or not key:
            model.ignored[f"{tensor.unreadable or 'tensor'} {shown(key, 60)}".strip()] += 1
        else:
            arrays[key] = lazy(tensor, key, wire.path)
    return arrays, shapes


READER = Reader("onnx", recognises, open_onnx, covers="ONNX models")
