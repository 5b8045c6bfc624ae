"""What keeps parts from being one data set, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.inputs.fingerprint import fingerprint
from nctool.inputs.parts import PARTS, Family, own
from nctool.roles.sample_arrays import NAMED, SampleArray

SHOWN = 8


def misfit(family: Family) -> tuple[int, int] | None:
    """The places of the first two parts that are of other type or width; empty parts fit."""
    full = [(at, array) for at, array in enumerate(family.arrays) if array.shape and array.shape[0]]
    for at, array in full[1:]:
        first = full[0][1]
        if (array.dtype, array.shape[1:]) != (first.dtype, first.shape[1:]):
            return full[0][0], at
    return None


def check_alike(family: Family) -> None:
    places = misfit(family)
    if places is None:
        return
    said = []
    for at in places:
        array, number = family.arrays[at], [*family.parts][at]
        said.append(f"{family.label(number)} is {array.dtype} of shape {array.shape}")
    raise InputError(
        "shards-differ",
        f"the parts of '{family.title}' differ in type or width: {' and '.join(said)}",
        f"save the odd one again like the others; where each is a layer: --layers '{family.title}'",
    )


def check_complete(family: Family) -> None:
    """Raise where the names say how many parts there are and some are not here."""
    for total in family.totals:
        numbers = {at[0] for at in family.parts}
        expected = {*range(total)} if 0 in numbers else {*range(1, total + 1)}
        if numbers != expected:
            missing = sorted(expected - numbers)
            message = (
                f"'{family.title}' is in {len(numbers)} of {total} parts: {_some(missing)} missing"
            )
            raise InputError(
                "shard-missing", message, "copy the missing files, or keep those of one version"
            )


def gaps(family: Family) -> Iterator[Notice]:
    """Numbers left out between those of the parts: a rank whose file was lost."""
    for place, word in enumerate(family.words):
        numbers = {at[place] for at in family.parts}
        # Ranks count from zero everywhere; chunks from zero or from one.
        lowest = 0 if word == "rank" or 0 in numbers else 1
        if min(numbers) > lowest and word not in PARTS:
            lowest = min(numbers)
        missing = [number for number in range(lowest, max(numbers)) if number not in numbers]
        # Numbers with many gaps count something else, as the rows before each part.
        if missing and len(missing) <= len(numbers):
            noun = word if word in PARTS else "part"
            message = (
                f"of '{family.title}' {noun} {_some(missing)} is not here, "
                f"between {min(lowest, *numbers)} and {max(numbers)}"
            )
            hint = "if it was lost, the numbers are about a part of the samples"
            yield Notice("parts-missing", message, hint, {"missing": missing[:50]})


def unpaired(
    features: Family,
    labels: Sequence[Family],
    able_features: Mapping[tuple[str, str], SampleArray],
    able_labels: Mapping[tuple[str, str], SampleArray],
) -> InputError | None:
    """An error where parts of features and parts of labels can only be meant for each other."""
    for family in labels:
        sure = features.certain and family.certain
        if not sure and not (_named(features, able_features) and _named(family, able_labels)):
            continue
        if features.parts.keys() != family.parts.keys():
            return InputError(
                "shards-unpaired",
                f"features are in {_listed(features)}, labels in {_listed(family)}",
                "copy what is missing; or name the files of complete parts alone",
            )
        number, rows, others = next(
            (number, rows, others)
            for number, rows, others in zip(
                features.parts, features.sizes, family.sizes, strict=True
            )
            if rows != others
        )
        return InputError(
            "shards-unpaired",
            f"{features.label(number)} has {rows:,} features ('{features.title}') against "
            f"{others:,} labels ('{family.title}')",
            "save both from the same batches, or name others with --features and --labels",
        )
    return None


def _named(family: Family, able: Mapping[tuple[str, str], SampleArray]) -> bool:
    array = able.get(own(family.candidate).place)
    return array is not None and array.tier == NAMED


def check_moments(features: Family, labels: Family) -> None:
    """Raise where parts hold the same samples: those of moments, or written by every rank."""
    if len(set(labels.sizes)) > 1 or not labels.sizes[0]:
        return
    one, two = labels.arrays[:2]
    if fingerprint(one) != fingerprint(two):
        return
    first, second = (features.label(number) for number in [*features.parts][:2])
    if fingerprint(features.arrays[0]) == fingerprint(features.arrays[1]):
        raise InputError(
            "shards-repeat",
            f"{first} and {second} of '{features.title}' hold the same rows and labels: every "
            "rank has written the whole data set",
            "name one of the parts alone",
        )
    if not features.certain:
        raise InputError(
            "shards-or-moments",
            f"'{features.title}' numbers {len(features.parts)} arrays with the same labels: parts "
            "of one data set, or the same samples at several moments",
            f"for parts: --features '{features.title}' --labels '{labels.title}'; for moments, "
            "name the files epoch=0, epoch=1, …; or name one alone",
        )


def _listed(family: Family) -> str:
    said = [".".join(map(str, number)) for number in family.parts]
    some = ", ".join(said[:SHOWN]) + (" …" if len(said) > SHOWN else "")
    return f"{len(said)} parts ('{family.title}': {some})"


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:SHOWN])) + (" …" if len(numbers) > SHOWN else "")
