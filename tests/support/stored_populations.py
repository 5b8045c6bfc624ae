"""One population, stored one way: as nctool is given it, and what the oracle says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch

from nctool.engine.device import Engine
from tests.support.oracle import Outcome, measure
from tests.support.populations import DEGENERATE, POPULATIONS, Array, Labels, Population, rounded

EVERY = POPULATIONS | DEGENERATE
STORAGE = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True)
class StoredPopulation:
    """Keyword arguments of nctool.analyze, and the same numbers in float64 for the oracle."""

    given: dict[str, Any]
    exact: dict[str, Any]
    logit_scale: float
    """The largest |w_c| |h| + |b_c|: what the rounding of a logit is relative to."""


@cache
def population(name: str) -> Population:
    return EVERY[name]()


def outsiders(whole: Population) -> Array:
    """Features of no class, as wide as those of the population."""
    random = np.random.default_rng(50)
    return 2 + random.integers(-8, 9, (7, whole.features.shape[1])) / 8  # (7, D)


def as_stored(arrays: Mapping[str, Array | None], labels: Labels, dtype: str) -> StoredPopulation:
    """Arrays rounded to one torch dtype."""
    exact = {role: rounded(array, dtype) for role, array in arrays.items() if array is not None}
    given = {
        role: torch.from_numpy(array).to(getattr(torch, dtype)) for role, array in exact.items()
    }
    longest = np.linalg.norm(exact["features"], axis=1).max()
    rows = np.linalg.norm(exact.get("weight", np.zeros((1, 1))), axis=1)
    offset = np.abs(exact.get("bias", np.zeros(1))).max()
    scale = float(longest * rows.max() + offset)
    return StoredPopulation(given | {"labels": labels}, exact | {"labels": labels}, scale)


@cache
def stored(name: str, dtype: str) -> StoredPopulation:
    """Everything of a population in one torch dtype."""
    whole = population(name)
    arrays = {
        "features": whole.features,
        "weight": whole.weight,
        "bias": whole.bias,
        "ood": outsiders(whole),
    }
    return as_stored(arrays, whole.labels, dtype)


@cache
def truth(name: str, dtype: str, profile: str | None = None) -> dict[str, Outcome]:
    """The oracle's outcomes; ``samples`` in place of a profile asks for that centring."""
    exact = stored(name, dtype).exact
    if profile == "samples":
        return measure(**exact, center="samples")
    return measure(**exact, profile=profile)


@contextmanager
def small_blocks(rows: int, *, of_scores: bool = False) -> Iterator[None]:
    """Read the features so many rows at a time; or read them at once and only score them so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nctool.engine.device.FEWEST_ROWS", rows)
        small = {"score_bytes": 1} if of_scores else {"score_bytes": 1, "block_bytes": 1}
        patch.setattr(Engine, "on", staticmethod(partial(Engine, **small)))  # type: ignore[arg-type]
        yield
