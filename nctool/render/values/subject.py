"""What a document is about, in a few words: which files, which moments, how much data."""

from __future__ import annotations

from itertools import takewhile

from nctool.core.text import count, one_line, shortened
from nctool.render.values.sentences import ends_of
from nctool.render.values.words import moment
from nctool.report import Report
from nctool.report.trajectory import NAMED, Trajectory

LONGEST = 24
"""Characters of a split's name."""


def sources(document: Report | Trajectory) -> str:
    """The folder of a run, or the files of a report."""
    if isinstance(document, Trajectory):
        paths = [source.path for point in document.points for source in point.report.inputs[:1]]
        if len(set(paths)) > 1:
            # Of the first and the last in order, what begins both begins all: as text, so that
            # addresses of the web keep their two slashes.
            first, last = min(paths), max(paths)
            pairs = zip(first, last, strict=False)
            same = len([*takewhile(lambda pair: pair[0] == pair[1], pairs)])
            folder = first[:same].rpartition("/")[0]
            return one_line(folder) or f"{len(set(paths))} files"
        document = document.last
    files = dict.fromkeys(source.path for source in document.inputs if source.path)
    return one_line(", ".join(files)) or "arrays in memory"


def moments(document: Report | Trajectory) -> str:
    """``8 checkpoints, epoch 0 to 1000``; of a report its epoch and step."""
    if isinstance(document, Report):
        return " · ".join(word for word in moment(document) if not word.endswith(" split"))
    noun = "layer" if document.axis == "layer" else "checkpoint"
    first, *last = ends_of(document)
    if document.axis not in NAMED:
        last = [label.removeprefix(f"{document.axis} ") for label in last]
    return f"{count(len(document.points), noun)}, {' to '.join((first, *last))}"


def convention(report: Report) -> str:
    """Whose formulas, where they are not nctool's own: other numbers under the same names."""
    profile = report.settings.get("profile")
    return f"profile {one_line(str(profile))}" if profile else ""


def size(report: Report) -> str:
    """``train: 1,437 × 64, 10 classes``."""
    data, split = report.data, report.run.get("split")
    dim = f" × {data['d']:,}" if data.get("d") else ""
    if not data.get("n") and not data.get("k"):
        arrays = (
            f"{each.role} {' × '.join(f'{n:,}' for n in each.shape)}" for each in report.inputs
        )
        return one_line(", ".join(arrays))
    if not data.get("n"):
        return f"{count(data['k'], 'classifier row')}{dim}; no features"
    text = f"{data['n']:,}{dim}, {count(data['k'], 'class', 'classes')}"
    return f"{shortened(one_line(str(split)), LONGEST)}: {text}" if split else text
