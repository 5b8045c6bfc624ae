"""Choosing features and labels that belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.roles.explicit import describe, named_array, tie
from nctool.roles.role_types import Candidate, Pick, Roles
from nctool.roles.sample_arrays import (
    PREFERRED,
    Role,
    SampleArray,
    canonical,
    sample_arrays,
    split_of,
)
from nctool.settings.role_options import RoleOptions


def choose_features_and_labels(
    candidates: Iterable[Candidate], options: RoleOptions, widths: frozenset[int]
) -> Roles:
    """The features and labels of one split; ``widths`` are those a head would take."""
    everything = list(candidates)
    features = _able_to_play("features", options.features, everything)
    labels = _able_to_play("labels", options.labels, everything)
    splits = _splits(features, labels)
    split = _split(features, labels, splits, options)
    pool_f = _of_split(features, split) if options.features is None else features
    pool_l = _of_split(labels, split) if options.labels is None else labels
    feature, label = _pair(pool_f, pool_l, widths)
    notices = _pooling(feature, options) if feature is not None else []
    others = [name for name in splits if name != split]
    if others and options.split is None and (feature or label) is not None:
        taken = f"split {split} is used" if split else "the arrays of no named split are used"
        notices.append(
            Notice(
                "other-splits",
                f"{taken}; there are also: {', '.join(others)}",
                f"--split {others[0]} chooses another",
                {"split": split, "others": others},
            )
        )
    return Roles(
        features=_pick("features", feature, label, options),
        labels=_pick("labels", label, None, options),
        split=split,
        splits=splits,
        notices=tuple(notices),
    )


def _able_to_play(
    role: Role, text: str | None, everything: Sequence[Candidate]
) -> list[SampleArray]:
    """What the user named for this role, or all that could play it."""
    arrays = sample_arrays(role, everything)
    if text is None:
        return arrays
    if text == "none":
        return []
    chosen = named_array(role, text, everything, [item.candidate for item in arrays])
    if len(chosen.shape) not in ((2, 3, 4) if role == "features" else (1, 2)):
        expected = "(samples, dim)" if role == "features" else "(samples,)"
        raise InputError(
            f"unusable-{role}",
            f"--{role} names {describe(chosen)}; expected {expected}",
            "nctool inspect lists every array",
        )
    return [SampleArray(chosen, 0, split_of(chosen))]


def _splits(features: Sequence[SampleArray], labels: Sequence[SampleArray]) -> tuple[str, ...]:
    """The splits that some array is named after, the preferred ones first."""
    named = {item.split for item in (*features, *labels) if item.is_named and item.split}
    preferred = [name for name in PREFERRED if name and name in named]
    return (*preferred, *sorted(named.difference(preferred)))


def _split(
    features: Sequence[SampleArray],
    labels: Sequence[SampleArray],
    splits: tuple[str, ...],
    options: RoleOptions,
) -> str | None:
    """The split asked for; that of an array asked for; the preferred one of those named.

    A split of which both features and labels are named goes before one of which only half is.
    """
    if options.split is not None:
        requested = canonical(options.split)
        if requested not in splits:
            known = ", ".join(splits) or "none"
            raise InputError(
                "no-such-split",
                f"no array is named after the split {options.split!r}; splits here: {known}",
                f"--split {splits[0]}" if splits else "leave out --split",
            )
        return requested
    for text, pool in ((options.features, features), (options.labels, labels)):
        if text is not None and pool:
            return pool[0].split
    named_f = {item.split for item in features if item.is_named}
    named_l = {item.split for item in labels if item.is_named}
    present = (named_f & named_l) or named_f or named_l
    return next((split for split in (*PREFERRED, *splits) if split in present), None)


def _of_split(arrays: Sequence[SampleArray], split: str | None) -> list[SampleArray]:
    """The arrays of this split; where it has none, those that name no split, or any at all."""
    exact = [item for item in arrays if item.split == split]
    return exact or [item for item in arrays if None in (item.split, split)]


def _pair(
    features: list[SampleArray], labels: list[SampleArray], widths: frozenset[int]
) -> tuple[SampleArray | None, SampleArray | None]:
    labels = [item for item in labels if item.is_named] or labels
    pairs = [(f, t) for f in features for t in labels if f.rows == t.rows and f is not t]
    named = [item for item in features if item.is_named]
    # Both are named and no rows agree: an error, not whichever unnamed array happens to fit.
    if labels and named and labels[0].is_named and not any(f in named for f, _ in pairs):
        raise InputError(
            "rows-mismatch",
            f"{named[0].rows:,} features against {labels[0].rows:,} labels: "
            f"{describe(named[0].candidate)} and {describe(labels[0].candidate)}",
            "name arrays of the same samples with --features 'KEY' or --labels 'KEY'",
        )
    if not pairs:
        labels = [item for item in labels if item.is_named]
        return _single("features", _fitting(named, widths)), _single("labels", _best(labels))
    lowest = min(label.tier for _, label in pairs)
    pairs = [pair for pair in pairs if pair[1].tier == lowest]
    fitting = _fitting([feature for feature, _ in pairs], widths)
    feature = _single("features", [*dict.fromkeys(fitting)])
    partners = [*dict.fromkeys(label for other, label in pairs if other is feature)]
    # Labels of several files may fit: those beside the features belong to them.
    beside = [
        item for item in partners if feature and item.candidate.path == feature.candidate.path
    ]
    return feature, _single("labels", beside or partners)


def _best(arrays: Sequence[SampleArray]) -> list[SampleArray]:
    lowest = min((item.tier for item in arrays), default=0)
    return [item for item in arrays if item.tier == lowest]


def _fitting(features: Sequence[SampleArray], widths: frozenset[int]) -> list[SampleArray]:
    """The features a head would take, and among them the best named."""
    return _best([item for item in features if item.dim in widths] or features)


def _single(role: str, arrays: Sequence[SampleArray]) -> SampleArray | None:
    if len(arrays) > 1:
        raise tie(role, [item.candidate for item in arrays])
    return arrays[0] if arrays else None


def _pooling(feature: SampleArray, options: RoleOptions) -> list[Notice]:
    """That the features are pooled, where they are; an error where they would have to be."""
    shape = feature.candidate.shape
    if len(shape) == 2 or set(shape[2:]) == {1}:
        return []
    if options.pool is None:
        expected = "--pool mean" if len(shape) == 4 else "--pool cls, --pool mean or --pool last"
        raise InputError(
            "unpooled-features",
            f"{describe(feature.candidate)} has {len(shape)} dimensions; expected (samples, dim)",
            f"{expected} makes one row of each sample",
        )
    text = f"{feature.candidate.key} is pooled to (samples, {feature.dim:,}) by {options.pool}"
    return [Notice("pooled-features", text)]


def _pick(
    role: Role, array: SampleArray | None, partner: SampleArray | None, options: RoleOptions
) -> Pick | None:
    if array is None:
        return None
    candidate = array.candidate
    if getattr(options, role) is not None:
        return Pick(candidate, "asked for", "flag")
    reason = f"{len(candidate.shape)}-D "
    if role == "labels":
        reason += f"{candidate.dtype} of length {array.rows:,}"
    else:
        like = f" like {partner.candidate.title}" if partner is not None else ""
        reason += f"float with {array.rows:,} rows{like}"
    why = f"named {candidate.title}" if array.is_named else "the only one that fits"
    return Pick(candidate, f"{reason}; {why}")
