"""``nctool report``: a saved result in another form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nctool.cli import options
from nctool.cli.shell import guarded
from nctool.core.choices import Ci
from nctool.core.errors import UsageError

if TYPE_CHECKING:
    from nctool.report.documents import Document


@guarded
def report(
    reports: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT...",
            help="Saved reports; several of one run make a trajectory.",
            show_default=False,
        ),
    ],
    output: options.Output = None,
    json: options.Json = None,
    per_class: options.PerClass = False,
    plot: options.Plot = False,
    ci: options.CiKind = Ci.none,
    width: options.Width = None,
    quiet: options.Quiet = False,
) -> None:
    """Render saved reports: by suffix to a file, otherwise to the screen."""
    from nctool.cli.outputs import Outputs
    from nctool.report.documents import read

    wanted = Outputs(json, tuple(output or ()), ci, width, quiet, per_class, plot)
    wanted.check(sources=reports)
    found = [read(one) for one in reports]
    whole = found[0] if len(found) == 1 else _joined(found, reports)
    wanted.deliver(whole, _arrays_beside(whole, Path(reports[-1])))


def _joined(found: Sequence[Document], names: Sequence[str]) -> Document:
    """Reports of several moments as one trajectory."""
    from nctool.report import Report
    from nctool.report.trajectory import joined

    reports = [one for one in found if isinstance(one, Report)]
    if len(reports) < len(found):
        raise UsageError(
            "not-single-reports",
            "several files make a trajectory only if each is the report of one checkpoint",
            "give one trajectory or comparison alone, or compare runs with: nctool compare",
        )
    return joined(reports, [Path(name).stem for name in names])


def _arrays_beside(document: Document, path: Path) -> Mapping[str, Any] | None:
    """What ``--arrays`` wrote, if it lies in the report's own folder; nothing else is followed."""
    from nctool.report import Report
    from nctool.report.trajectory import Trajectory

    report = document.last if isinstance(document, Trajectory) else document
    if not isinstance(report, Report) or not report.arrays:
        return None
    beside = path.parent / Path(str(report.arrays.get("file"))).name
    if not beside.is_file():
        return None
    from nctool.analysis.saved_arrays import Saved

    return Saved(beside)
