"""Codes whose largest cosine is proved to be the least possible.

Sharp codes meet Levenshtein's bound; each of the others has a proof of its own.
"""

from __future__ import annotations

import math

from nctool.geometry.optima.codes import Code
from nctool.geometry.optima.families import KERDOCK_PROVED, LEVENSHTEIN, SPECTRAL, kerdock

GOLDEN = (1 + math.sqrt(5)) / 2
UP_TO_NINE = "Schütte and van der Waerden 1951"

SHARP = (
    Code(16, 5, 1 / 5, "half cube", LEVENSHTEIN),
    Code(27, 6, 1 / 4, "Schläfli code", LEVENSHTEIN),
    Code(56, 7, 1 / 3, "28 equiangular lines", LEVENSHTEIN),
    Code(240, 8, 1 / 2, "E8 roots", LEVENSHTEIN),
    Code(112, 21, 1 / 9, "generalised quadrangle of order (3, 9)", LEVENSHTEIN),
    Code(162, 21, 1 / 7, "strongly regular graph of 162 points", LEVENSHTEIN),
    Code(100, 22, 1 / 11, "Higman-Sims graph", LEVENSHTEIN),
    Code(275, 22, 1 / 6, "McLaughlin graph", LEVENSHTEIN),
    Code(891, 22, 1 / 4, "Leech lattice seen from two points", LEVENSHTEIN),
    Code(552, 23, 1 / 5, "276 equiangular lines", LEVENSHTEIN),
    Code(4600, 23, 1 / 3, "Leech lattice seen from one point", LEVENSHTEIN),
    Code(196560, 24, 1 / 2, "Leech lattice", LEVENSHTEIN),
)

OTHER_PROOFS = (
    Code(7, 3, 0.2101383127306031, "seven points on the sphere", UP_TO_NINE),
    Code(8, 3, (math.sqrt(8) - 1) / 7, "square antiprism", UP_TO_NINE),
    Code(9, 3, 1 / 3, "nine points on the sphere", UP_TO_NINE),
    Code(10, 3, 0.4043943252162508, "ten points on the sphere", "Danzer 1963"),
    Code(11, 3, 1 / math.sqrt(5), "icosahedron less a point", "Danzer 1963"),
    Code(12, 3, 1 / math.sqrt(5), "icosahedron", "Fejes Tóth 1943"),
    Code(13, 3, 0.54263648682964, "thirteen points on the sphere", "Musin and Tarasov 2012"),
    Code(14, 3, 0.5639503003605052, "fourteen points on the sphere", "Musin and Tarasov 2015"),
    Code(24, 3, 0.7230784683335088, "snub cube", "Robinson 1961"),
    Code(10, 4, 1 / 6, "Petersen code", "Bachoc and Vallentin 2009"),
    Code(24, 4, 1 / 2, "24-cell", "de Laat, Leijenhorst and de Muinck Keizer 2024"),
    Code(120, 4, GOLDEN / 2, "600-cell", "Böröczky 1978"),
    Code(56, 20, 1 / 15, "Gewirtz graph", SPECTRAL),
    Code(50, 21, 1 / 21, "Hoffman-Singleton graph", SPECTRAL),
    Code(77, 21, 1 / 12, "M22 graph", SPECTRAL),
    *(kerdock(half) for half in KERDOCK_PROVED),
)

PROVEN = SHARP + OTHER_PROOFS
