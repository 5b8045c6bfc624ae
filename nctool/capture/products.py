"""Operations of torch that are one linear map applied to rows, all brought to one form.

``F.linear``, matrix products in either order, ``einsum``, convolutions that see one position at a
time and quantised layers are the same thing to a head: rows times the transpose of a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Product:
    """``output = rows @ weight.T + bias``, whatever it was called."""

    kind: str
    """As torch calls the operation."""

    rows: Tensor
    """(..., d)"""

    weight: Tensor
    """(C, d)"""

    bias: Tensor | None
    """(C,)"""

    output: Tensor
    """(..., C): a view of what came out, wherever its classes stand."""

    @property
    def shape(self) -> tuple[str, int, int]:
        """What tells it from other operations, in every forward."""
        classes, dim = self.weight.shape
        return self.kind, classes, dim

    def computed(self) -> Tensor:
        """(..., C) The map applied once more, where the output was written over."""
        output = self.rows.to(self.weight.dtype) @ self.weight.T
        return output if self.bias is None else output + self.bias


OF_COLUMNS = " of columns"
"""Of a product whose second reading is meant, in which the samples are columns."""


def name_of(function: Callable[..., Any]) -> str:
    """As torch calls the operation, without the marks of its overloads and variants."""
    return str(getattr(function, "__name__", "")).split(".")[0].strip("_")


def products(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], output: object
) -> list[Product]:
    """What it is as a product: nothing, or both readings where either operand may be the rows."""
    name = name_of(function)
    read = READINGS.get(name)
    if read is None or not isinstance(output, Tensor) or not output.is_floating_point():
        return []
    # Operands may be named in the call; an operation that is called otherwise is none of ours.
    try:
        found = list(read(output, *args, **kwargs))
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return []
    return [
        Product(name + OF_COLUMNS * place, *parts)
        for place, parts in enumerate(found)
        if _consistent(*parts)
    ]


def added(
    function: Callable[..., Any], args: Sequence[Any], output: object, last: Product, sure: bool
) -> Product | None:
    """The product with a vector that was added to its output: a bias, written by hand.

    Of a single row, a second product looks like a bias too: it counts where this is ``sure``.
    """
    if (
        name_of(function).removeprefix("i") not in ("add", "radd")
        or len(args) != 2
        or not isinstance(output, Tensor)
    ):
        return None
    for value, other in (args, args[::-1]):
        if not (isinstance(value, Tensor) and isinstance(other, Tensor)):
            continue
        wide = other.reshape((1,) * (value.ndim - other.ndim) + tuple(other.shape))
        for view in VIEWS:
            # The same numbers at the same place: identity, also of what was added to in place.
            same = _same_place(view(value), last.output) and output.shape == value.shape
            same = same and (sure or other.shape != value.shape)
            if same and other.numel() == len(last.weight) == view(wide).shape[-1]:
                bias = other.reshape(-1) if last.bias is None else last.bias + other.reshape(-1)
                return Product(last.kind, last.rows, last.weight, bias, view(output))
    return None


VIEWS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda tensor: tensor,
    lambda tensor: tensor.T if tensor.ndim == 2 else tensor,
    lambda tensor: tensor[..., None],
)
"""How the output of a product is seen by it: as it is, with classes as rows, of a single class."""


Parts = tuple[Tensor, Tensor, Tensor | None, Tensor]
"""Rows, weight, bias, output."""


def _consistent(rows: Tensor, weight: Tensor, bias: Tensor | None, output: Tensor) -> bool:
    return (
        rows.is_floating_point()
        and weight.ndim == 2
        and (*rows.shape[:-1], weight.shape[0]) == tuple(output.shape)
        and rows.shape[-1] == weight.shape[1]
        and (bias is None or tuple(bias.shape) == (len(weight),))
    )


def _same_place(value: Tensor, other: Tensor) -> bool:
    if torch.compiler.is_compiling():  # which knows no storages
        return value.shape == other.shape and value.data_ptr() == other.data_ptr()
    return (
        value.shape == other.shape
        and value.stride() == other.stride()
        and place(value) == place(other)
    )


def _linear(
    output: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Iterator[Parts]:
    yield input, weight, bias, output


def _matmul(output: Tensor, input: Tensor, other: Tensor) -> Iterator[Parts]:
    if other.ndim == 1:  # a single class: h @ w
        yield input, other[None], None, output[..., None]
        return
    while other.ndim > 2 and (other.shape[0] == 1 or other.stride(0) == 0):
        other = other[0]  # the same matrix for every sample
    if other.ndim == 2:
        yield input, other.T, None, output
    if input.ndim == 2 == other.ndim:  # W @ h.T: the samples may be the columns
        yield other.T, input, None, output.T


def _reversed(output: Tensor, input: Tensor, other: Tensor) -> Iterator[Parts]:
    yield from _matmul(output, other, input)


def _addmm(
    output: Tensor, input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Iterator[Parts]:
    weight = mat2.T if alpha == 1 else alpha * mat2.T
    bias = input.expand(output.shape)
    if input.ndim == 1 or input.shape[0] == 1:
        yield mat1, weight, bias[0] if beta == 1 else beta * bias[0], output
    elif input.shape[-1] == 1:  # addmm(b[:, None], W, h.T)
        bias, weight = bias[:, 0], mat1 if alpha == 1 else alpha * mat1
        yield mat2.T, weight, bias if beta == 1 else beta * bias, output.T


def _einsum(output: Tensor, equation: str, *given: Any) -> Iterator[Parts]:
    operands = given[0] if len(given) == 1 and not isinstance(given[0], Tensor) else given
    left, arrow, right = equation.replace(" ", "").replace("...", "@").partition("->")
    names = left.split(",")
    if not arrow or len(names) != 2 or len(operands) != 2:
        return
    for (rows, row_names), (weight, weight_names) in (
        zip(operands, names, strict=True),
        zip(operands[::-1], names[::-1], strict=True),
    ):
        shared = [name for name in weight_names if name in row_names]
        own = [name for name in weight_names if name not in row_names]
        # One index of the weight is summed over, the other is new in the output: the classes.
        if len(shared) != 1 or len(own) != 1 or shared[0] in right or own[0] not in right:
            continue
        kept = row_names.replace(shared[0], "")
        if right.replace(own[0], "") != kept:
            continue
        rows = rows.movedim(_axis(row_names, shared[0]), -1)
        weight = weight if weight_names == own[0] + shared[0] else weight.T
        yield rows, weight, None, output.movedim(_axis(right, own[0]), -1)


def _axis(names: str, name: str) -> int:
    """Where an index stands, counted from the end if there are dots before it."""
    place = names.index(name)
    return place - len(names) if "@" in names[:place] else place


def _inner(output: Tensor, input: Tensor, other: Tensor) -> Iterator[Parts]:
    if other.ndim == 2:
        yield input, other, None, output
    if input.ndim == 2:
        yield other, input, None, output.movedim(0, -1)


def _tensordot(
    output: Tensor, a: Tensor, b: Tensor, dims: Any = 2, out: None = None
) -> Iterator[Parts]:
    if isinstance(dims, int):
        axes, others = list(range(-dims, 0)), list(range(dims))
    else:
        axes, others = (list(each) for each in dims)
    if len(axes) == 1 == len(others) and b.ndim == 2:
        weight = b if others[0] % 2 == 1 else b.T
        yield a.movedim(axes[0], -1), weight, None, output


def _convolution(
    output: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, *rest: Any, **named: Any,
) -> Iterator[Parts]:  # fmt: skip
    groups = named.get("groups", rest[-1] if rest else 1)
    positions = weight.ndim - 2
    if groups != 1 or input.ndim != weight.ndim or padding not in (0, (0,) * positions, "valid"):
        return
    classes = output.movedim(1, -1)
    if set(weight.shape[2:]) == {1}:  # one position at a time
        steps = stride if isinstance(stride, Sequence) else (stride,) * positions
        strided = input
        for axis, step in enumerate(steps, 2):
            strided = strided[(slice(None),) * axis + (slice(None, None, step),)]
        yield strided.movedim(1, -1), weight.flatten(1), bias, classes
    elif weight.shape[2:] == input.shape[2:]:  # all positions at once
        rows = input.flatten(1)
        yield rows.view(len(rows), *(1,) * positions, -1), weight.flatten(1), bias, classes


def _quantised(output: Tensor, input: Tensor, packed: Any, *_: Any, **__: Any) -> Iterator[Parts]:
    weight, bias = packed.unpack()
    yield input, weight.dequantize(), bias, output


READINGS: dict[str, Callable[..., Iterator[Parts]]] = {
    "linear": _linear,
    "matmul": _matmul, "mm": _matmul, "mv": _matmul, "bmm": _matmul,
    "rmatmul": _reversed,
    "addmm": _addmm,
    "einsum": _einsum,
    "inner": _inner,
    "tensordot": _tensordot,
    "conv1d": _convolution, "conv2d": _convolution, "conv3d": _convolution,
    "linear_dynamic": _quantised, "linear_dynamic_fp16": _quantised,
}  # fmt: skip
"""By the name of the operation."""


def place(tensor: Tensor) -> tuple[int, int]:
    """Which memory it is, and where in that: the same where one is a view of the other."""
    return tensor.untyped_storage()._cdata, int(tensor.storage_offset())


def detached(tensor: Tensor) -> Tensor:
    """Whole, on its device, and apart from gradients: sharded parameters are gathered."""
    whole = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return torch.Tensor.detach(whole)
