"""Reference lines that others have drawn, for whoever wants to compare."""

from __future__ import annotations

LINES = {
    (100, 10): 0.61416,
    (100, 20): 0.8124,
    (100, 30): 0.8886,
    (200, 10): 0.5052,
    (200, 20): 0.7211,
    (200, 30): 0.8053,
    (10000, 512): 0.79659,
    (10000, 2048): 0.89832,
}
"""(classes, dimensions): the "optimal" one-vs-rest margin drawn in the figures that accompany
Jiang et al. 2024 (generalized neural collapse), read from the authors' public notebook."""

WHY_NOT_USED = """\
The figures of Jiang et al. (2024) mark an optimal one-vs-rest margin for eight pairs of K and d.
These values are not optimal: a code with a larger margin is known for every one of them. A network
compared with them looks closer to the optimum than it is, and a good one could exceed 100 %.
nctool therefore compares with the best code known to it, whichever is largest of: a closed form, a
code proved optimal, a code of an explicit family, and a code found by the search in
fixtures/codes. Beyond the proved cases even that is only a lower bound on the optimum, and its
source says so; the limit beside it is a value that nothing can exceed."""
