"""What the pairs of K points say: class means, centred; or classifier rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nctool.core.text import count
from nctool.engine.fact import Undefined, fact
from nctool.facts import point_costs
from nctool.facts.points import BOTH

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.core.progress import Progress
    from nctool.engine.device import Engine
    from nctool.geometry.energy import Energies
    from nctool.geometry.pairs import Pairs
    from nctool.geometry.points import Points
    from nctool.geometry.survey import Survey
    from nctool.settings.conventions import Convention

MANY = 4096
"""From so many points on the pairs take long enough to be watched."""
NAMED_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Coincident:
    """Pairs of points with one direction: how many, and the first of them by class name."""

    count: int
    pairs: tuple[tuple[str, str], ...]


@fact(each=BOTH)
def repulsion() -> bool:
    """Somebody asks for energies, so that the one pass over pairs gives them too."""
    return True


@fact(name="survey[means]", of="means", timed=True, cost=point_costs.survey)
def survey_of_means(
    all_points: Points,
    variances: Tensor,
    resolution: float,
    convention: Convention,
    engine: Engine,
    progress: Progress,
    repulsion: bool | None = None,
) -> Survey:
    """All that the pairs of class means say."""
    return _surveyed(
        all_points,
        progress,
        variances=variances,
        power=convention.cdnv_power,
        resolution=resolution,
        repulsion=bool(repulsion),
        double=engine.work.itemsize == 8,
    )


@fact(name="survey[weights]", of="weights", timed=True, cost=point_costs.survey)
def survey_of_rows(
    all_points: Points, engine: Engine, progress: Progress, repulsion: bool | None = None
) -> Survey:
    """All that the pairs of classifier rows say."""
    double = engine.work.itemsize == 8
    return _surveyed(all_points, progress, repulsion=bool(repulsion), double=double)


def _surveyed(points: Points, progress: Progress, **options: Any) -> Survey:
    from nctool.geometry.survey import survey
    from nctool.geometry.tiles import pairs_of

    many = len(points.vectors)
    if many < MANY:
        return survey(points.vectors, **options)
    with progress.task(f"pairs of {points.title}", pairs_of(many)) as advance:
        return survey(points.vectors, advance=advance, **options)


@fact(each=BOTH)
def pairs(survey: Survey) -> Pairs:
    return survey.pairs


@fact(each=BOTH)
def energies(directed: Points, survey: Survey, repulsion: bool) -> Energies:
    """How directions repel each other."""
    assert survey.energies is not None
    return survey.energies


@fact(each=BOTH)
def coincident(
    directed: Points, energies: Energies, pairs: Pairs, class_names: tuple[str, ...]
) -> Coincident:
    """Pairs that coincide, in direction or already before scaling."""
    many, first = energies.coincident_count, energies.coincident
    if many < pairs.coincident_count:
        many, first = pairs.coincident_count, pairs.coincident
    return Coincident(many, tuple(named_pair(directed, class_names, pair) for pair in first))


def named_pair(
    points: Points, class_names: tuple[str, ...], pair: tuple[int, int]
) -> tuple[str, str]:
    first, second = (class_names[points.classes[row]] for row in pair)
    return first, second


@fact(each=BOTH)
def distinct_energies(directed: Points, energies: Energies, coincident: Coincident) -> Energies:
    """The same, where no two directions coincide."""
    total = coincident.count
    if total:
        shown = [" and ".join(pair) for pair in coincident.pairs[:NAMED_PAIRS]]
        raise Undefined(
            f"{count(total, 'pair')} of {directed.title} {'has' if total == 1 else 'have'} one "
            "direction: " + "; ".join(shown + ["..."] * (total > len(shown)))
        )
    return energies
