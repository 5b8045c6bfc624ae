"""Which array plays which role, and how it is read, where the user decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nctool.settings.option import ROLES, check_values

Weights = Literal["raw", "ema"]
Pool = Literal["cls", "mean", "last"]

DEFAULT_IGNORED = (-100,)
"""What training frameworks write where a sample has no class."""


def _key(role: str) -> str:
    return f"{role}: [PATH::]KEY, globs allowed."


@dataclass(frozen=True, slots=True)
class RoleOptions:
    """``[PATH::]KEY`` with globs, ``"none"``, or None for automatic; and how to read the arrays."""

    features: str | None = ROLES.option(None, _key("Features (N, d)"), metavar="KEY")
    labels: str | None = ROLES.option(None, _key("Labels (N,)"), metavar="KEY")
    head: str | None = ROLES.option(
        None, _key("Classifier weight (K, d)"), metavar="KEY", python="weight"
    )
    bias: str | None = ROLES.option(
        None, _key("Classifier bias (K,)") + " 'none' for none.", metavar="KEY"
    )
    weights: Weights = ROLES.option("raw", "Which copy, where there are two.")
    split: str | None = ROLES.option(
        None, "train, val, test … where a file holds several.", metavar="NAME", usual=True
    )
    classes: str | int | None = ROLES.option(
        None,
        "Number of classes, or their names: one per line, JSON, or a tokenizer.",
        metavar="N|FILE",
    )
    ignore_label: tuple[int, ...] = ROLES.option(
        DEFAULT_IGNORED,
        "Label left out (repeatable).  [default: -100]",
        metavar="INT",
        python="ignore_labels",
    )
    pool: Pool | None = ROLES.option(None, "One vector from a sequence of them.")
    transpose_head: bool = ROLES.option(False, "The head is (d, K).")
    ood: str | None = ROLES.option(
        None, "Out-of-distribution features: PATH[::KEY].", metavar="SPEC"
    )
    layers: str | None = ROLES.option(
        None,
        "Features of several layers, by a glob of their keys: the course over depth.",
        metavar="GLOB",
        per_run=True,
    )
    origin: Mapping[str, str] = field(default_factory=dict)
    """Of each option that a settings file or a variable decided: which."""

    def __post_init__(self) -> None:
        check_values(self)
