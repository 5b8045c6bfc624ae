"""Where a result goes: the screen, JSON, files by suffix, and what a CI job reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nctool.cli.shell import show, warn, write_out
from nctool.core import files
from nctool.core.errors import UsageError
from nctool.report import documents
from nctool.settings.option import OUTPUT, check_values

if TYPE_CHECKING:
    from nctool.report.documents import Document

Ci = Literal["auto", "github", "gitlab", "none"]


def check_arrays(target: str) -> None:
    if target == "-":
        raise UsageError("arrays-to-stdout", "arrays need a file", "--arrays FILE.safetensors")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Everything a command was asked to write."""

    json: str | None = OUTPUT.option(
        None, "Write the report as JSON; - for stdout.", metavar="FILE|-", usual=True
    )
    output: tuple[str, ...] = OUTPUT.option(
        (),
        "Write a file, its kind by suffix: .html .md .json .csv .xml .prom .svg .pdf .png; "
        ".wide.csv (a row per point), .flat.json (numbers by id, for dvc and trackers).",
        metavar="FILE",
        short="-o",
        usual=True,
    )
    all: bool = OUTPUT.option(False, "Every number, not the answer alone.", usual=True)
    plot: bool = OUTPUT.option(False, "Draw the main curves.")
    ci: Ci = OUTPUT.option("auto", "Annotations for the log of a CI job.")
    arrays: str | None = OUTPUT.option(
        None,
        "Write Gram matrices, spectra and per-class values.",
        metavar="FILE.safetensors",
        check=check_arrays,
    )
    width: int | None = OUTPUT.option(
        None, "Columns of the text report.", metavar="N", between=(40, None)
    )
    quiet: bool = OUTPUT.option(False, "No report, warnings only.", short="-q")
    verbose: bool = OUTPUT.option(False, "Which arrays, and what took how long, too.", short="-v")
    no_progress: bool = OUTPUT.option(False, "No progress bar.")

    def __post_init__(self) -> None:
        check_values(self)

    @property
    def bar(self) -> bool:
        """Whether a progress bar may be drawn."""
        return not (self.no_progress or self.quiet or self.machine)

    @property
    def machine(self) -> bool:
        """Whether stdout carries a document for a program."""
        return self.json == "-" or "-" in self.output

    @property
    def loadable(self) -> str | None:
        """The first file that the document can be read back from."""
        from nctool.render import suffix_of

        if self.json not in (None, "-"):
            return self.json
        kinds = (".json", ".html", ".htm")
        return next((each for each in self.output if suffix_of(each) in kinds), None)

    def check(self, sources: Sequence[str] = ()) -> None:
        """Raise before the work unless every file can be written, as a kind that is known."""
        from nctool.render import renderer_for

        for target in (self.json, *self.output, self.arrays):
            if target not in (None, "-"):
                files.check_writable(target, sources)
        for target in self.output:
            if target != "-":
                renderer_for(target)

    def deliver(
        self,
        document: Document,
        arrays: Any = None,
        *,
        per_class: bool = False,
        table: bool = False,
        every_gate: bool = False,
    ) -> None:
        """Write all of it; the screen comes last.

        It shows every number with ``table``, every class with ``per_class``, and with
        ``every_gate`` those that passed too.
        """
        from nctool.render import ci, rendered

        for target in self.output:
            content = rendered(document, "x.json" if target == "-" else target, arrays)
            if target == "-":
                write_out("-", str(content))
            else:
                files.write(target, content)
        if self.json is not None:
            write_out(self.json, documents.to_json(document))
        self._annotate(document)
        if self.quiet and not self.machine:
            for notice in ci.warnings_of(document):
                warn(notice)
        if not self.machine and not self.quiet:
            from nctool.render import terminal

            whole = partial(
                terminal.lines, everything=self.all or table, every_gate=every_gate,
                per_class=per_class, plot=self.plot, verbose=self.verbose,
            )  # fmt: skip
            show(partial(whole, document), self.width)

    def _annotate(self, document: Document) -> None:
        """Annotations in the log of a CI job, and the summary that GitHub shows."""
        from nctool.render import ci

        kind = ci_kind(self.ci)
        if kind == "none":
            return
        for line in ci.log_lines(document, kind):
            print(line, file=sys.stderr)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        # GitHub joins the summaries of all steps: ours is added to what is there.
        if kind == "github" and summary:
            from nctool.render import markdown

            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(markdown.render(document, None, ".md") + "\n")


def ci_kind(option: Ci) -> Ci:
    """The CI whose annotations are written; ``auto`` goes by the variables that each one sets."""
    if option != "auto":
        return option
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "gitlab" if os.environ.get("GITLAB_CI") == "true" else "none"
