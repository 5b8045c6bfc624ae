"""The choices that make the same quantity come out differently, and the papers that made them.

Papers report different numbers under the same name. A convention says which choice is meant; a
profile is a paper's convention under a short name.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from nctool.core.errors import UsageError
from nctool.settings.option import COMPUTE, ROLES, check_values

Center = Literal["balanced", "samples"]
Weighing = Literal["samples", "classes"]
Rows = Literal["unit", "raw"]


@dataclass(frozen=True, slots=True)
class Convention:
    """Every choice a metric may ask about; the defaults are nctool's own."""

    profile: str | None = None
    paper: str = "nctool's own conventions"
    center: Center = "balanced"
    """The global mean: of the class means (balanced), or of all samples."""
    within_pinv: Weighing = "samples"
    """Within-class covariance in NC1: every sample weighs the same, or every class does."""
    within_traces: Weighing = "samples"
    """The same for its trace."""
    nc1_over_classes: bool = True
    """Divide Tr(S_W S_B^+) by the number of classes."""
    unit_features: bool = False
    """Scale every feature to length one before anything else."""
    center_weights: bool = False
    """Subtract the mean row of W before the Frobenius comparisons of NC2 and NC3."""
    squared_duality: bool = False
    """Report the self-duality distance squared."""
    log_norms: bool = False
    """Spread of the norms: of their logarithms."""
    cdnv_power: int = 1
    """Power of the squared distance in the class-distance normalised variance."""
    bias_modulo_shift: bool = True
    """Bias collapse: first remove what a softmax cannot see, the mean over classes."""
    bias_decides: bool = True
    """Add the bias before the head decides."""
    unit_rows: bool = True
    """Scale the points to length one before the one-vs-rest margins."""
    logit_scale: float | None = None
    """The head is a cosine head: its logits are this many times cos(h, w), without a bias."""
    alpha: float = 1.0
    """Weight of the uniformity between classes in the hyperspherical gaps."""
    beta: float = 1.0
    """Weight of the uniformity within classes."""


DEFAULT = Convention()

PROFILES: dict[str, Convention] = {
    convention.profile or "": convention
    for convention in (
        Convention(
            "papyan", "Papyan, Han & Donoho 2020: global mean over all samples", center="samples"
        ),
        Convention(
            "notebook",
            "the notebook of Han & Papyan: no division by K in NC1, NC3 squared",
            nc1_over_classes=False,
            squared_duality=True,
        ),
        Convention(
            "zhu",
            "Zhu et al. 2021: sample mean, W as stored, bias collapse unreduced",
            center="samples",
            bias_modulo_shift=False,
        ),
        Convention(
            "zhou",
            "Zhou et al. 2022: sample mean, the mean row removed from W",
            center="samples",
            center_weights=True,
            bias_modulo_shift=False,
        ),
        Convention(
            "jiang",
            "Jiang et al. 2024: features on the unit sphere before anything else, sample mean",
            center="samples",
            unit_features=True,
        ),
        Convention(
            "wu-papyan",
            "Wu & Papyan 2024: spread of log norms, CDNV with squared distances squared, "
            "decisions without the bias",
            log_norms=True,
            cdnv_power=2,
            bias_decides=False,
        ),
        Convention("galanti", "Galanti, György & Hutter 2022: CDNV and nearest class mean"),
        Convention(
            "rangamani",
            "Rangamani et al. 2023: every class weighs the same in the traces, sample mean",
            center="samples",
            within_traces="classes",
        ),
        Convention(
            "he-su",
            "He & Su 2023: every class weighs the same within, sample mean, no division by K",
            center="samples",
            within_pinv="classes",
            within_traces="classes",
            nc1_over_classes=False,
        ),
    )
}


def check_profile(profile: str) -> None:
    if profile not in PROFILES:
        near = difflib.get_close_matches(profile, PROFILES, n=1)
        hint = (f"did you mean {near[0]!r}? " if near else "") + "profiles: " + ", ".join(PROFILES)
        raise UsageError("unknown-profile", f"no profile is called {profile!r}", hint)


def check_weight(name: str, weight: float) -> None:
    # As a chain, which NaN fails too.
    if not 0 <= weight < float("inf"):
        raise UsageError(
            "bad-weight", f"{name} = {weight} is no weight", "use a number from 0 upwards"
        )


def check_logit_scale(scale: float) -> None:
    if not 0 < scale < float("inf"):
        message = f"logits of {scale} times a cosine decide nothing"
        hint = "use the scale that the loss multiplies cosines by, such as 30 or 64"
        raise UsageError("bad-logit-scale", message, hint)


@dataclass(frozen=True, slots=True)
class ConventionOptions:
    """A profile, and the choices that override it."""

    logit_scale: float | None = ROLES.option(
        None,
        "The head is a cosine head: logits are this many times cos(h, w), without bias.",
        metavar="S",
        check=check_logit_scale,
    )
    profile: str | None = COMPUTE.option(
        None, f"As in a paper: {', '.join(PROFILES)}.", metavar="NAME", check=check_profile
    )
    center: Center | None = COMPUTE.option(
        None, "Global mean: of the class means, or of all samples.  [default: balanced]"
    )
    margin_rows: Rows = COMPUTE.option(
        "unit", "Margins of rows scaled to length one, or as stored."
    )
    alpha: float = COMPUTE.option(
        1.0,
        "Weight between classes in the hug gaps.",
        metavar="X",
        check=partial(check_weight, "alpha"),
    )
    beta: float = COMPUTE.option(
        1.0,
        "Weight within classes in the hug gaps.",
        metavar="X",
        check=partial(check_weight, "beta"),
    )

    def __post_init__(self) -> None:
        check_values(self)


def resolve(options: ConventionOptions) -> Convention:
    """The convention to use; an explicit centre overrides the profile's."""
    convention = DEFAULT if options.profile is None else PROFILES[options.profile]
    if options.center not in (None, convention.center):
        paper = f"{convention.paper}; centre: {options.center}"
        convention = replace(convention, center=options.center, paper=paper)
    return replace(
        convention,
        alpha=options.alpha,
        beta=options.beta,
        unit_rows=options.margin_rows == "unit",
        logit_scale=options.logit_scale,
    )
