"""Assigning the roles: features, labels, weight and bias, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.roles.array_names import LAYER_LEAVES, words
from nctool.roles.declared_head import declared_head
from nctool.roles.exclude import exclude
from nctool.roles.explicit import describe, listing
from nctool.roles.features_and_labels import choose_features_and_labels
from nctool.roles.head import AUTOMATIC, find_head, widths
from nctool.roles.lexicon import HEAD, LAST
from nctool.roles.missing_head import explain_missing_head
from nctool.roles.role_types import Candidate, Head, Roles
from nctool.roles.sample_arrays import SampleArray, is_output, sample_arrays
from nctool.settings.role_options import RoleOptions


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
    # Arrays whose names say that they hold samples, of whichever split, are never a head.
    series = sample_arrays("features", kept) + sample_arrays("labels", kept)
    named = {array.candidate for array in series if array.is_named}
    outside = [item for item in kept if item not in named and not is_output(item)]
    automatic = options.head is None
    declared = declared_head(everything, config) if automatic else None
    likely = (
        frozenset((declared.layer.columns,))
        if declared is not None
        else widths(outside if automatic else everything, options)
    )
    roles = choose_features_and_labels(kept, options, likely)
    features = roles.features
    head = find_head(
        _without_samples(outside, roles) if automatic else everything,
        dim=SampleArray(features.candidate, 0, None).dim if features is not None else None,
        classes=classes,
        config=config,
        options=options,
        declared=declared,
    )
    if head is not None:
        doubted = automatic and declared is None and roles.features is None
        notices = (*roles.notices, *head.notices, *(_doubt(head) if doubted else ()))
        return replace(roles, weight=head.weight, bias=head.bias, ignored=ignored, notices=notices)
    if roles.features is None and roles.labels is None:
        raise _nothing(everything, kept)
    absent = explain_missing_head(outside) if automatic else None
    return replace(roles, ignored=ignored, notices=roles.notices + ((absent,) if absent else ()))


def _doubt(head: Head) -> Iterator[Notice]:
    """A matrix that nothing says to be a head may as well be features without labels."""
    weight = head.weight.candidate
    said = set(words(weight.title))
    if weight.name.leaf in LAYER_LEAVES or head.bias is not None or said & (HEAD | LAST):
        return
    yield Notice(
        "unlabelled-features",
        f"{describe(weight)} is read as a classifier of {head.classes:,} rows; nothing but its "
        "shape says so, and features without labels would look the same",
        f"if it is a head: --head '{weight.key}'; if these are features, give the labels too: "
        f"--features '{weight.key}' --labels 'KEY'",
        {"key": weight.key, "rows": head.classes, "dim": head.dim},
    )


def _without_samples(candidates: Sequence[Candidate], roles: Roles) -> list[Candidate]:
    """What is left for the head: neither chosen, nor as many rows as there are samples."""
    picked = {pick.candidate for pick in (roles.features, roles.labels) if pick is not None}
    samples = {candidate.shape[0] for candidate in picked}
    return [
        candidate
        for candidate in candidates
        if candidate not in picked
        and (
            candidate.name.leaf in LAYER_LEAVES
            or len(candidate.shape) < 2
            or candidate.shape[0] not in samples
        )
    ]


def _nothing(everything: Sequence[Candidate], kept: Sequence[Candidate]) -> InputError:
    if not everything:
        return InputError("no-roles", "there are no arrays here", "nctool inspect SOURCE")
    absent = explain_missing_head(kept)
    explained = f"\n{absent.message}" if absent else ""
    return InputError(
        "no-roles",
        f"none of the {len(everything):,} arrays could be told to be features, labels or a "
        f"head:\n{listing(kept or everything)}{explained}",
        absent.hint if absent else "name them: --features 'KEY' --labels 'KEY' --head 'KEY'",
    )
