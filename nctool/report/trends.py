"""What only a whole trajectory shows: when the error reached zero, how fast layers separate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from nctool.report import Report
from nctool.report.trajectory import Point, Trajectory, joined

DEPTH = "nc1.pinv"
"""Decays by the same factor from layer to layer where the law of data separation holds
(He and Su, 2023)."""


def followed(
    reports: Sequence[Report], labels: Sequence[str], *, depth: bool = False
) -> Trajectory:
    """A trajectory of these reports, with what only all of them together show."""
    trajectory = joined(reports, labels, axis="layer" if depth else None)
    facts = of_depth(trajectory.points) if depth else of_time(trajectory.points)
    return replace(trajectory, facts=facts)


def of_time(points: Sequence[Point]) -> dict[str, object]:
    """Where the head first made no mistake on its training samples: as logged, else as measured."""
    # Training logs the error of every epoch; the saved features may be a sample of the data.
    logged = [point for point in points if point.report.run.get("train_error") is not None]
    for point in logged:
        if point.report.run["train_error"] == 0:
            return {"zero_error": point.position}
    for point in points if not logged else ():
        accuracy = point.report.value("nc4.accuracy")
        if accuracy == 1.0 and point.report.run.get("split") in (None, "train"):
            return {"zero_error": point.position}
    return {}


def of_depth(points: Sequence[Point]) -> dict[str, object]:
    """The rate of separation, how well it describes the layers, and where the head is reached."""
    logs = [
        (point.position, math.log(value))
        for point in points
        if (value := point.report.value(DEPTH)) is not None and value > 0
    ]
    facts: dict[str, object] = {}
    # Through two points every line fits: a rate needs a third to be tested by.
    if len(logs) > 2:
        slope, share = line_through(logs)
        facts["separation"] = {
            "metric": DEPTH, "rate": math.exp(slope), "r_squared": share, "layers": len(logs),
        }  # fmt: skip
    accuracy = points[-1].report.value("nc4.accuracy")
    for point in points if accuracy is not None else ():
        nearest = point.report.value("nc4.ncc_accuracy")
        if nearest is not None and accuracy is not None and nearest >= accuracy:
            facts["as_good_as_the_head"] = {"layer": point.label, "position": point.position}
            break
    return facts


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float | None]:
    """Slope of the least-squares line, and the share of the variance it explains."""
    # Centred before squaring: positions may be large steps that lie close together.
    size = len(points)
    x0, y0 = sum(x for x, _ in points) / size, sum(y for _, y in points) / size
    xx = sum((x - x0) ** 2 for x, _ in points)
    xy = sum((x - x0) * (y - y0) for x, y in points)
    yy = sum((y - y0) ** 2 for _, y in points)
    return xy / xx, xy * xy / (xx * yy) if yy > 0 else None
