"""A name for every class, and no two alike.

Names are somebody else's text: what would not show, or could be taken for the number of a row, is
put in quotes, and names that occur twice carry their row.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nctool.core.errors import InputError, NctoolError
from nctool.core.notice import Notice
from nctool.core.text import count
from nctool.inputs.vocabulary import FILES, LONGEST, Vocabulary, by_row, quoted, read
from nctool.readers.shared.shards import inside

LARGE, PADDING = 1000, 0.1
"""A head of at least so many rows is taken for a vocabulary padded by at most that share."""

OURS = re.compile(r'$|"|.* \(\d+\)$', re.DOTALL)
"""Names that look like one that was quoted or numbered here, and empty ones: they are quoted."""

Named = tuple[tuple[str, ...] | None, tuple[Notice, ...]]


def names(
    given: Vocabulary | None, config: Mapping[str, object], opened: Sequence[Path], rows: int | None
) -> Named:
    """The names of the classes, or None where nothing says them, and notices about them.

    First the file that the user gave, then the model's own id2label, then the vocabulary in its
    folder if it is as large as the head.
    """
    if given is not None:
        return named(given, rows)
    stored = of_config(config, rows)
    if stored is not None or rows is None:
        return stored, ()
    return _of_folders(opened, rows)


def named(vocabulary: Vocabulary, rows: int | None) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """A name for each row of the head; without a head, for as many classes as the file names.

    A vocabulary may be smaller than the head, which is padded then: such rows keep their number.
    It may be larger by added tokens only. Plain names have to be as many as there are rows.
    """
    rows = max(vocabulary.names, default=-1) + 1 if rows is None else rows
    path = vocabulary.path
    if vocabulary.numbered and vocabulary.size > rows:
        raise InputError(
            "class-names",
            f"{str(path)!r} has a name for row {vocabulary.size - 1:,}, but there are {rows:,} "
            "classes",
            "give the vocabulary of this very model, or name its head with --head 'KEY'",
        )
    if not vocabulary.numbered and vocabulary.size != rows:
        raise InputError(
            "class-names",
            f"{count(vocabulary.size, 'class name')} for {count(rows, 'class', 'classes')} in "
            f"{str(path)!r}",
            "give one name per class with --classes FILE",
        )
    kept = {row: name for row, name in vocabulary.names.items() if row < rows}
    notices = []
    if over := [vocabulary.names[row] for row in sorted(vocabulary.names) if row >= rows]:
        some = ", ".join(map(quoted, over[:3])) + (" …" if len(over) > 3 else "")
        words = (
            f"{path.name} names {len(over):,} added tokens beyond the {rows:,} rows of "
            f"the head: {some}"
        )
        data = {"names": len(over), "rows": rows}
        notices.append(Notice("class-names-left-out", words, data=data))
    if len(kept) < rows:
        first = next(row for row in range(rows) if row not in kept)
        words = (
            f"{path.name} names {len(kept):,} of {rows:,} classes: the others, from "
            f"{first} on, keep their number"
        )
        hint = "heads are often padded; if this one is not, give its own vocabulary to --classes"
        data = {"names": len(kept), "rows": rows, "first": first}
        notices.append(Notice("class-names-missing", words, hint, data))
    return distinct(kept, rows), tuple(notices)


def of_config(config: Mapping[str, object], rows: int | None) -> tuple[str, ...] | None:
    """The id2label of a model's configuration, if it has a name for each row."""
    stored = config.get("id2label")
    if not isinstance(stored, Mapping) or not stored or len(stored) != rows:
        return None
    names = by_row(stored)
    return None if names is None or max(names) >= rows else distinct(names, rows)


def distinct(names: Mapping[int, str], rows: int) -> tuple[str, ...]:
    """One name per row, no two alike."""
    shown = [_shown(names[row], row) if row in names else str(row) for row in range(rows)]
    twice = {name for name, times in Counter(shown).items() if times > 1}
    return tuple(f"{name} ({row})" if name in twice else name for row, name in enumerate(shown))


def likely(vocabulary: Vocabulary, rows: int) -> bool:
    """Whether this may be the vocabulary of a head with so many rows, going by sizes alone."""
    if vocabulary.size == rows:
        return True
    return rows >= LARGE and 0 <= rows - vocabulary.size <= PADDING * rows


def _of_folders(opened: Sequence[Path], rows: int) -> Named:
    """The vocabulary in a model's folder; beside a single file, a notice that it is there."""
    for path in opened:
        folder = path if path.is_dir() else path.parent
        # Not config.json, the last: its id2label comes with the model and was asked before.
        file = next((name for name in FILES[:-1] if (folder / name).is_file()), None)
        if file is None:
            continue
        if folder == path:
            return _of_folder(folder, file, rows)
        if rows >= LARGE:
            words = f"{rows:,} classes have numbers for names; {file} lies beside {path.name}"
            hint = f"--classes {shlex.quote(str(folder / file))} takes its names"
            return None, (Notice("class-names-beside", words, hint),)
    return None, ()


def _of_folder(folder: Path, file: str, rows: int) -> Named:
    try:
        vocabulary = read(inside(folder, file))
    except NctoolError as problem:
        # Nobody asked for this file: a damaged tokenizer must not stop the measurement.
        return None, (Notice("class-names-unread", f"{file} was not used: {problem.message}"),)
    if not likely(vocabulary, rows):
        return None, ()
    chosen, notices = named(vocabulary, rows)
    first = Notice(
        "class-names-found", f"class names are the tokens of {file}", "--classes FILE for others"
    )
    return chosen, (first, *notices)


def _shown(name: str, row: int) -> str:
    """A name as it is printed: quoted where it would not show, or would pass for a row number."""
    if len(name) > LONGEST:
        return f"{quoted(name)} ({row})"
    plain = name.isprintable() and name == name.strip() and not OURS.match(name)
    return name if plain and (not name.isdigit() or name == str(row)) else quoted(name)
