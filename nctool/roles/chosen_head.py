"""What is said of the layer that was chosen as the head: reason, notices, and its bias."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.roles.explicit import describe, named_array
from nctool.roles.linear_layer import Layer
from nctool.roles.model import Model
from nctool.roles.role_types import ChosenBy, Head, Pick
from nctool.roles.scoring import ScoredLayer
from nctool.roles.tied_head import tied_bias
from nctool.settings.role_options import RoleOptions


def as_head(
    model: Model,
    layer: Layer,
    reason: str,
    options: RoleOptions,
    classes: int | None,
    tied: bool = False,
    notices: tuple[Notice, ...] = (),
) -> Head:
    """The head that this layer is, with everything about it that should not go unsaid."""
    if classes is not None and layer.rows < classes:
        raise InputError(
            "class-mismatch",
            f"there are {classes:,} classes but the head {describe(layer.weight)} "
            f"has {layer.rows:,} rows",
            "check --classes, or name another head with --head 'KEY'",
        )
    chosen_by: ChosenBy = "flag" if options.head is not None else "auto"
    weight = Pick(layer.weight, reason, chosen_by, layer.transposed, tied, layer.scale)
    bias = _bias(model, layer, options, tied)
    return Head(weight, bias, layer.rows, layer.columns, (*notices, *_notices(layer, tied)))


def _notices(layer: Layer, tied: bool) -> Iterator[Notice]:
    key = layer.weight.key
    if layer.transposed:
        yield Notice(
            "transposed-head",
            f"{key} is stored as (dim, classes) and read transposed: "
            f"{layer.rows:,} classes, d={layer.columns:,}",
        )
    if tied:
        yield Notice(
            "tied-head",
            f"the head is tied to the input embedding {key}, as the model's configuration says",
            "--head none leaves it out",
        )
    if layer.scale is None and layer.name.leaf in ("weight_orig", "weight_v", "original"):
        yield Notice(
            "reparametrized-head",
            f"{key} is one part of a reparametrized weight; it is measured as stored",
        )


def _bias(model: Model, layer: Layer, options: RoleOptions, tied: bool) -> Pick | None:
    if options.bias == "none":
        return None
    if options.bias is not None:
        fitting = [item for item in model.candidates if item.is_bias_for(layer.rows)]
        chosen = named_array("bias", options.bias, model.candidates, fitting)
        if chosen not in fitting:
            raise InputError(
                "bias-mismatch",
                f"the bias {describe(chosen)} does not fit the head {describe(layer.weight)}: "
                f"expected ({layer.rows:,})",
                "--bias none leaves it out",
            )
        return Pick(chosen, "asked for", "flag")
    bias = model.bias(layer) or (tied_bias(model, layer.rows) if tied else None)
    return Pick(bias, f"beside {layer.weight.title}") if bias is not None else None


def reason_for(leader: ScoredLayer, dim: int | None, classes: int | None) -> str:
    layer = leader.layer
    fits = "" if dim is None else f" fits features of width {dim:,}"
    parts = [f"{layer.rows:,} × {layer.columns:,}{fits}"]
    if classes is not None and layer.rows == classes:
        parts.append("one row for each class")
    parts.extend(leader.reasons)
    if layer.transposed:
        parts.append("stored transposed")
    return "; ".join(parts)


def side_notice(layer: Layer, side: Sequence[ScoredLayer]) -> Notice:
    keys = [item.layer.weight.key for item in side]
    return Notice(
        "side-head",
        f"{', '.join(keys)} could be a head too; the main head {layer.weight.key} is used",
        f"--head '{keys[0]}' uses the other",
        {"keys": keys},
    )
