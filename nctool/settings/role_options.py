"""Which array plays which role, and how it is read, where the user decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypedDict

from nctool.settings.option import ROLES, Option, check_values

Weights = Literal["raw", "ema"]
Pool = Literal["cls", "mean", "last"]

DEFAULT_IGNORED = (-100,)
"""What training frameworks write where a sample has no class."""


def _key(role: str) -> str:
    return f"{role}: [PATH::]KEY, globs allowed."


@dataclass(frozen=True, slots=True)
class RoleOptions:
    """``[PATH::]KEY`` with globs, ``"none"``, or None for automatic; and how to read the arrays."""

    features: Annotated[str | None, Option(_key("Features (N, d)"), ROLES, metavar="KEY")] = None
    labels: Annotated[str | None, Option(_key("Labels (N,)"), ROLES, metavar="KEY")] = None
    head: Annotated[
        str | None, Option(_key("Classifier weight (K, d)"), ROLES, metavar="KEY", python="weight")
    ] = None
    bias: Annotated[
        str | None, Option(_key("Classifier bias (K,)") + " 'none' for none.", ROLES, metavar="KEY")
    ] = None
    weights: Annotated[Weights, Option("Which copy, where there are two.", ROLES)] = "raw"
    split: Annotated[
        str | None, Option("train, val, test … where a file holds several.", ROLES)
    ] = None
    classes: Annotated[
        str | int | None,
        Option(
            "Number of classes, or their names: one per line, JSON, or a tokenizer.",
            ROLES,
            metavar="N|FILE",
        ),
    ] = None
    ignore_label: Annotated[
        tuple[int, ...],
        Option(
            "Label left out (repeatable).  [default: -100]",
            ROLES,
            metavar="INT",
            python="ignore_labels",
        ),
    ] = DEFAULT_IGNORED
    pool: Annotated[Pool | None, Option("One vector from a sequence of them.", ROLES)] = None
    transpose_head: Annotated[bool, Option("The head is (d, K).", ROLES)] = False
    ood: Annotated[
        str | None, Option("Out-of-distribution features: PATH[::KEY].", ROLES, metavar="SPEC")
    ] = None
    layers: Annotated[
        str | None,
        Option(
            "Features of several layers, by a glob of their keys: the course over depth.",
            ROLES,
            metavar="GLOB",
            per_run=True,
        ),
    ] = None
    origin: Mapping[str, str] = field(default_factory=dict)
    """Of each option that a settings file or a variable decided: which."""

    def __post_init__(self) -> None:
        check_values(self)


class RoleKeywords(TypedDict, total=False):
    """The same as keywords of ``nctool.analyze``, but for those that may be arrays there."""

    weights: Weights
    split: str | None
    classes: str | int | None
    pool: Pool | None
    transpose_head: bool
