"""``nctool report``: a saved result in another form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from nctool.cli.command import argument, only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import with_exit_codes
from nctool.core.errors import UsageError
from nctool.settings.compute_options import ComputeOptions

if TYPE_CHECKING:
    from nctool.report.documents import Document


@with_exit_codes
@with_options
def report(
    reports: Annotated[
        list[str],
        argument("Saved reports; several of one run make a trajectory.", "REPORT..."),
    ],
    outputs: Annotated[
        Outputs, only("output", "json", "all", "plot", "width", "quiet", "verbose", ci="none")
    ],
    compute: Annotated[ComputeOptions, only("per_class")],
) -> None:
    """Write saved reports in another form, by suffix.

    Examples:
      nctool report run.json                  on the screen
      nctool report run.json -o run.html -o figure.pdf
      nctool report epoch1.json epoch2.json -o run.html
    """
    from nctool.report.documents import read

    outputs.check(sources=reports)
    documents = [read(name) for name in reports]
    document = documents[0] if len(documents) == 1 else joined_reports(documents, reports)
    arrays = _arrays_beside(document, Path(reports[-1]))
    outputs.deliver(document, arrays, per_class=compute.per_class)


def joined_reports(documents: Sequence[Document], names: Sequence[str]) -> Document:
    """Reports of several moments as one trajectory."""
    from nctool.report import Report
    from nctool.report.trends import followed

    reports = [document for document in documents if isinstance(document, Report)]
    if len(reports) < len(documents):
        message = "several files make a trajectory only if each is the report of one checkpoint"
        hint = "give one trajectory or comparison alone, or compare runs with: nctool compare"
        raise UsageError("not-single-reports", message, hint)
    return followed(reports, [Path(name).stem for name in names])


def _arrays_beside(document: Document, path: Path) -> Mapping[str, Any] | None:
    """What ``--arrays`` wrote, if it lies in the report's own folder; nothing else is followed."""
    from nctool.report.documents import report_of

    report = report_of(document)
    if report is None or not report.arrays:
        return None
    beside = path.parent / Path(str(report.arrays.get("file"))).name
    if not beside.is_file():
        return None
    from nctool.analysis.saved_arrays import Saved

    return Saved(beside)
