"""Assigning the roles: features, labels, weight and bias, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nctool.core.errors import InputError
from nctool.roles.array_names import LAYER_LEAVES, parse
from nctool.roles.declared_head import declared_head
from nctool.roles.exclude import exclude
from nctool.roles.explicit import listing
from nctool.roles.features_and_labels import FeaturesAndLabels, choose_features_and_labels
from nctool.roles.head import find_head, widths
from nctool.roles.missing_head import explain_missing_head
from nctool.roles.role_types import Candidate, Pick, Roles
from nctool.roles.sample_arrays import UNNAMED, SampleArray, feature_arrays, label_arrays
from nctool.settings.role_options import RoleOptions

AUTOMATIC = RoleOptions()


def assign(
    candidates: Iterable[Candidate],
    options: RoleOptions = AUTOMATIC,
    *,
    config: Mapping[str, object] | None = None,
    classes: int | None = None,
) -> Roles:
    """Say which array is which, from names, shapes and dtypes alone."""
    everything = list(candidates)
    kept, ignored = exclude(everything)
    named = _named_samples(kept)
    outside = [candidate for candidate in kept if candidate not in named]
    declared = declared_head(everything, config) if options.head is None else None
    data = choose_features_and_labels(
        kept,
        options,
        frozenset((declared.layer.columns,))
        if declared is not None
        else widths(everything if options.head is not None else outside, options),
    )
    dim = _width(data.features)
    head = find_head(
        everything if options.head is not None else _without_samples(outside, data),
        dim=dim,
        classes=classes,
        config=config,
        options=options,
        declared=declared,
    )
    if data.features is None and data.labels is None and head is None:
        raise _nothing(everything, kept)
    absent = explain_missing_head(outside) if head is None and options.head is None else ()
    return Roles(
        features=data.features,
        labels=data.labels,
        weight=head.weight if head else None,
        bias=head.bias if head else None,
        split=data.split,
        splits=data.splits,
        ignored=ignored,
        notices=data.notices + (head.notices if head else absent),
    )


def _named_samples(candidates: Sequence[Candidate]) -> set[Candidate]:
    """Arrays whose names say that they hold samples, of whichever split: never a head."""
    series: list[SampleArray] = feature_arrays(candidates) + label_arrays(candidates)
    return {item.candidate for item in series if item.tier < UNNAMED}


def _without_samples(candidates: Sequence[Candidate], data: FeaturesAndLabels) -> list[Candidate]:
    """What is left for the head: neither chosen, nor as many rows as there are samples."""
    picked = {pick.candidate for pick in (data.features, data.labels) if pick is not None}
    samples = {candidate.shape[0] for candidate in picked}
    return [
        candidate
        for candidate in candidates
        if candidate not in picked
        and (
            parse(candidate.key, candidate.path).leaf in LAYER_LEAVES
            or len(candidate.shape) < 2
            or candidate.shape[0] not in samples
        )
    ]


def _width(features: Pick | None) -> int | None:
    return SampleArray(features.candidate, 0, None).dim if features is not None else None


def _nothing(everything: Sequence[Candidate], kept: Sequence[Candidate]) -> InputError:
    if not everything:
        return InputError("no-roles", "there are no arrays here", "nctool inspect SOURCE")
    shown = listing(kept or everything)
    reasons = explain_missing_head(kept)
    explained = "".join(f"\n{reason.message}" for reason in reasons)
    return InputError(
        "no-roles",
        f"none of the {len(everything):,} arrays could be told to be features, labels or a "
        f"head:\n{shown}{explained}",
        reasons[0].hint if reasons else "name them: --features 'KEY' --labels 'KEY' --head 'KEY'",
    )
