"""How far each of K points lies from the convex hull of all the others, with proof."""

from nctool.geometry.hull.margins import Margins, margins

__all__ = ["Margins", "margins"]
