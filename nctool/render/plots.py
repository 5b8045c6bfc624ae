"""The main curves of a trajectory in braille: two beside each other, within 80 columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nctool.core.text import number
from nctool.render.lines import BLANK, Line, line
from nctool.render.values.curves import WIDE, known
from nctool.report.trajectory import NAMED, Trajectory

MAIN = (
    "nc1.pinv", "nc2.etf_deviation.means", "nc3.distance", "nc4.accuracy",
    "gnc2.margin.weights", "hug.uniformity.means",
)  # fmt: skip
WIDTH, HEIGHT = 26, 7
"""Characters of one plot; a character is 2 by 4 dots."""
LABEL = 9
FULL = 80
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a braille character's dots, by column and row."""


def lines(trajectory: Trajectory, width: int) -> list[Line]:
    """Two plots in a row, one where the terminal is narrower than 80 columns."""
    there = {result.id for result in trajectory.last}
    shown = [
        name for name in MAIN if name in there and len(known(trajectory.curve(name))) > 1
    ]  # fmt: skip
    if not shown:
        return [line("  no curve to draw: fewer than two points have a value")]
    drawn = [plot(trajectory, name) for name in shown]
    out: list[Line] = []
    beside = 2 if width >= FULL else 1
    for start in range(0, len(drawn), beside):
        row = drawn[start : start + beside]
        out += [line("  " + "  ".join(part).rstrip()) for part in zip(*row, strict=True)]
        out.append(BLANK)
    return out[:-1]


def plot(trajectory: Trajectory, name: str) -> list[str]:
    """A title, the curve with its ends labelled, and the axis below; all of one width."""
    pairs = [
        (position, value)
        for position, value in zip(trajectory.positions, trajectory.curve(name), strict=True)
        if value is not None
    ]
    across, up = Scale([position for position, _ in pairs]), Scale([value for _, value in pairs])
    grid = canvas([(across(position), up(value)) for position, value in pairs])
    labels = [number(up.high, 3), *[""] * (HEIGHT - 2), number(up.low, 3)]
    kind = ", log" if up.log else ""
    whole = LABEL + 1 + WIDTH
    return [
        f"{(name + kind)[:whole]:<{whole}}",
        *(f"{label:>{LABEL}} {row}" for label, row in zip(labels, grid, strict=True)),
        f"{'':{LABEL}} {_axis(trajectory, pairs[0][0], pairs[-1][0], across.log)}",
    ]


def _axis(trajectory: Trajectory, first: float, last: float, log: bool) -> str:
    """``epoch 1`` at one end and ``1000`` at the other; of long names, as much as has room."""
    low, high = (trajectory.label_of(position) for position in (first, last))
    if trajectory.axis not in NAMED:
        high = high.removeprefix(f"{trajectory.axis} ")
    most = WIDTH // 2 - 1
    low, high = (text if len(text) <= most else "…" + text[1 - most :] for text in (low, high))
    between = " log " if log and len(low) + len(high) + 5 <= WIDTH else ""
    return f"{low}{between:^{WIDTH - len(low) - len(high)}}{high}"


class Scale:
    """Values onto 0 to 1, on a logarithmic scale where they span more than a factor of ten."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low, self.high = min(values), max(values)
        self.log = self.low > 0 and self.high / self.low > WIDE
        self.shift = 0.0
        if self.low == 0 and self.high > WIDE:
            self.log, self.shift = True, 1.0  # an epoch 0 has its place on a logarithmic axis too
        # Halved, so that the difference of two large numbers of opposite sign cannot overflow.
        self.start, self.stop = self._at(self.low) / 2, self._at(self.high) / 2

    def _at(self, value: float) -> float:
        return math.log10(value + self.shift) if self.log else value

    def __call__(self, value: float) -> float:
        return (self._at(value) / 2 - self.start) / (self.stop - self.start or 1.0)


def canvas(points: Sequence[tuple[float, float]]) -> list[str]:
    """Straight lines between the points, as rows of braille."""
    cells = [[0x2800] * WIDTH for _ in range(HEIGHT)]
    across, down = 2 * WIDTH - 1, 4 * HEIGHT - 1
    dots = [(x * across, (1 - y) * down) for x, y in points]
    for (x0, y0), (x1, y1) in zip(dots, [*dots[1:], dots[-1]], strict=True):
        # As many steps as the longer side has dots: no gap and no thick corner.
        steps = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
        for step in range(steps + 1):
            x = round(x0 + (x1 - x0) * step / steps)
            y = round(y0 + (y1 - y0) * step / steps)
            cells[y // 4][x // 2] |= DOTS[x % 2][y % 4]
    return ["".join(map(chr, row)) for row in cells]
