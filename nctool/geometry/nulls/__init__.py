"""What structureless points give, at any K and d: independent Gaussian rows (``centred=False``), or
such less their mean (``centred=True``), as class means are.

Each function returns a ``Null``: the value, by how much one draw differs from it, and how that is
known; or None where nothing is known. Within a second at any size, and the same is computed once.

Loaded when first asked for: metrics name these functions, and listing metrics needs no numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nctool.core.remembered import remembered

if TYPE_CHECKING:
    from nctool.geometry.nulls.angles import angle_gap, cosine_std
    from nctool.geometry.nulls.classes import (
        furthest_distance,
        nearest_mean_accuracy,
        own_distance,
        room_within,
    )
    from nctool.geometry.nulls.cosines import correlation
    from nctool.geometry.nulls.determinant import log_determinant
    from nctool.geometry.nulls.draws import Unequal
    from nctool.geometry.nulls.energies import energy, random_level
    from nctool.geometry.nulls.margins import least_margin, margin_quantile
    from nctool.geometry.nulls.newtonian import newton
    from nctool.geometry.nulls.null import Null
    from nctool.geometry.nulls.pairs import max_cosine, separation
    from nctool.geometry.nulls.sample_margins import cosine_margin, logit_margin
    from nctool.geometry.nulls.simplex import etf_deviation
    from nctool.geometry.nulls.turned import turned_residual

__all__ = [
    "Null", "Unequal", "angle_gap", "correlation", "cosine_margin", "cosine_std", "energy",
    "etf_deviation", "furthest_distance", "least_margin", "log_determinant", "logit_margin",
    "margin_quantile", "max_cosine", "nearest_mean_accuracy", "newton", "own_distance",
    "random_level", "room_within", "separation", "turned_residual",
]  # fmt: skip

_MODULES = {
    "angles": "angle_gap cosine_std",
    "classes": "furthest_distance nearest_mean_accuracy own_distance room_within",
    "cosines": "correlation",
    "determinant": "log_determinant",
    "draws": "Unequal",
    "energies": "energy random_level",
    "margins": "least_margin margin_quantile",
    "newtonian": "newton",
    "null": "Null",
    "pairs": "max_cosine separation",
    "sample_margins": "cosine_margin logit_margin",
    "simplex": "etf_deviation",
    "turned": "turned_residual",
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names.split():
            value = getattr(import_module(f"{__name__}.{module}"), name)
            # An attribute of this module from now on: one memory for all who ask.
            return globals().setdefault(name, value if type(value) is type else remembered(value))
    raise AttributeError(name)
