"""Under which name the time of a pass or of a fact is booked, and what each took."""

from __future__ import annotations

from nctool.engine.solve import State

STAGES = {
    "over samples": "first_sweep",
    "over present_samples": "second_sweep",
    "over stacks": "second_sweep",
    "over unlabelled_samples": "ood_sweep",
    "whitening": "mean_geometry",
    "unit_whitening": "mean_geometry",
    "survey[means]": "mean_geometry",
    "simplex_deviation[means]": "mean_geometry",
    "survey[weights]": "weight_geometry",
    "simplex_deviation[weights]": "weight_geometry",
    "log_determinant[means]": "logdet_means",
    "log_determinant[weights]": "logdet_weights",
    "seli_targets": "seli",
}
"""Where the time of passes and costly facts is booked, if not under their own name."""


def stage_of(name: str) -> str:
    """Under which a pass or a fact is booked."""
    return STAGES.get(name, name.replace("[", "_").removesuffix("]"))


def seconds(facts: State) -> dict[str, float]:
    """What each stage took."""
    spent: dict[str, float] = {}
    for name, took in facts.seconds.items():
        stage = stage_of(name)
        spent[stage] = spent.get(stage, 0.0) + took
    return spent
