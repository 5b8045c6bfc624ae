"""Finding the head: the one layer the evidence points to, the one asked for, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.roles.declared_head import Told
from nctool.roles.evidence import BODILY, Ranked, best, rank
from nctool.roles.exclude import sift, without_twins
from nctool.roles.explicit import describe, listing, one, tie
from nctool.roles.layers import Layer, Model
from nctool.roles.missing_head import quantised_heads
from nctool.roles.names import title
from nctool.roles.shapes import is_float
from nctool.roles.tied import rival_tables, tied_bias, tied_embedding
from nctool.roles.values import Candidate, Head, Pick
from nctool.settings.role_options import RoleOptions

AUTOMATIC = RoleOptions()


def find_head(
    candidates: Iterable[Candidate],
    *,
    dim: int | None = None,
    classes: int | None = None,
    config: Mapping[str, object] | None = None,
    options: RoleOptions = AUTOMATIC,
    told: Told | None = None,
) -> Head | None:
    """The head among these arrays, or None when there is none.

    ``dim`` is the width of the features and ``classes`` the number of classes, where known;
    ``told`` is the head that the file tells of.
    """
    if options.head == "none":
        return None
    everything = list(candidates)
    if told is not None and options.head is None:
        return _as_told(told, everything, dim, classes, options)
    kept, _ = sift(everything)
    usable, notices = without_twins(kept, options)
    model = Model(usable)
    if options.head is not None:
        model = Model(everything)
        layer = _asked(model, options.head, usable, dim, options)
        return _finish(model, layer, "asked for", options, classes)
    fitting = [turned for layer in model.layers if (turned := fit(layer, dim, options)) is not None]
    ranked = rank(fitting, model)
    leaders = _leading(ranked, classes)
    if (
        leaders
        and leaders[0].layer.rows != classes
        and (rivals := rival_tables(model, dim, config))
    ):
        raise tie(
            "head",
            [*(item.layer.weight for item in leaders), *(layer.weight for layer in rivals)],
            " (a vocabulary has a bias of its own: its embedding may be the head)",
        )
    if not leaders:
        tied = tied_embedding(model, dim, config)
        if tied is not None:
            return _finish(model, tied, "input embedding, tied", options, classes, True)
        if dim is not None and (others := best(rank(model.layers, model))):
            raise _width_error([item.layer for item in others], dim)
        leaders = [] if quantised_heads(everything) else _alone(ranked)
    if not leaders:
        return None
    if len(leaders) > 1:
        raise tie("head", [item.layer.weight for item in leaders])
    layer = leaders[0].layer
    side = [item for item in _sides(fitting, model) if item.layer.weight != layer.weight]
    if side and not leaders[0].side:
        notices = (*notices, _side_notice(layer, side))
    reason = _reason(leaders[0], dim, classes)
    return _finish(model, layer, reason, options, classes, notices=notices)


def widths(candidates: Iterable[Candidate], options: RoleOptions) -> frozenset[int]:
    """The feature widths that the likely heads would take; empty when no head is in sight."""
    everything = list(candidates)
    kept, _ = sift(everything)
    usable, _ = without_twins(kept, options)
    if options.head == "none":
        return frozenset()
    if options.head is None:
        model = Model(usable)
        return frozenset(item.layer.columns for item in best(rank(model.layers, model)))
    layer = _asked(Model(everything), options.head, usable, None, options)
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


def _asked(
    model: Model, text: str, usable: Iterable[Candidate], dim: int | None, options: RoleOptions
) -> Layer:
    preferred = set(usable)
    weights = [layer.weight for layer in model.layers if layer.weight in preferred]
    chosen = one("head", text, model.candidates, weights)
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


def _as_told(
    told: Told,
    candidates: Iterable[Candidate],
    dim: int | None,
    classes: int | None,
    options: RoleOptions,
) -> Head:
    layer = told.layer
    if options.transpose_head and not layer.transposed:
        layer = layer.turned()
    if dim not in (None, layer.columns):
        raise _width_error([layer], dim or 0)
    reason = f"{layer.rows:,} × {layer.columns:,}; {told.reason}"
    head = _finish(Model(candidates), layer, reason, options, classes)
    return head if options.bias is not None else told.completed(head)


def _leading(ranked: Sequence[Ranked], classes: int | None) -> list[Ranked]:
    """The best with one row for each class; else the best of all, none with fewer rows."""
    exact = best([item for item in ranked if item.layer.rows == classes])
    if exact or classes is None:
        return exact or best(ranked)
    leaders = best(ranked)
    return [item for item in leaders if item.layer.rows >= classes] or (
        leaders or _exact(ranked, classes)
    )


def _exact(ranked: Sequence[Ranked], classes: int | None) -> list[Ranked]:
    """Without a leader, the only layer with one row for each class, none of a body."""
    exact = [item for item in ranked if item.layer.rows == classes and item.points > BODILY]
    return exact if len(exact) == 1 else []


def _alone(ranked: Sequence[Ranked]) -> list[Ranked]:
    """A layer that is alone needs less to be believed: there is nothing to confuse it with."""
    return list(ranked) if len(ranked) == 1 and ranked[0].points > 0 else []


def _sides(layers: Sequence[Layer], model: Model) -> list[Ranked]:
    return [item for item in rank(layers, model) if item.side and item.points > 0]


def _side_notice(layer: Layer, side: Sequence[Ranked]) -> Notice:
    keys = [item.layer.weight.key for item in side]
    return Notice(
        "side-head",
        f"{', '.join(keys)} could be a head too; the main head {layer.weight.key} is used",
        f"--head '{keys[0]}' uses the other",
        {"keys": keys},
    )


def _reason(leader: Ranked, dim: int | None, classes: int | None) -> str:
    layer = leader.layer
    said = [f"{layer.rows:,} × {layer.columns:,}"]
    if dim is not None:
        said[0] += f" fits features of width {dim:,}"
    if classes is not None and layer.rows == classes:
        said.append("one row for each class")
    said.extend(leader.why)
    if layer.transposed:
        said.append("stored transposed")
    return "; ".join(said)


def _width_error(layers: Sequence[Layer], dim: int) -> InputError:
    sizes = " or ".join(f"d={layer.columns:,}" for layer in layers)
    return InputError(
        "width-mismatch",
        f"features have d={dim:,} but the head expects {sizes}:\n"
        + listing([layer.weight for layer in layers]),
        "name other features with --features 'KEY' or another head with --head 'KEY'; "
        "--head none measures the features alone",
    )


def _finish(
    model: Model,
    layer: Layer,
    reason: str,
    options: RoleOptions,
    classes: int | None,
    tied: bool = False,
    notices: tuple[Notice, ...] = (),
) -> Head:
    if classes is not None and layer.rows < classes:
        raise InputError(
            "class-mismatch",
            f"there are {classes:,} classes but the head {describe(layer.weight)} "
            f"has {layer.rows:,} rows",
            "check --classes, or name another head with --head 'KEY'",
        )
    said = list(notices)
    if layer.transposed:
        said.append(
            Notice(
                "transposed-head",
                f"{layer.weight.key} is stored as (dim, classes) and read transposed: "
                f"{layer.rows:,} classes, d={layer.columns:,}",
            )
        )
    if tied:
        said.append(
            Notice(
                "tied-head",
                f"the head is tied to the input embedding {layer.weight.key}, as the model's "
                "configuration says",
                "--head none leaves it out",
            )
        )
    if layer.scale is None and layer.name.leaf in ("weight_orig", "weight_v", "original"):
        said.append(
            Notice(
                "reparametrized-head",
                f"{layer.weight.key} is one part of a reparametrized weight; "
                "it is measured as stored",
            )
        )
    weight = Pick(
        layer.weight,
        reason,
        "flag" if options.head is not None else "auto",
        layer.transposed,
        tied,
        layer.scale,
    )
    return Head(weight, _bias(model, layer, options, tied), layer.rows, layer.columns, tuple(said))


def _bias(model: Model, layer: Layer, options: RoleOptions, tied: bool) -> Pick | None:
    if options.bias == "none":
        return None
    if options.bias is not None:
        fitting = [
            candidate
            for candidate in model.candidates
            if candidate.shape == (layer.rows,) and is_float(candidate.dtype)
        ]
        chosen = one("bias", options.bias, model.candidates, fitting)
        if chosen not in fitting:
            raise InputError(
                "bias-mismatch",
                f"the bias {describe(chosen)} does not fit the head {describe(layer.weight)}: "
                f"expected ({layer.rows:,})",
                "--bias none leaves it out",
            )
        return Pick(chosen, "asked for", "flag")
    found = model.bias(layer) or (tied_bias(model, layer.rows) if tied else None)
    return (
        Pick(found, f"beside {title(layer.weight.key, layer.weight.path)}")
        if found is not None
        else None
    )
