"""Lines onto a terminal: colours where they are wanted, and the progress bar."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from nctool.core.progress import Advance, Progress, Silent
from nctool.render.lines import Line, Style

PLAIN_WIDTH = 80
STYLES: dict[Style, str] = {
    "": "", "title": "bold", "faint": "dim", "warning": "yellow", "good": "cyan",
}  # fmt: skip


def terminal_width() -> int:
    """The terminal's own width, or 80 where there is none."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return max(shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns, 40)
    return PLAIN_WIDTH


def paint(lines: Sequence[Line], *, width: int, color: bool) -> str:
    """The lines as text. Nothing is ever cut off; without colour nothing but text is left."""
    lines = [_no_command(line) for line in lines]
    if not color:
        return "\n".join("".join(part for part, _ in line).rstrip() for line in lines) + "\n"
    # Imported late: without colours a report is on the screen before rich is loaded.
    from rich.console import Console
    from rich.text import Text

    sheet = io.StringIO()
    console = Console(
        file=sheet, force_terminal=True, color_system="standard", width=width, highlight=False
    )
    for line in lines:
        text = Text.assemble(*((part, STYLES[style]) for part, style in line))
        console.print(text, soft_wrap=True)  # the lines are folded already
    return sheet.getvalue()


def _no_command(line: Line) -> Line:
    """A line that no CI server obeys: what begins with two colons is a command to GitHub."""
    if not "".join(part for part, _ in line).lstrip().startswith("::"):
        return line
    at = next(index for index, (part, _) in enumerate(line) if part.strip())
    text, style = line[at]
    return (*line[:at], (text.replace(":", "\\x3a", 1), style), *line[at + 1 :])


def bar(*, enabled: bool) -> Progress:
    """A progress bar on stderr, if that is a terminal."""
    return _Bar() if enabled and sys.stderr.isatty() else Silent()


class _Bar:
    """Appears after half a second, so that short runs stay quiet."""

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        from rich import progress
        from rich.console import Console

        # Of one thing people want to know how much is done, of several how many.
        done = progress.TaskProgressColumn() if total == 1 else progress.MofNCompleteColumn()
        shown = progress.Progress(
            progress.TextColumn("  {task.description:<14}"), progress.BarColumn(),
            done, progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[note]}"),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        # Of 0 steps nobody knows how many there are: the bar moves without an end.
        task = shown.add_task(title, total=total or None, note="")
        start = perf_counter()
        running = False

        def advance(amount: float, note: str = "") -> None:
            nonlocal running
            if not running and perf_counter() - start > 0.5:
                shown.start()
                running = True
            shown.advance(task, amount)
            if note:
                shown.update(task, note=note)

        try:
            yield advance
        finally:
            if running:
                shown.stop()
