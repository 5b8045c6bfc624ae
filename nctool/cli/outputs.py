"""Where a result goes: the screen, JSON, files by suffix, and what a CI job reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nctool.cli.shell import check_outputs, color_wanted, warn, write_out
from nctool.core import files
from nctool.core.choices import Ci
from nctool.report import documents

if TYPE_CHECKING:
    from nctool.report.documents import Document


@dataclass(frozen=True, slots=True)
class Outputs:
    """Everything a command was asked to write."""

    json: str | None = None
    files: tuple[str, ...] = ()
    ci: Ci = Ci.auto
    width: int | None = None
    quiet: bool = False
    per_class: bool = False
    plot: bool = False
    verbose: bool = False
    only_gates: bool = False

    @property
    def machine(self) -> bool:
        """Is stdout for a program?"""
        return self.json == "-" or "-" in self.files

    def check(self, sources: Sequence[str] = ()) -> None:
        """Before the work: every file can be written, and its kind is known."""
        from nctool.render import renderer_for

        check_outputs(self.json, *self.files, sources=sources)
        for target in self.files:
            if target != "-":
                renderer_for(target)

    def deliver(self, document: Document, arrays: Any = None) -> None:
        """Write all of it; the screen comes last."""
        from nctool.render import ci, rendered

        for target in self.files:
            content = rendered(document, "x.json" if target == "-" else target, arrays)
            if target == "-":
                write_out("-", str(content))
            elif isinstance(content, bytes):
                files.write_bytes(target, content)
            else:
                files.write_text(target, content)
        if self.json is not None:
            write_out(self.json, documents.to_json(document))
        self._tell_ci(document)
        if self.quiet and not self.machine:
            for notice in ci.warnings_of(document):
                warn(notice)
        if not self.machine and not self.quiet:
            self._show(document)

    def _show(self, document: Document) -> None:
        from nctool.render import console, screen, verdict

        columns = self.width or console.terminal_width()
        text = (
            verdict.lines(document, columns)
            if self.only_gates
            else screen.lines(
                document, columns, per_class=self.per_class, plot=self.plot, verbose=self.verbose
            )
        )
        write_out("-", console.paint(text, width=columns, color=color_wanted()))

    def _tell_ci(self, document: Document) -> None:
        """Annotations where the job's log is read by a machine; a summary where there is one."""
        from nctool.render import ci

        kind = ci_kind(self.ci)
        if kind is Ci.none:
            return
        for line in ci.told(document, kind.value):
            print(line, file=sys.stderr)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if kind is Ci.github and summary:
            from nctool.render import markdown

            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(markdown.render(document, None, ".md") + "\n")


def ci_kind(asked: Ci) -> Ci:
    """Which CI this is, if it is one."""
    if asked is not Ci.auto:
        return asked
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return Ci.github
    return Ci.gitlab if os.environ.get("GITLAB_CI") == "true" else Ci.none
