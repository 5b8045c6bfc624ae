"""Finding the head: the layer that scores highest, the one asked for, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nctool.core.errors import InputError
from nctool.roles.chosen_head import as_head, reason_for, side_notice
from nctool.roles.declared_head import DeclaredHead
from nctool.roles.exclude import exclude, without_averages
from nctool.roles.explicit import describe, listing, named_array, tie
from nctool.roles.linear_layer import Layer
from nctool.roles.missing_head import quantised_head
from nctool.roles.model import Model
from nctool.roles.role_types import Candidate, Head, Pick
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
    usable, notices = without_averages(exclude(everything)[0], options)
    if options.head is not None:
        model = Model(everything)
        layer = _requested(model, options.head, usable, dim, options)
        return as_head(model, layer, "asked for", options, classes)
    model = Model(usable)
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
        # A layer that is alone needs less to be believed: there is nothing to confuse it with.
        if len(ranked) != 1 or ranked[0].points <= 0 or any(map(quantised_head, everything)):
            return None
        ahead = ranked
    if len(ahead) > 1:
        raise tie("head", [item.layer.weight for item in ahead])
    layer = ahead[0].layer
    side = [
        item
        for item in ranked
        if item.side and item.points > 0 and item.layer.weight != layer.weight
    ]
    if side and not ahead[0].side:
        notices = (*notices, side_notice(layer, side))
    reason = reason_for(ahead[0], dim, classes)
    return as_head(model, layer, reason, options, classes, notices=notices)


def widths(candidates: Iterable[Candidate], options: RoleOptions) -> frozenset[int]:
    """The feature widths that the likely heads would take; empty when no head is in sight."""
    everything = list(candidates)
    usable, _ = without_averages(exclude(everything)[0], options)
    if options.head == "none":
        return frozenset()
    if options.head is None:
        model = Model(usable)
        return frozenset(item.layer.columns for item in leaders(rank(model.layers, model)))
    layer = _requested(Model(everything), options.head, usable, None, options)
    return frozenset((layer.columns, layer.columns if options.transpose_head else layer.rows))


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
    if options.bias is not None:
        return head
    bias = declared.layer.bias
    return replace(head, bias=None if bias is None else Pick(bias, declared.reason))


def _leading(ranked: Sequence[ScoredLayer], classes: int | None) -> list[ScoredLayer]:
    """The best with one row for each class; else the best of all, none with fewer rows."""
    exact = [item for item in ranked if item.layer.rows == classes]
    ahead = leaders(exact) or leaders(ranked)
    if ahead:
        enough = [item for item in ahead if item.layer.rows >= (classes or 0)]
        return enough or ahead
    # Without a leader, the only layer with one row for each class, none of a body.
    exact = [item for item in exact if item.points > BODY_POINTS]
    return exact if len(exact) == 1 else []


def _width_error(layers: Sequence[Layer], dim: int) -> InputError:
    sizes = " or ".join(f"d={layer.columns:,}" for layer in layers)
    return InputError(
        "width-mismatch",
        f"features have d={dim:,} but the head expects {sizes}:\n"
        + listing([layer.weight for layer in layers]),
        "name other features with --features 'KEY' or another head with --head 'KEY'; "
        "--head none measures the features alone",
    )
