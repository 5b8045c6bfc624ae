"""The classifier, and how its rows agree with the class means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.fact import Undefined, fact
from nctool.facts import point_costs
from nctool.facts.names import class_list

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.engine.device import Engine
    from nctool.facts.samples import Sizes
    from nctool.geometry.duality import Duality
    from nctool.geometry.nulls import Null
    from nctool.geometry.points import Storage
    from nctool.settings.conventions import Convention


@fact()
def weight(head: Tensor, bias: Tensor | None, engine: Engine) -> Tensor:
    """(C, D) in its stored precision, where it is computed with; nothing in it is infinite."""
    import torch

    from nctool.core.errors import InputError

    rows = head.to(engine.device)
    broken = [] if bool(torch.isfinite(rows).all()) else ["weight"]
    if bias is not None and not bool(torch.isfinite(bias).all()):
        broken.append("bias")
    if broken:
        raise InputError(
            "non-finite-head",
            f"the classifier {' and '.join(broken)} holds NaN or infinity",
            "analyse an earlier checkpoint: this one has diverged",
        )
    return rows


@fact()
def row_lengths(weight: Tensor) -> Tensor:  # (C,) float64
    import torch

    lengths: Tensor = torch.linalg.vector_norm(weight, dim=1, dtype=torch.float64)
    return lengths


@fact()
def zero_weights(row_lengths: Tensor) -> tuple[int, ...]:
    """Rows of the head that are zero."""
    import torch

    return tuple(torch.nonzero(row_lengths == 0).flatten().tolist())


@fact()
def weight_storage(weight: Tensor, row_lengths: Tensor) -> Storage:
    """How finely the head is stored."""
    from nctool.geometry.points import storage_of

    return storage_of(weight.dtype, float(row_lengths.square().mean()), weight.shape[1])


@fact()
def present_rows(sizes: Sizes, weight: Tensor, columns: Tensor) -> Tensor:  # (K, D) float64
    """The rows of classes that have samples."""
    return weight[columns].double()


@fact()
def compared_rows(present_rows: Tensor, convention: Convention) -> Tensor:
    """The same as the convention wants them in Frobenius comparisons."""
    return framed(present_rows, convention)


def framed(rows: Tensor, convention: Convention) -> Tensor:
    """Without their mean, where the convention removes it."""
    return rows - rows.mean(0) if convention.center_weights else rows


@fact(cost=point_costs.table)
def duality(compared_rows: Tensor, centred_means: Tensor) -> Duality:
    from nctool.geometry.duality import compare_rows

    return compare_rows(compared_rows, centred_means)


@fact(cost=point_costs.cross_gram)
def duality_deviation(compared_rows: Tensor, centred_means: Tensor) -> float:
    """W M' against a simplex."""
    from nctool.geometry.simplex import etf_deviation

    value = etf_deviation(compared_rows, centred_means)
    if value is None:
        raise Undefined("W M' is zero")
    return value


@fact()
def duality_cosines(
    between: float,
    duality: Duality,
    class_names: tuple[str, ...],
    present: tuple[int, ...],
) -> Tensor:  # (K,)
    """Of each class's row with its mean."""
    if duality.cosines is None:
        raise without_direction(duality, class_names, present)
    return duality.cosines


def without_direction(
    duality: Duality, class_names: tuple[str, ...], present: tuple[int, ...]
) -> Undefined:
    named = class_list(class_names, [present[row] for row in duality.zero])
    return Undefined(
        f"class {named} has a zero classifier row or a class mean at the global mean: no direction"
    )


@fact(cost=point_costs.table)
def unit_duality(unit_centred: Tensor, present_rows: Tensor) -> Duality:
    """Against the class means of features of length one."""
    from nctool.geometry.duality import compare_rows

    return compare_rows(unit_centred, present_rows)


@fact()
def bias_residual(
    present_rows: Tensor, global_mean: Tensor, columns: Tensor, bias: Tensor | None
) -> Tensor:  # (K,)
    """b + W mu_G."""
    residual = present_rows @ global_mean
    if bias is not None:
        residual = residual + bias.to(residual.device).double()[columns]
    return residual


@fact(cost=point_costs.gram)
def bias_by_chance(
    present_rows: Tensor,
    global_mean: Tensor,
    columns: Tensor,
    bias: Tensor | None,
    convention: Convention,
) -> Null:
    """Length of the same for a global mean of this length that points anywhere."""
    from nctool.geometry.nulls import turned_residual

    rows, offset = present_rows, present_rows.new_zeros(len(present_rows))
    if bias is not None:
        offset = bias.to(rows.device).double()[columns]
    if convention.bias_modulo_shift:
        rows, offset = rows - rows.mean(0), offset - offset.mean()
    return turned_residual(rows, offset, float(global_mean.norm()))


@fact()
def chance_logit(weight: Tensor, bias: Tensor | None, feature_storage: Storage) -> float:
    """Standard deviation of a logit of a head and samples of these sizes that ignore each other.

    What all rows share moves no margin.
    """
    rows = weight.double()
    if len(rows) < 2:
        return 0.0
    dim = rows.shape[1]
    square = feature_storage.mean_square * float(rows.var(0).sum()) / dim
    if bias is not None:
        square += float(bias.double().var())
    return float(square**0.5)


@fact()
def row_directions(present_rows: Tensor) -> Tensor:  # (K, D) float64
    """Rows of length one; zero rows stay zero."""
    from nctool.statistics.closeness import directions

    return directions(present_rows)


@fact()
def head_has_directions(zero_weights: tuple[int, ...], class_names: tuple[str, ...]) -> bool:
    """No row of the head is zero."""
    refuse_zero(zero_weights, class_names)
    return True


@fact()
def present_rows_have_directions(
    sizes: Sizes,
    zero_weights: tuple[int, ...],
    class_names: tuple[str, ...],
    present: tuple[int, ...],
) -> bool:
    """No row of a class that has samples is zero."""
    here = set(present)
    refuse_zero(tuple(row for row in zero_weights if row in here), class_names)
    return True


def refuse_zero(rows: tuple[int, ...], class_names: tuple[str, ...]) -> None:
    if rows:
        named = class_list(class_names, rows)
        raise Undefined(f"classifier row {named} is zero: no direction")
