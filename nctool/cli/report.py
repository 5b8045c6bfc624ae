"""``nctool report``: a saved result in another form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nctool.choices import Ci
from nctool.cli import options
from nctool.cli.shell import guarded
from nctool.errors import UsageError

if TYPE_CHECKING:
    from nctool.documents import Document


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
    from nctool.documents import read

    wanted = Outputs(json, tuple(output or ()), ci, width, quiet, per_class, plot)
    wanted.check(sources=reports)
    found = [read(one) for one in reports]
    wanted.deliver(found[0] if len(found) == 1 else _joined(found, reports))


def _joined(found: Sequence[Document], names: Sequence[str]) -> Document:
    """Reports of several moments as one trajectory."""
    from nctool.report import Report
    from nctool.trajectory import joined

    reports = [one for one in found if isinstance(one, Report)]
    if len(reports) < len(found):
        raise UsageError(
            "not-single-reports",
            "several files make a trajectory only if each is the report of one checkpoint",
            "give one trajectory or comparison alone, or compare runs with: nctool compare",
        )
    return joined(reports, [Path(name).stem for name in names])
