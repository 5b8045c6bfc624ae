"""The head of an ONNX graph: the last linear layer before an output, found by following edges.

Exporters rename and transpose weights (``onnx::MatMul_123``), so names say little here. What
stands between the layer and the output may reshape, cast or squash the scores, not mix them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from nctool.core.notice import Notice
from nctool.readers.shared.edge import shown
from nctool.readers.shared.onnx_tensor import Tensor, described
from nctool.readers.shared.protobuf import BYTES, FIXED32, VARINT, Field, Wire, signed

# What may follow the layer; each takes the scores as its first input.
PASSES = frozenset(
    "Identity Cast CastLike Softmax LogSoftmax Sigmoid HardSigmoid Softplus Tanh Log Exp "
    "ArgMax TopK Reshape Flatten Squeeze Unsqueeze Transpose Dropout Clip Split Slice Gather "
    "GlobalAveragePool ReduceMean QuantizeLinear DequantizeLinear ZipMap Normalizer".split()
)
# What may stand between a stored weight and its layer.
SAME = frozenset(("Identity", "Cast", "CastLike", "Dropout"))
DOMAINS = frozenset(("", "ai.onnx", "ai.onnx.ml"))
MOST_STEPS = 64
MOST_EDGES = 2**10


@dataclass(slots=True)
class Node:
    """One operation, with its attributes still unread."""

    op: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: list[Field] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Linear:
    """The layer that an output ends in; ``node`` is the operation that multiplies."""

    output: str
    node: str
    op: str
    weight: str
    bias: str | None
    transposed: bool

    def fact(self) -> dict[str, object]:
        """What is told to whoever gives out the roles."""
        return {
            "weight": self.weight,
            "bias": self.bias,
            "transposed": self.transposed,
            "reason": f"feeds output '{shown(self.output, 60)}' through {self.op}",
        }


def node_of(wire: Wire, start: int, stop: int) -> Node:
    node = Node()
    for part in wire.fields(start, stop):
        if part.wire != BYTES:
            continue
        if part.number == 1:
            node.inputs.append(wire.text(part))
        elif part.number == 2:
            node.outputs.append(wire.text(part))
        elif part.number == 4:
            node.op = wire.text(part)
        elif part.number == 5:
            node.attributes.append(part)
        elif part.number == 7:
            node.domain = wire.text(part)
    return node


def numbers_of(wire: Wire, node: Node) -> dict[str, object]:
    """The numbers among the attributes of a node: one, or a list of them."""
    import struct

    numbers: dict[str, object] = {}
    for attribute in node.attributes:
        name, value, several = "", None, list[int]()
        for part in wire.fields(attribute.start, attribute.stop):
            if part.number == 1 and part.wire == BYTES:
                name = wire.text(part)
            elif part.number == 2 and part.wire == FIXED32:
                value = struct.unpack("<f", wire.read(part.start, part.stop))[0]
            elif part.number == 3 and part.wire == VARINT:
                value = signed(part.value)
            elif part.number == 8 and part.wire == VARINT:
                several.append(signed(part.value))
            elif part.number == 8 and part.wire == BYTES and part.stop - part.start < MOST_EDGES:
                several += wire.varints(part.start, part.stop)
        numbers[name] = value if value is not None else several
    return numbers


def constant_of(wire: Wire, node: Node) -> Tensor | None:
    """The tensor of a Constant node, if it is written as one."""
    for attribute in node.attributes:
        for part in wire.fields(attribute.start, attribute.stop):
            if part.number == 5 and part.wire == BYTES:
                return described(wire, part.start, part.stop)
    return None


class Graph:
    """The edges of a graph, and the shapes of the arrays that are stored in it."""

    def __init__(
        self, wire: Wire, nodes: list[Node], outputs: list[str], shapes: Mapping[str, list[int]]
    ) -> None:
        self.wire, self.outputs, self.shapes = wire, outputs, shapes
        self.makers = {name: node for node in nodes for name in node.outputs if name}

    def head(self) -> tuple[Linear | None, tuple[Notice, ...]]:
        """The layer that the outputs end in, if it is one; otherwise a word about why not."""
        layers: dict[str, Linear] = {}
        ends: dict[str, str] = {}
        for output in self.outputs[:MOST_STEPS]:
            layer = self._layer(output)
            if isinstance(layer, Linear):
                layers.setdefault(layer.node, layer)
            else:
                ends[output] = layer
        last = [layer for layer in layers.values() if not self._feeds(layer, layers)]
        if len(last) == 1:
            return last[0], ()
        if last:
            each = ", ".join(f"'{shown(layer.weight, 60)}'" for layer in last[:4])
            message = f"{len(last)} outputs of the graph end in linear layers of their own: {each}"
            hint = f"--head '{shown(last[0].weight)}' takes the first"
            return None, (Notice("several-outputs", message, hint),)
        if not ends:
            return None, ()
        output, op = next(iter(ends.items()))
        ends_in = f"the graph's output '{shown(output, 60)}' ends in {shown(op, 60)}"
        message = f"{ends_in}, not in a linear layer with a stored weight"
        hint = "the head is told by names and shapes; --head 'KEY' names another"
        return None, (Notice("no-linear-output", message, hint),)

    def _layer(self, output: str) -> Linear | str:
        """The layer that this output ends in, or the operation that stands in the way."""
        name, bias = output, None
        for _ in range(MOST_STEPS):
            node = self.makers.get(name)
            if node is None or node.domain not in DOMAINS or not node.inputs:
                return "an input or an array" if node is None else node.op
            if node.op in ("Gemm", "MatMul", "Conv"):
                return self._linear(node, name, output, bias) or f"a {node.op} of another kind"
            # A constant added after the product is its bias; a single number only scales it.
            if node.op in ("Add", "Mul", "Div"):
                rest = self._with_constant(node)
                if rest is None:
                    return node.op
                name, constant = rest
                single = prod(self.shapes[constant]) == 1
                if bias is not None and (node.op != "Add" or not single):
                    return node.op
                if not single:
                    if node.op != "Add":
                        return node.op
                    bias = constant
            elif node.op in PASSES:
                name = node.inputs[0]
            else:
                return node.op
        return "too many operations"

    def _with_constant(self, node: Node) -> tuple[str, str] | None:
        """The computed and the stored input of an operation on two, if it has one of each."""
        if len(node.inputs) != 2:
            return None
        first, second = node.inputs
        for computed, stored in ((first, second), (second, first)):
            constant = self._stored(stored)
            if constant is not None and not constant[1]:
                return None if node.op == "Div" and stored == first else (computed, constant[0])
        return None

    def _linear(self, node: Node, name: str, output: str, bias: str | None) -> Linear | None:
        """The weight of a layer, as (K, d) or transposed, with its own bias or the one after it."""
        inputs = node.inputs
        side = 1
        if node.op == "MatMul" and len(inputs) == 2 and self._stored(inputs[1]) is None:
            side = 0
        stored = self._stored(inputs[side]) if len(inputs) > side else None
        if stored is None:
            return None
        weight, turned = stored
        shape = self.shapes[weight]
        numbers = numbers_of(self.wire, node)
        if node.op == "Conv":
            if len(shape) < 3 or set(shape[2:]) != {1} or numbers.get("group", 1) != 1:
                return None
        elif len(shape) != 2:
            return None
        if node.op == "Gemm":
            scales = {numbers.get(scale, 1.0) for scale in ("alpha", "beta")}
            if numbers.get("transA") or scales != {1.0}:
                return None
            turned ^= not numbers.get("transB")
        elif node.op == "MatMul":
            turned ^= side == 1
        own = inputs[2] if node.op in ("Gemm", "Conv") and len(inputs) > 2 and inputs[2] else None
        if own is not None and bias is not None:
            return None
        bias = bias if own is None else own
        if bias is not None and (
            bias not in self.shapes or prod(self.shapes[bias]) != shape[int(turned)]
        ):
            return None
        return Linear(output, name, node.op, weight, bias, turned)

    def _stored(self, name: str) -> tuple[str, bool] | None:
        """The stored array behind this edge, and whether it is turned on the way."""
        turned = False
        for _ in range(MOST_STEPS):
            if name in self.shapes:
                return name, turned
            node = self.makers.get(name)
            if node is None or not node.inputs:
                return None
            if node.op == "Transpose":
                if numbers_of(self.wire, node).get("perm", [1, 0]) != [1, 0]:
                    return None
                turned = not turned
            elif node.op not in SAME:
                return None
            name = node.inputs[0]
        return None

    def _feeds(self, layer: Linear, others: Mapping[str, Linear]) -> bool:
        """Whether another of the layers takes in what this one puts out: then it is no last one."""
        seen, todo = {layer.node}, [name for name in others if name != layer.node]
        while todo:
            node = self.makers.get(todo.pop())
            for name in node.inputs if node is not None else ():
                if name == layer.node:
                    return True
                if name not in seen:
                    seen.add(name)
                    todo.append(name)
        return False
