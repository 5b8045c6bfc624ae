"""The points of a collection that are done, in the file that its result is written to."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from nctool.core import files
from nctool.core.errors import NctoolError
from nctool.core.notice import Notice
from nctool.core.text import count
from nctool.core.version import __version__
from nctool.report import Report
from nctool.report.documents import is_document, named_reports, read
from nctool.report.trajectory import Trajectory

OURS = ("collection-unfinished", "points-kept")
"""Notices of a document about how it came about, which the next one has of its own."""


class Key(NamedTuple):
    """What two points have in common that are the same."""

    fingerprint: str | None
    epoch: object
    step: object


@dataclass(frozen=True, slots=True)
class Kept:
    """``request`` stands for everything that decides a point beside its checkpoint."""

    path: str | None
    request: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a report says of how it was collected."""
    writes: bool = True
    """Of several processes one writes; all read, so that they skip the same points."""

    @classmethod
    def of(
        cls, path: str | Path | None, facts: Mapping[str, Any] | None = None, **request: object
    ) -> Kept:
        text = json.dumps([__version__, facts, request], sort_keys=True, default=_plain)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(None if path is None else str(path), digest, facts or {})

    def about(self, samples: str | None) -> Kept:
        """The same request, of a model and samples that are known by this.

        Samples that cannot be looked at are known by the code that makes them, or not at all.
        """
        if samples is None and not self.facts.get("code"):
            samples = secrets.token_hex(8)
        digest = hashlib.sha256(f"{self.request} {samples}".encode()).hexdigest()
        return replace(self, request=digest)

    def points(self) -> dict[Key, Report]:
        """Those in the file that were measured as they would be now."""
        return {
            Key(source.fingerprint, report.run.get("epoch"), report.run.get("step")): _bare(report)
            for report in self._reports()
            if _collection(report).get("request") == self.request
            for source in report.inputs
            if source.role == "model"
        }

    def done(self) -> int:
        """How many points of this code are in the file."""
        known = map(_collection, self._reports())
        return sum({**facts, **self.facts} == facts for facts in known)

    def _reports(self) -> list[Report]:
        if self.path is None or not is_document(Path(self.path)):
            return []
        try:
            return [report for _, report in named_reports(read(self.path))]
        except NctoolError:
            return []  # it is about to be replaced, as any file of that name would be

    def marked(self, report: Report) -> Report:
        """The report of a point, by which it is known again."""
        collection = {**_collection(report), **self.facts, "request": self.request}
        return replace(report, settings={**report.settings, "collection": collection})

    def write(self, document: Report | Trajectory) -> None:
        """Whole or not at all: whatever happens next, its points are there."""
        if self.path is not None and self.writes:
            from nctool.render import rendered

            files.write(self.path, rendered(document, self.path))

    def write_part(self, trajectory: Trajectory, total: int) -> None:
        """The points so far, with a word that they are not all."""
        done = len(trajectory.points)
        message = f"{done} of {count(total, 'checkpoint')} are done: the collection was interrupted"
        notice = Notice(
            "collection-unfinished", message, "the same command goes on from here",
            {"done": done, "checkpoints": total},
        )  # fmt: skip
        self.write(trajectory.with_last(_noticed(trajectory.last, notice)))

    def said(self, trajectory: Trajectory, number: int) -> Trajectory:
        """The trajectory with a word on how many of its points were there already."""
        if not number:
            return trajectory
        message = f"{count(number, 'point')} in {self.path} were measured before, and not again"
        hint = "checkpoints, samples and settings are those of then; to measure anew, remove it"
        notice = Notice("points-kept", message, hint, {"points": number})
        return trajectory.with_last(_noticed(trajectory.last, notice))


def _plain(value: object) -> object:
    """A group of options by its fields; of a function or an object its name or its class's.

    Those are the same in the next process, and nothing large is copied.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _collection(report: Report) -> Mapping[str, Any]:
    known = report.settings.get("collection")
    return known if isinstance(known, dict) else {}


def _bare(report: Report) -> Report:
    return replace(
        report, warnings=tuple(each for each in report.warnings if each.slug not in OURS)
    )


def _noticed(report: Report, notice: Notice) -> Report:
    return replace(report, warnings=(*report.warnings, notice))
