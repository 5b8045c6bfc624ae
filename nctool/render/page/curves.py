"""Metrics over the axis of a trajectory: small drawings, with one cursor through all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nctool.render.page.amounts import said
from nctool.render.page.numbers import Headed, headed
from nctool.render.page.scales import Frame, Scale, Tick, path, spread_out, ticks
from nctool.render.values.curves import Quantity, Values, extent, known, quantities
from nctool.render.values.dials import STOPS, place
from nctool.render.values.words import points_of
from nctool.report import Result
from nctool.report.sentence import percent
from nctool.report.trajectory import Point, Trajectory
from nctool.report.verdict import PREFIX, WEAKEST

FRAME = Frame(280, 150, 48, 270, 10, 126)
MAIN = (
    "nc1.pinv", "nc2.etf_deviation", "nc3.distance", "nc4.mismatch", "gnc2.margin",
    "hug.uniformity",
)  # fmt: skip
"""What stands for its family where a report has no dials."""
DOTTED = 12
"""Up to so many points each is a dot, and all values are in a table."""
MOST_POINTS = 150
"""More than a drawing has room for, as wide as it is shown."""
LABEL = 30
"""Room that a label on the axis takes."""
EARLY = 0.2
"""Half of the checkpoints within this share of the axis lie too close on a linear one."""

Height: TypeAlias = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Series:
    kind: str
    path: str
    dots: str
    """A path of points, where there are few."""
    zeros: tuple[float, ...]
    """Where zeros are, which no logarithmic scale has: they sit on its edge."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A panel on one kind of scale."""

    series: tuple[Series, ...]
    up: tuple[Tick, ...]
    perfect: float | None
    randoms: tuple[tuple[str, float], ...]
    """Levels of structureless features, each with its set of points."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity; both sets of points in one drawing where there are two."""

    quantity: Quantity
    first: Result
    """The metric that stands for it."""
    title: str
    linear: Plot
    log: Plot | None


def main(trajectory: Trajectory) -> list[Panel]:
    """The dials over the axis; of a report without dials one metric of each family."""
    x = across(trajectory)
    return [_panel(trajectory, quantity, x) for quantity in _main(trajectory)]


def panels(trajectory: Trajectory) -> list[Headed[Panel]]:
    """All other quantities."""
    x, drawn = across(trajectory), {quantity.name for quantity in _main(trajectory)}
    others = (each for each in quantities(trajectory) if each.name not in drawn)
    made = [_panel(trajectory, quantity, x) for quantity in others]
    return headed((panel.first.id, panel) for panel in made)


def _main(trajectory: Trajectory) -> list[Quantity]:
    every = quantities(trajectory)
    dials = [each for each in every if each.name.startswith(PREFIX) and each.name != WEAKEST]
    return dials or [each for each in every if each.name in MAIN]


def zero_error(trajectory: Trajectory) -> float | None:
    """Where on the axis the training error becomes zero."""
    zero = trajectory.facts.get("zero_error")
    return across(trajectory)(zero) if isinstance(zero, (int, float)) else None


def listed(trajectory: Trajectory) -> list[Quantity]:
    """What is in the table of all values; nothing where there are too many points for one."""
    return quantities(trajectory) if len(trajectory.points) <= DOTTED else []


def label(trajectory: Trajectory, point: Point) -> str:
    counted = trajectory.axis in ("epoch", "step")
    return f"{trajectory.axis} {point.position:g}" if counted else point.label


def cursor(trajectory: Trajectory) -> dict[str, object]:
    """What the script says at each point: where it is, its name, and the values of all curves."""
    x, shown = across(trajectory), [*_shown(len(trajectory.points))]
    points = [trajectory.points[index] for index in shown]
    return {
        "x": [x(point.position) for point in points],
        "labels": [label(trajectory, point) for point in points],
        "curves": {
            name: [worded(name, values[index]) for index in shown]
            for quantity in quantities(trajectory) for name, values in quantity.curves.items()
        },
    }  # fmt: skip


