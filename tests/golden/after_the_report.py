"""Messages of everything after the report: comparisons, gates, documents and their commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

import nctool
from nctool import render
from nctool.api import compared_runs
from nctool.api.check import check_gated
from nctool.cli import gate_rules
from nctool.cli.report import joined_reports
from nctool.core.extras import Extra
from nctool.report import documents, gates
from nctool.report.comparison import Comparison, compare
from nctool.report.runs import Run
from nctool.report.tolerance import tolerance_of
from nctool.report.trajectory import Trajectory
from nctool.settings.config import Config
from tests.support.saved import FOLDER, comparison, document, of, report

MODULES = {
    "comparison": "report/comparison.py",
    "tolerance": "report/tolerance.py",
    "gates": "report/gates.py",
    "trajectory": "report/trajectory.py",
    "documents": "report/documents.py",
    "extras": "core/extras.py",
    "compared_runs": "api/compared_runs.py",
    "joining": "cli/report.py",
    "check": "api/check.py",
    "render": "render/__init__.py",
    "points": "api/trajectory.py",
    "saving": "api/outputs.py",
    "shown": "report/shown.py",
}


DAMAGED = '<script type="application/json" id="nctool-data" data-encoding="xz+base64">!</script>'


def other_split() -> None:
    test = report()
    compare([Run("a", test), Run("b", of({"nc1.pinv": 1.0}, run={**test.run, "split": "test"}))])


def nothing_to_check() -> None:
    check_gated(report(), False)


def one_checkpoint() -> None:
    np.save("features.npy", np.eye(3))
    nctool.trajectory("features.npy")


def written(text: str | bytes) -> Path:
    path = Path("report.json")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def too_large() -> None:
    path = written("{}")
    with path.open("r+b") as file:
        file.truncate(documents.MOST_BYTES + 1)
    documents.read(path)


def a_comparison() -> str:
    return str(written(json.dumps(comparison().to_dict())))


CASES: dict[str, Callable[[], object]] = {
    "comparison.one-run": lambda: compare([Run("a", report())]),
    "comparison.not-comparable": other_split,
    "comparison.not-a-comparison": lambda: Comparison.from_dict({}),
    "trajectory.not-a-trajectory": lambda: Trajectory.from_dict({"points": []}),
    "tolerance.bad-tolerance": lambda: tolerance_of("nc1.pinv=5%"),
    "gates.bad-gate": lambda: gates.parse("nc1.pinv = 0.05"),
    "gates.unknown-metric": lambda: gates.check_names(
        gates.Demands((gates.parse("nc1.pniv < 1"),)), ("nc1.pinv", "nc1.cdnv")
    ),
    "gates.unknown-metric.far": lambda: gates.check_names(
        gates.Demands((gates.parse("accuracy > 1"),)), ("nc1.pinv",)
    ),
    "documents.not-json": lambda: documents.read(written("{'kind': 1}")),
    "documents.not-a-report": lambda: documents.read(written("[1]")),
    "documents.not-a-report.page": lambda: documents.read(written("<html></html>")),
    "documents.page-damaged": lambda: documents.read(written(DAMAGED)),
    "documents.report-too-large": too_large,
    "documents.path-missing": lambda: documents.read("absent.json"),
    "documents.report-unreadable": lambda: documents.read(written(b"{\x80")),
    "extras.extra-missing": lambda: Extra("plot", ("no_such_library",)).demand(
        "writing .pdf files"
    ),
    "compared_runs.splits-and-runs": lambda: compared_runs.runs_of(
        ["a.json", "b.json"], ["train", "test"], compared_runs.Measuring()
    ),
    "compared_runs.comparison-of-comparisons": lambda: compared_runs.runs_of(
        [a_comparison(), "b.json"], [], compared_runs.Measuring()
    ),
    "compared_runs.nothing-grouped": lambda: nctool.compare(report(), report(), group_by="seed"),
    "check.bad-baseline": lambda: gate_rules.baseline_of(Config(), a_comparison()),
    "points.no-run": one_checkpoint,
    "points.one-point": lambda: nctool.trajectory(report()),
    "points.reports-and-checkpoints": lambda: nctool.trajectory(report(), "a.npz"),
    "points.not-single-reports": lambda: nctool.trajectory(a_comparison()),
    "saving.no-figure": lambda: report().plot("report.html"),
    "shown.unknown-metric": lambda: of({"nc1.trace_ratio": 1.0})["nc1.pinv"],
    "joining.not-single-reports": lambda: joined_reports(
        [document("trajectory-1.0"), report()], [str(FOLDER / "a"), "b"]
    ),
    "check.no-gates": nothing_to_check,
    "render.unknown-output": lambda: render.renderer_for("report.docx"),
}
