"""Choosing features and labels that belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.roles.explicit import describe, flag, one, tie
from nctool.roles.series import (
    PREFERRED,
    UNNAMED,
    Series,
    canonical,
    feature_series,
    label_series,
    split_of,
)
from nctool.roles.values import Candidate, Pick
from nctool.settings.role_options import RoleOptions


@dataclass(frozen=True, slots=True)
class Data:
    """Features and labels as chosen, and the splits there were to choose from."""

    features: Pick | None = None
    labels: Pick | None = None
    split: str | None = None
    splits: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


def choose_data(
    candidates: Iterable[Candidate], options: RoleOptions, widths: frozenset[int]
) -> Data:
    """The features and labels of one split; ``widths`` are those a head would take."""
    everything = list(candidates)
    features = _wanted("features", options.features, everything, feature_series(everything))
    labels = _wanted("labels", options.labels, everything, label_series(everything))
    splits = _splits(features, labels)
    split = _split(features, labels, splits, options)
    pool_f = _of_split(features, split) if options.features is None else features
    pool_l = _of_split(labels, split) if options.labels is None else labels
    feature, label = _pair(pool_f, pool_l, widths)
    notices: list[Notice] = []
    if feature is not None:
        notices += _shape_notices(feature, options)
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
    return Data(
        _features_pick(feature, label, options),
        _labels_pick(label, feature, options),
        split,
        splits,
        tuple(notices),
    )


def _wanted(
    role: str, text: str | None, everything: Sequence[Candidate], series: list[Series]
) -> list[Series]:
    """What the user named for this role, or all that could play it."""
    if text is None:
        return series
    if text == "none":
        return []
    chosen = one(role, text, everything, [item.candidate for item in series])
    ranks = (2, 3, 4) if role == "features" else (1, 2)
    if len(chosen.shape) not in ranks:
        expected = "(samples, dim)" if role == "features" else "(samples,)"
        raise InputError(
            f"unusable-{role}",
            f"--{role} names {describe(chosen)}; expected {expected}",
            "nctool inspect lists every array",
        )
    return [Series(chosen, 0, split_of(chosen))]


def _splits(features: Sequence[Series], labels: Sequence[Series]) -> tuple[str, ...]:
    """The splits that some array is named after, the preferred ones first."""
    named = {item.split for item in (*features, *labels) if item.tier < UNNAMED and item.split}
    order = {name: place for place, name in enumerate(PREFERRED)}
    return tuple(
        sorted((name for name in named if name), key=lambda name: (order.get(name, 9), name))
    )


def _split(
    features: Sequence[Series],
    labels: Sequence[Series],
    splits: tuple[str, ...],
    options: RoleOptions,
) -> str | None:
    if options.split is not None:
        asked_split = canonical(options.split)
        if asked_split not in splits:
            known = ", ".join(splits) or "none"
            raise InputError(
                "no-such-split",
                f"no array is named after the split {options.split!r}; splits here: {known}",
                f"--split {splits[0]}" if splits else "leave out --split",
            )
        return asked_split
    for asked, pool in ((options.features, features), (options.labels, labels)):
        if asked is not None and pool:
            return pool[0].split
    order: list[str | None] = [name for name in PREFERRED if name is None or name in splits]
    order += [name for name in splits if name not in order]
    named_f = {item.split for item in features if item.tier < UNNAMED}
    named_l = {item.split for item in labels if item.tier < UNNAMED}
    for wanted in (named_f & named_l, named_f, named_l):
        for split in order:
            if split in wanted:
                return split
    return None


def _of_split(series: Sequence[Series], split: str | None) -> list[Series]:
    """The arrays of this split; where it has none, those that name no split, or any at all."""
    exact = [item for item in series if item.split == split]
    return exact or [item for item in series if None in (item.split, split)]


def _pair(
    features: list[Series], labels: list[Series], widths: frozenset[int]
) -> tuple[Series | None, Series | None]:
    if any(item.tier < UNNAMED for item in labels):
        labels = [item for item in labels if item.tier < UNNAMED]
    pairs = [(f, t) for f in features for t in labels if f.rows == t.rows and f is not t]
    named = [item for item in features if item.tier < UNNAMED]
    if labels and named and labels[0].tier < UNNAMED and not any(f in named for f, _ in pairs):
        raise _rows_error(named[0], labels[0])
    if not pairs:
        labels = [item for item in labels if item.tier < UNNAMED]
        return _single("features", _fitting(named, widths)), _single("labels", _best(labels))
    best = min(label.tier for _, label in pairs)
    pairs = [pair for pair in pairs if pair[1].tier == best]
    fitting = _fitting([feature for feature, _ in pairs], widths)
    feature = _single("features", _distinct(fitting))
    matching = _distinct([label for other, label in pairs if other is feature])
    beside = [
        item for item in matching if feature and item.candidate.path == feature.candidate.path
    ]
    return feature, _single("labels", beside or matching)


def _distinct(series: Iterable[Series]) -> list[Series]:
    return list(dict.fromkeys(series))


def _best(series: Sequence[Series]) -> list[Series]:
    best = min((item.tier for item in series), default=0)
    return [item for item in series if item.tier == best]


def _fitting(features: Sequence[Series], widths: frozenset[int]) -> list[Series]:
    """The features a head would take, and among them the best named."""
    return _best([item for item in features if item.dim in widths] or features)


def _single(role: str, series: Sequence[Series]) -> Series | None:
    if len(series) > 1:
        raise tie(role, [item.candidate for item in series])
    return series[0] if series else None


def _rows_error(feature: Series, label: Series) -> InputError:
    hint = " or ".join(
        flag(role, item.candidate, ()).split("'")[0] + "'KEY'"
        for role, item in (("features", feature), ("labels", label))
    )
    return InputError(
        "rows-mismatch",
        f"{feature.rows:,} features against {label.rows:,} labels: "
        f"{describe(feature.candidate)} and {describe(label.candidate)}",
        f"name arrays of the same samples with {hint}",
    )


def _shape_notices(feature: Series, options: RoleOptions) -> list[Notice]:
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


def _features_pick(
    feature: Series | None, label: Series | None, options: RoleOptions
) -> Pick | None:
    if feature is None:
        return None
    if options.features is not None:
        return Pick(feature.candidate, "asked for", "flag")
    said = f"{len(feature.candidate.shape)}-D float with {feature.rows:,} rows"
    if label is not None:
        said += f" like {label.title}"
    return Pick(feature.candidate, f"{said}; {feature.named}")


def _labels_pick(label: Series | None, feature: Series | None, options: RoleOptions) -> Pick | None:
    if label is None:
        return None
    if options.labels is not None:
        return Pick(label.candidate, "asked for", "flag")
    candidate = label.candidate
    said = f"{len(candidate.shape)}-D {candidate.dtype} of length {label.rows:,}"
    return Pick(candidate, f"{said}; {label.named}")
