"""All that the pairs of K points say, from one pass over them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nctool.core.progress import Advance, ignore
from nctool.geometry.energy import NAMED_PAIRS, Energies, EnergySums
from nctool.geometry.pairs import Pairs, PairSums
from nctool.geometry.tiles import Neighbours, Tiles


@dataclass(frozen=True, slots=True)
class Survey:
    """Of points, and of their directions."""

    pairs: Pairs
    energies: Energies | None
    """None where they were not asked for, or a point has no direction."""


def survey(
    points: Tensor,
    *,
    variances: Tensor | None = None,
    power: int = 1,
    resolution: float = 0.0,
    repulsion: bool = False,
    double: bool = False,
    advance: Advance = ignore,
) -> Survey:
    """Visit every pair of rows of ``points`` (K, D) float64.

    ``variances`` (K,) asks for CDNV and ``repulsion`` for energies; two points closer than
    ``resolution`` count as coincident. Products are float64 with ``double``, where cosines differ
    too little and where float32 cannot hold a CDNV; ``advance`` hears of every tile how many pairs
    it had.
    """
    tiles = Tiles(points, double=double)
    neighbours = Neighbours(tiles, NAMED_PAIRS)
    sums = PairSums(tiles, variances, power, resolution)
    energies = EnergySums(tiles) if repulsion and tiles.count > 1 and not sums.zero else None
    for tile in tiles:
        neighbours.add(tile)
        sums.add(tile)
        if energies is not None:
            energies.add(tile)
        advance(tile.pairs)
    closest = neighbours.finish() if tiles.count > 1 else (0, 0)
    pairs = sums.finish(neighbours, closest)
    if tiles.work.itemsize == 4 and (pairs.flat() or pairs.out_of_range()):
        return survey(
            points,
            variances=variances,
            power=power,
            resolution=resolution,
            repulsion=repulsion,
            double=True,
        )
    return Survey(pairs, None if energies is None else energies.finish(neighbours, closest))
