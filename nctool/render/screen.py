"""The answer on one screen: the sentence, the dials, what stands out, and what to type next."""

from __future__ import annotations

from dataclasses import replace

from nctool.core.notice import Notice
from nctool.core.text import count, shortened
from nctool.render import answer, bars, gates, plots, summary
from nctool.render.lines import BLANK, Line, line
from nctool.render.parts import (
    ASIDE,
    Part,
    all_folded,
    counted,
    cut,
    drawn,
    fitting,
    folded,
    most_lines,
)
from nctool.render.values import subject
from nctool.render.values.highlights import highlights
from nctool.report import Report
from nctool.report.documents import report_of
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import Verdict

NEXT = ("All {}: --all", "a page: -o report.html", "which arrays: nctool inspect")
NOTES = 5
"""Lines of notices that leave room for the arrays they cast doubt on."""
DOUBTFUL = frozenset(
    {
        "ema-twin", "side-head", "tied-head", "reparametrized-head", "quantised-head",
        "no-head-but-embedding", "head-near-chance", "labels-by-order", "labels-start-at-one",
        "rows-misaligned", "labels-shifted", "head-rows-permuted", "unlabelled-features",
        "features-without-labels", "source-unused", "columns-gathered", "several-outputs",
    }
)  # fmt: skip
"""Notices of a role that could be another array, or that another array would explain."""


def lines(
    document: Report | Trajectory,
    verdict: Verdict,
    width: int,
    *,
    gated: bool = True,
    per_class: bool = False,
    plot: bool = False,
    verbose: bool = False,
) -> list[Line]:
    """At most 24 lines from 80 columns on; more only where more was asked for.

    Gates are left out unless ``gated``: where all of them stand in a table below.
    """
    report = report_of(document)
    assert report is not None
    trajectory = document if isinstance(document, Trajectory) else None
    out = [*_heading(document, report, width), BLANK, *answer.lines(document, width)]
    dials = bars.lines(verdict, width, trajectory)
    out += [BLANK, *dials] if dials else []
    notices = sorted(report.warnings, key=lambda notice: notice.slug not in DOUBTFUL)
    doubtful = sum(notice.slug in DOUBTFUL for notice in notices)
    room = width - ASIDE
    lines_left = most_lines(width) - len(out) - 3
    # What has to go goes from the top: what a notice says of the numbers outweighs what they are.
    # The reason of a gate without a number is mostly that of the verdict, which stands above.
    asked = gates.summary(document, reasons=not verdict.withheld) if gated else []
    parts = [
        Part("Stands out", all_folded(highlights(report, verdict), room)),
        Part("Arrays", [cut(text, room) for text in _arrays(report)] if doubtful else []),
        Part("Note", counted([cut(_note(each, verdict), room) for each in notices], NOTES)),
        Part("Gates", all_folded(asked, room), "warning"),
    ]
    notes = [folded(_note(each, verdict, whole=True), room) for each in notices]
    whole = replace(parts[2], texts=[text for note in notes for text in note])
    doubts = [text for note in notes[:doubtful] for text in note]
    first = replace(parts[2], texts=[*doubts, *parts[2].texts[doubtful:]])
    if verbose or sum(len(part.texts) for part in (*parts[:2], whole, parts[3])) <= lines_left:
        parts[2] = whole
    # A doubt is told with what mends it as long as the parts above keep a line each.
    elif doubtful < NOTES and sum(map(len, (parts[3].texts, first.texts))) + 2 <= lines_left:
        parts[2] = first
    if not verbose:
        parts = fitting(parts, lines_left)
    if any(part.texts for part in parts):
        out += [BLANK, *drawn(parts)]
    if plot and trajectory is not None:
        out += [BLANK, *plots.lines(trajectory, width)]
    if per_class:
        out += [*summary.of_classes(report)][:-1]
    if verbose:
        out += [BLANK, *summary.provenance(report, width)]
    return [*out, BLANK, _next(report, width)]


def _heading(document: Report | Trajectory, report: Report, width: int) -> list[Line]:
    """What was measured: on one line where it has room, else the source on its own."""
    about = subject.moments(document), subject.size(report), subject.convention(report)
    rest = [part for part in about if part]
    name, aside = subject.sources(document), "   ".join(["", *rest])
    if len(name) + len(aside) <= width:
        return [line((name, "title"), (aside, "faint"))]
    below = folded("   ".join(rest), width - 2, 2)
    above = folded(shortened(name, width), width, 1)
    return [line((part, "title")) for part in above] + [line("  " + part) for part in below]


def _note(notice: Notice, verdict: Verdict, *, whole: bool = False) -> str:
    """What it says, and the hint too if ``whole``; where the verdict said it, the hint alone."""
    said = [] if notice.slug == verdict.withheld and notice.hint else [notice.message]
    hint = [notice.hint] if notice.hint and (whole or not said) else []
    return f"{notice.slug}: {'; '.join([*said, *hint])}"


def _arrays(report: Report) -> list[str]:
    """One array to a line, why it was chosen, and its file where there are several."""
    several = len({source.path for source in report.inputs}) > 1
    out = []
    for source in report.inputs:
        shape = " × ".join(f"{length:,}" for length in source.shape)
        place = f", {source.path}" if several and source.path else ""
        out.append(f"{source.role}: {source.key} ({shape}): {source.reason}{place}")
    return out


def _next(report: Report, width: int) -> Line:
    """What to type next, as many hints as fit; of a model that was run, which head was taken."""
    known = sum(result.status == "ok" for result in report)
    hints = [hint.format(count(known, "number")) for hint in (NEXT if known else NEXT[2:])]
    collected = {each.role: each.key for each in report.inputs if each.format == "collected"}
    if "features" in collected:
        head = collected.get("head") or collected["features"]
        hints[-1] = f"head: {head.removesuffix('.weight')}"
    while len(hints) > 1 and len("    ".join(hints)) > width:
        hints.pop()
    return line(("    ".join(hints), "faint"))
