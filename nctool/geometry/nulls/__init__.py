"""What structureless points give, at any K and d: independent Gaussian rows (``centred=False``), or
such less their mean (``centred=True``), as class means are.

Each function returns a ``Null``: the value, by how much one draw differs from it, and how that is
known; or None where nothing is known. Remembered by (K, d), within a second at any size.
"""

from nctool.geometry.nulls.cosines import correlation
from nctool.geometry.nulls.draws import Unequal
from nctool.geometry.nulls.energies import energy, random_level
from nctool.geometry.nulls.margins import least_margin, margin_quantile
from nctool.geometry.nulls.null import Null
from nctool.geometry.nulls.pairs import max_cosine, separation
from nctool.geometry.nulls.simplex import etf_deviation

__all__ = [
    "Null", "Unequal", "correlation", "energy", "etf_deviation", "least_margin", "margin_quantile",
    "max_cosine", "random_level", "separation",
]  # fmt: skip
