"""A textbook oracle for neural collapse: slow, plain, float64, one formula per function.

It imports nothing of nctool. ``measure`` gives the default conventions or those of a publication;
a family of metrics is one file, and its formulas say of themselves what ``formula`` asks. How means
and residuals keep their digits stands in ``view``.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import partial

import numpy.typing as npt

from tests.support.oracle.formula import FORMULAS, attempt, defined
from tests.support.oracle.profiles import PROFILES
from tests.support.oracle.view import Center, Outcome, prepare, view

__all__ = ["FORMULAS", "PROFILES", "Outcome", "defined", "measure"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def measure(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    *,
    center: Center = "balanced",
    profile: str | None = None,
    ood: npt.ArrayLike | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    only: tuple[str, ...] = ("",),
) -> dict[str, Outcome]:
    """Every id by the default conventions, or a profile's ids by its own (it fixes the centre).

    ``alpha`` and ``beta`` weigh the two halves of the uniformity gaps; ``only`` is how the ids
    begin that are asked for.
    """
    sample = prepare(features, labels, weight, bias, ood)
    if profile is not None:
        return PROFILES[profile](sample)
    seen = view(sample, center, alpha=alpha, beta=beta)
    return {
        name: attempt(partial(formula.compute, seen))
        for name, formula in FORMULAS.items()
        if name.startswith(only)
    }
