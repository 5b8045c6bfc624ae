"""Every metric over the axis of a trajectory: small drawings, one scale for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nctool.render.page.amounts import said
from nctool.render.page.results import heading
from nctool.render.page.scales import Scale, Tick, path, spread_out, ticks
from nctool.render.summary import heading_of
from nctool.report import Result
from nctool.report.trajectory import Point, Trajectory

WIDTH, HEIGHT = 280, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 24
DOTTED = 12
"""Up to so many points each is a dot, and all values are in a table."""
MOST_POINTS = 300
LABEL = 30
"""Room that a label on the axis takes."""
EARLY = 0.2
"""Half of the checkpoints within this share of the axis lie too close on a linear one."""
KINDS = {"means": "class means", "weights": "classifier rows"}

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Across:
    """Where a position lies; a logarithmic axis that begins at zero is shifted."""

    scale: Scale
    shift: float

    def __call__(self, position: float) -> float:
        return self.scale(position + self.shift)


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

    id: str
    """Of its first metric, where more is said of it."""
    name: str
    title: str
    arrow: str
    ends: tuple[tuple[str, str], ...]
    """First and last value of every series."""
    linear: Plot
    log: Plot | None


@dataclass(frozen=True, slots=True)
class Course:
    """All panels by family, and what they share: the axis and the moment of zero error."""

    families: tuple[tuple[str, str, tuple[Panel, ...]], ...]
    across: tuple[Tick, ...]
    axis: str
    log_axis: bool
    zero_error: float | None
    points: tuple[str, ...]
    """The heads of the table of all values; empty where there are too many for one."""
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def course(trajectory: Trajectory) -> Course:
    x = _across(trajectory.positions)
    groups: dict[str, list[Panel]] = {}
    for base, members in _together(trajectory).items():
        panel = _panel(trajectory, base, members, x)
        if panel is not None:
            groups.setdefault(heading_of(members[0].id), []).append(panel)
    zero = trajectory.facts.get("zero_error")
    few = len(trajectory.points) <= DOTTED
    return Course(
        tuple((*heading(name), tuple(panels)) for name, panels in groups.items()),
        _marks(trajectory, x),
        trajectory.axis,
        x.scale.log,
        x(zero) if isinstance(zero, (int, float)) else None,
        tuple(_where(trajectory, one) for one in trajectory.points) if few else (),
        tuple(_rows(trajectory)) if few else (),
    )


def _where(trajectory: Trajectory, point: Point) -> str:
    counted = trajectory.axis in ("epoch", "step")
    return f"{trajectory.axis} {point.position:g}" if counted else point.label


def _rows(trajectory: Trajectory) -> Iterator[tuple[str, tuple[str, ...]]]:
    for members in _together(trajectory).values():
        for one in members:
            values = trajectory.curve(one.id)
            if _known(values):
                yield one.id, tuple(said(value) for value in values)


def _across(positions: Sequence[float]) -> Across:
    """Logarithmic where most checkpoints are early, so that they do not lie on one heap."""
    low, high = min(positions), max(positions)
    early = sorted(positions)[len(positions) // 2] - low < EARLY * (high - low)
    log = early and low >= 0 and len(positions) > 2
    shift = min(one for one in positions if one > 0) if log and low == 0 else 0
    return Across(Scale(low + shift, high + shift, LEFT + 4, WIDTH - RIGHT - 4, log), shift)


def _marks(trajectory: Trajectory, x: Across) -> tuple[Tick, ...]:
    """Where the checkpoints are, if they are few; round numbers otherwise."""
    positions = trajectory.positions
    if len(positions) <= DOTTED or x.scale.log:
        wanted = [Tick(x(one), f"{one:g}") for one in positions]
    else:
        wanted = [Tick(x(one), f"{one:g}") for one in (positions[0], positions[-1])]
        inner = (wanted[0].place + LABEL, wanted[1].place - LABEL)
        wanted[1:1] = [one for one in ticks(x.scale, 4) if inner[0] < one.place < inner[1]]
    return spread_out(wanted, LABEL)


def _together(trajectory: Trajectory) -> dict[str, list[Result]]:
    """Metrics of class means and of classifier rows under the name they share."""
    found: dict[str, list[Result]] = {}
    for point in reversed(trajectory.points):
        for one in point.report:
            base = one.id.removesuffix(".means").removesuffix(".weights")
            members = found.setdefault(base, [])
            if all(one.id != other.id for other in members):
                members.append(one)
    return found


def _panel(trajectory: Trajectory, base: str, members: Sequence[Result], x: Across) -> Panel | None:
    curves = {one.id: trajectory.curve(one.id) for one in members}
    curves = {name: values for name, values in curves.items() if _known(values)}
    if not curves:
        return None
    first = members[0]
    everything = [value for values in curves.values() for value in _known(values)]
    goal = _goal(members)
    return Panel(
        first.id, base, first.title.partition(" (class means")[0].partition(" (classifier")[0],
        {"down": "↓", "up": "↑"}.get(first.toward_collapse, ""),
        tuple((_kind(name), _ends(values)) for name, values in curves.items()),
        _plot(trajectory, curves, x, _linear(everything, goal), goal),
        _plot(trajectory, curves, x, log, goal) if (log := _log(everything, first)) else None,
    )  # fmt: skip


def _known(values: Values) -> list[float]:
    return [one for one in values if one is not None]


def _kind(metric_id: str) -> str:
    return next((kind for kind in KINDS if metric_id.endswith("." + kind)), "one")


def _ends(values: Values) -> str:
    known = _known(values)
    return said(known[0], 3) if len(known) == 1 else f"{said(known[0], 3)} → {said(known[-1], 3)}"


def _goal(members: Sequence[Result]) -> float | None:
    """The one value that all of them would reach at collapse."""
    goals = {
        one.floor if one.floor else one.best_known.value if one.best_known else one.ideal
        for one in members
    }
    return goals.pop() if len(goals) == 1 else None


def _linear(values: Sequence[float], goal: float | None) -> Scale:
    low, high = min(values), max(values)
    span = high - low
    if goal is not None and low - span <= goal <= high + span:
        low, high = min(low, goal), max(high, goal)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(low - room, high + room, HEIGHT - BOTTOM, TOP)


def _log(values: Sequence[float], one: Result) -> Scale | None:
    """Nothing for what grows with collapse, or is negative somewhere, or zero everywhere."""
    above = [one for one in values if one > 0]
    if one.toward_collapse != "down" or min(values) < 0 or not above:
        return None
    low, high = min(above), max(above)
    room = max((high / low) ** 0.06, 1.05)
    if min(values) == 0:
        low /= max((high / low) ** 0.1, 1.5)
    return Scale(low / room, high * room, HEIGHT - BOTTOM, TOP, log=True)


def _plot(
    trajectory: Trajectory, curves: dict[str, tuple[float | None, ...]], x: Across, y: Scale,
    goal: float | None,
) -> Plot:  # fmt: skip
    inside = goal is not None and (goal > 0 or not y.log) and y.low <= goal <= y.high
    return Plot(
        tuple(
            _series(_kind(name), trajectory.positions, values, x, y)
            for name, values in curves.items()
        ),
        ticks(y, 3),
        y(goal) if inside and goal is not None else None,
    )  # fmt: skip


def _series(kind: str, positions: Sequence[float], values: Values, x: Across, y: Scale) -> Series:
    places = _places(positions, values, x, y)
    few = len(values) <= DOTTED
    zeros = [at for at, value in zip(positions, values, strict=True) if y.log and value == 0]
    dots = "".join(f"M{one[0]:g} {one[1]:g}h0" for one in places if one) if few else ""
    return Series(kind, path(places), dots, tuple(x(at) for at in zeros) if few else ())


def _place(value: float, y: Scale) -> float:
    return y.start if y.log and value <= 0 else y(value)


def _places(
    positions: Sequence[float], values: Values, x: Across, y: Scale
) -> list[tuple[float, float] | None]:
    stride = -(-len(values) // MOST_POINTS)
    kept = [at for at in range(len(values)) if at % stride == 0 or at == len(values) - 1]
    return [
        None if (value := values[at]) is None else (x(positions[at]), _place(value, y))
        for at in kept
    ]