def across(trajectory: Trajectory) -> Scale:
    """Logarithmic where most checkpoints are early, so that they do not lie on one heap."""
    positions = trajectory.positions
    low, high = min(positions), max(positions)
    early = sorted(positions)[len(positions) // 2] - low < EARLY * (high - low)
    log = early and low >= 0 and len(positions) > 2
    shift = (extent(positions).least or 0) if log and low == 0 else 0
    inner = (FRAME.left + 4, FRAME.right - 4)
    return Scale(low + shift, high + shift, *inner, log, shift)


def marks(trajectory: Trajectory) -> tuple[Tick, ...]:
    """Where the checkpoints are, if they are few; round numbers otherwise."""
    x, positions = across(trajectory), trajectory.positions
    if len(positions) <= DOTTED or x.log:
        return spread_out([Tick(x(at), f"{at:g}") for at in positions], LABEL)
    first, last = (Tick(x(at), f"{at:g}") for at in (positions[0], positions[-1]))
    low, high = first.place + LABEL, last.place - LABEL
    inner = [tick for tick in ticks(x, 4) if low < tick.place < high]
    return spread_out([first, *inner, last], LABEL)


def _panel(trajectory: Trajectory, quantity: Quantity, x: Scale) -> Panel:
    first, goal = quantity.members[0], quantity.goal
    title = first.title.partition(" (class means")[0].partition(" (classifier")[0]
    if quantity.name.startswith(PREFIX):
        stops = tuple(Tick(_nines(1 - 10.0**-nine), text) for nine, text in enumerate(STOPS))
        return Panel(
            quantity, first, title, _plot(trajectory, quantity, x, _nines, stops, None), None
        )
    values = [value for curve in quantity.curves.values() for value in known(curve)]
    linear = _linear([*values], [*quantity.randoms.values(), *([] if goal is None else [goal])])
    # What grows with collapse ends near its ideal, where a logarithm shows nothing.
    log = _log(values) if first.toward_collapse == "down" else None
    return Panel(
        quantity, first, title, _scaled(trajectory, quantity, x, linear),
        None if log is None else _scaled(trajectory, quantity, x, log),
    )  # fmt: skip


def worded(metric_id: str, value: float | None, digits: int = 4) -> str:
    """A value as it is said of its metric: a way to collapse in percent."""
    if value is None or not metric_id.startswith(PREFIX):
        return said(value, digits)
    return percent(value, 1 - value).replace("-", "−")


def ends(metric_id: str, values: Values) -> str:
    """The first and the last value of a curve."""
    there = known(values)
    first, last = (worded(metric_id, value, 3) for value in (there[0], there[-1]))
    return first if len(there) == 1 else f"{first} → {last}"


def _nines(way: float) -> float:
    """The height of a way to collapse, as its dial has it."""
    return round(FRAME.bottom + place(1 - way) * (FRAME.top - FRAME.bottom), 1)


def _linear(values: Sequence[float], levels: Sequence[float]) -> Scale:
    """Of all values, and of those levels that lie near them."""
    low, high = min(values), max(values)
    span = high - low
    near = [level for level in levels if low - span <= level <= high + span]
    low, high = min([low, *near]), max([high, *near])
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return FRAME.up(low - room, high + room)


def _log(values: Sequence[float]) -> Scale | None:
    """None for what is negative somewhere, or zero everywhere."""
    span = extent(values)
    low, high = span.least, span.high
    if span.low < 0 or low is None:
        return None
    room = max((high / low) ** 0.06, 1.05)
    if span.zeros:
        low /= max((high / low) ** 0.1, 1.5)
    return FRAME.up(low / room, high * room, log=True)


def _scaled(trajectory: Trajectory, quantity: Quantity, x: Scale, y: Scale) -> Plot:
    goal = quantity.goal
    perfect = y(goal) if goal is not None and y.low <= goal <= y.high else None
    within = {name: level for name, level in quantity.randoms.items() if y.low <= level <= y.high}
    return _plot(trajectory, quantity, x, y, ticks(y, 3), perfect, within)


def _plot(
    trajectory: Trajectory,
    quantity: Quantity,
    x: Scale,
    y: Height,
    up: tuple[Tick, ...],
    perfect: float | None,
    randoms: Mapping[str, float] | None = None,
) -> Plot:
    levels = quantity.randoms if randoms is None else randoms
    alone = len(quantity.randoms) == 1
    log = isinstance(y, Scale) and y.log
    places = [x(position) for position in trajectory.positions]
    return Plot(
        tuple(
            _series(points_of(name), places, values, y, log)
            for name, values in quantity.curves.items()
        ),
        up, perfect,
        tuple(("one" if alone else points_of(name), y(level)) for name, level in levels.items()),
    )  # fmt: skip


def _shown(size: int) -> Iterator[int]:
    """Of very many points only some; the last always: a curve ends where its value says."""
    stride = -(-size // MOST_POINTS)
    return (index for index in range(size) if index % stride == 0 or index == size - 1)


def _series(kind: str, across: Sequence[float], values: Values, y: Height, log: bool) -> Series:
    size = len(values)
    places: list[tuple[float, float] | None] = []
    zeros = []
    for index in _shown(size):
        value, x = values[index], across[index]
        zero = log and value == 0
        zeros += [x] if zero else []
        places.append(None if value is None else (x, FRAME.bottom if zero else y(value)))
    few = size <= DOTTED
    dots = "".join(f"M{point[0]:g} {point[1]:g}h0" for point in places if point) if few else ""
    return Series(kind, path(places), dots, tuple(zeros) if few else ())
