"""Finding the head: the layer that scores highest, the one asked for, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nctool.core.errors import InputError
from nctool.roles.chosen_head import as_head, reason_for, side_notice
from nctool.roles.declared_head import DeclaredHead
from nctool.roles.exclude import exclude, without_averages
from nctool.roles.explicit import describe, listing, named_array, tie
from nctool.roles.linear_layer import Layer
from nctool.roles.missing_head import quantised_heads
from nctool.roles.model import Model
from nctool.roles.role_types import Candidate, Head
from nctool.roles.scoring import BODY_POINTS, ScoredLayer, leaders, rank
from nctool.roles.tied_head import rival_tables, tied_embedding
from nctool.settings.role_options import RoleOptions

AUTOMATIC = RoleOptions()


def find_head(
    candidates: Iterable[Candidate],
    *,
    dim: int | None = None,
    classes: int | None = None,
    config: Mapping[str, object] | None = None,
    options: RoleOptions = AUTOMATIC,
    declared: DeclaredHead | None = None,
) -> Head | None:
    """The head among these arrays, or None when there is none.

    ``dim`` is the width of the features and ``classes`` the number of classes, where known;
    ``declared`` is the head that the file declares.
    """
    if options.head == "none":
        return None
    everything = list(candidates)
    if declared is not None and options.head is None:
        return _as_declared(declared, everything, dim, classes, options)
    kept, _ = exclude(everything)
    usable, notices = without_averages(kept, options)
    model = Model(usable)
    if options.head is not None:
        model = Model(everything)
        layer = _requested(model, options.head, usable, dim, options)
        return as_head(model, layer, "asked for", options, classes)
    fitting = [turned for layer in model.layers if (turned := fit(layer, dim, options)) is not None]
    ranked = rank(fitting, model)
    ahead = _leading(ranked, classes)
    if ahead and ahead[0].layer.rows != classes and (rivals := rival_tables(model, dim, config)):
        raise tie(
            "head",
            [*(item.layer.weight for item in ahead), *(layer.weight for layer in rivals)],
            " (a vocabulary has a bias of its own: its embedding may be the head)",
        )
    if not ahead:
        tied = tied_embedding(model, dim, config)
        if tied is not None:
            return as_head(model, tied, "input embedding, tied", options, classes, True)
        if dim is not None and (others := leaders(rank(model.layers, model))):
            raise _width_error([item.layer for item in others], dim)
        ahead = [] if quantised_heads(everything) else _alone(ranked)
    if not ahead:
        return None
    if len(ahead) > 1:
        raise tie("head", [item.layer.weight for item in ahead])
    layer = ahead[0].layer
    side = [item for item in _sides(fitting, model) if item.layer.weight != layer.weight]
    if side and not ahead[0].side:
        notices = (*notices, side_notice(layer, side))
    reason = reason_for(ahead[0], dim, classes)
    return as_head(model, layer, reason, options, classes, notices=notices)


def widths(candidates: Iterable[Candidate], options: RoleOptions) -> frozenset[int]:
    """The feature widths that the likely heads would take; empty when no head is in sight."""
    everything = list(candidates)
    kept, _ = exclude(everything)
    usable, _ = without_averages(kept, options)
    if options.head == "none":
        return frozenset()
    if options.head is None:
        model = Model(usable)
        return frozenset(item.layer.columns for item in leaders(rank(model.layers, model)))
    layer = _requested(Model(everything), options.head, usable, None, options)
    return (
        frozenset((layer.columns,))
        if options.transpose_head
        else frozenset((layer.columns, layer.rows))
    )


def fit(layer: Layer, dim: int | None, options: RoleOptions) -> Layer | None:
    """The layer as it would serve features of this width: as stored, turned, or not at all."""
    if options.transpose_head and not layer.transposed:
        layer = layer.turned()
    if dim is None or layer.columns == dim:
        return layer
    if layer.rows == dim and layer.bias is None and not options.transpose_head:
        return layer.turned()
    return None


def _requested(
    model: Model, text: str, usable: Iterable[Candidate], dim: int | None, options: RoleOptions
) -> Layer:
    preferred = set(usable)
    weights = [layer.weight for layer in model.layers if layer.weight in preferred]
    chosen = named_array("head", text, model.candidates, weights)
    layer = next((layer for layer in model.layers if layer.weight == chosen), None)
    if layer is None:
        raise InputError(
            "unusable-head",
            f"the head {describe(chosen)} is not a matrix of floats; expected (classes, dim)",
            "nctool inspect lists every array",
        )
    turned = fit(layer, dim, options)
    if turned is None:
        raise _width_error([layer], dim or 0)
    return turned


def _as_declared(
    declared: DeclaredHead,
    candidates: Iterable[Candidate],
    dim: int | None,
    classes: int | None,
    options: RoleOptions,
) -> Head:
    layer = declared.layer
    if options.transpose_head and not layer.transposed:
        layer = layer.turned()
    if dim not in (None, layer.columns):
        raise _width_error([layer], dim or 0)
    reason = f"{layer.rows:,} × {layer.columns:,}; {declared.reason}"
    head = as_head(Model(candidates), layer, reason, options, classes)
    return head if options.bias is not None else declared.completed(head)


def _leading(ranked: Sequence[ScoredLayer], classes: int | None) -> list[ScoredLayer]:
    """The best with one row for each class; else the best of all, none with fewer rows."""
    exact = leaders([item for item in ranked if item.layer.rows == classes])
    if exact or classes is None:
        return exact or leaders(ranked)
    ahead = leaders(ranked)
    enough = [item for item in ahead if item.layer.rows >= classes]
    return enough or ahead or _exact(ranked, classes)


def _exact(ranked: Sequence[ScoredLayer], classes: int | None) -> list[ScoredLayer]:
    """Without a leader, the only layer with one row for each class, none of a body."""
    exact = [item for item in ranked if item.layer.rows == classes and item.points > BODY_POINTS]
    return exact if len(exact) == 1 else []


def _alone(ranked: Sequence[ScoredLayer]) -> list[ScoredLayer]:
    """A layer that is alone needs less to be believed: there is nothing to confuse it with."""
    return list(ranked) if len(ranked) == 1 and ranked[0].points > 0 else []


def _sides(layers: Sequence[Layer], model: Model) -> list[ScoredLayer]:
    return [item for item in rank(layers, model) if item.side and item.points > 0]


def _width_error(layers: Sequence[Layer], dim: int) -> InputError:
    sizes = " or ".join(f"d={layer.columns:,}" for layer in layers)
    return InputError(
        "width-mismatch",
        f"features have d={dim:,} but the head expects {sizes}:\n"
        + listing([layer.weight for layer in layers]),
        "name other features with --features 'KEY' or another head with --head 'KEY'; "
        "--head none measures the features alone",
    )
