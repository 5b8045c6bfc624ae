"""Every metric over the axis of a trajectory: small drawings, one scale for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nctool.render.page.amounts import said
from nctool.render.page.numbers import Headed, headed
from nctool.render.page.scales import Frame, Scale, Tick, path, spread_out, ticks
from nctool.render.values.curves import Quantity, Values, extent, known, quantities
from nctool.render.values.words import points_of
from nctool.report import Result
from nctool.report.trajectory import Point, Trajectory

FRAME = Frame(280, 150, 44, 270, 10, 126)
DOTTED = 12
"""Up to so many points each is a dot, and all values are in a table."""
MOST_POINTS = 300
LABEL = 30
"""Room that a label on the axis takes."""
EARLY = 0.2
"""Half of the checkpoints within this share of the axis lie too close on a linear one."""


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


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity; both sets of points in one drawing where there are two."""

    quantity: Quantity
    first: Result
    """The metric that stands for it."""
    title: str
    linear: Plot
    log: Plot | None


def panels(trajectory: Trajectory) -> list[Headed[Panel]]:
    x = across(trajectory)
    drawn = [_panel(trajectory, quantity, x) for quantity in quantities(trajectory)]
    return headed((panel.first.id, panel) for panel in drawn)


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
    values = [value for curve in quantity.curves.values() for value in known(curve)]
    positions = trajectory.positions
    # What grows with collapse ends near its ideal, where a logarithm shows nothing.
    log = _log(values) if first.toward_collapse == "down" else None
    return Panel(
        quantity, first, first.title.partition(" (class means")[0].partition(" (classifier")[0],
        _plot(positions, quantity.curves, x, _linear(values, goal), goal),
        None if log is None else _plot(positions, quantity.curves, x, log, goal),
    )  # fmt: skip


def ends(values: Values) -> str:
    """The first and the last value of a curve."""
    there = known(values)
    first, last = said(there[0], 3), said(there[-1], 3)
    return first if len(there) == 1 else f"{first} → {last}"


def _linear(values: Sequence[float], goal: float | None) -> Scale:
    low, high = min(values), max(values)
    span = high - low
    if goal is not None and low - span <= goal <= high + span:
        low, high = min(low, goal), max(high, goal)
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


def _plot(
    positions: Sequence[float], curves: Mapping[str, Values], x: Scale, y: Scale,
    goal: float | None,
) -> Plot:  # fmt: skip
    series = (_series(points_of(name), positions, curve, x, y) for name, curve in curves.items())
    perfect = y(goal) if goal is not None and y.low <= goal <= y.high else None
    return Plot(tuple(series), ticks(y, 3), perfect)


def _series(kind: str, positions: Sequence[float], values: Values, x: Scale, y: Scale) -> Series:
    size = len(values)
    # The last point is always kept: the curve has to end where its value says.
    stride = -(-size // MOST_POINTS)
    places: list[tuple[float, float] | None] = []
    zeros = []
    for index, (position, value) in enumerate(zip(positions, values, strict=True)):
        if index % stride and index != size - 1:
            continue
        zero = y.log and value == 0
        zeros += [x(position)] if zero else []
        places.append(None if value is None else (x(position), y.start if zero else y(value)))
    few = size <= DOTTED
    dots = "".join(f"M{place[0]:g} {place[1]:g}h0" for place in places if place) if few else ""
    return Series(kind, path(places), dots, tuple(zeros) if few else ())
