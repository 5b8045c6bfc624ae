"""How far each of K points lies from the convex hull of all the others, with proof.

``solver`` prepares the points and returns ``Margins``; ``affine`` and ``shared_gram`` solve what
is nearly a simplex, ``active_set`` everything else by small programmes (``quadratic_program``);
``certificate`` alone makes claims, with the error bounds of ``cloud``.
"""

from nctool.geometry.hull.solver import Margins, margins

__all__ = ["Margins", "margins"]
