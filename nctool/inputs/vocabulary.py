"""Files that say what the classes are called: lines of text, tokenizers, configurations.

They are told apart by what is in them, never by their name, and read as data only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nctool.core.errors import InputError, UsageError
from nctool.core.text import one_line
from nctool.readers.shared.shards import VOCABULARIES

MOST_BYTES = 1 << 28
"""The largest tokenizer.json in wide use has 33 MB."""
MOST_VALUES = 1 << 23
"""Commas, brackets and lines, which are what a file costs in memory; and the largest row."""
LONGEST = 100
"""Characters of a name that are shown."""

FILES = (*VOCABULARIES, "config.json")
"""Where a model folder keeps names, the most complete first."""
SPECIAL = frozenset(
    "[UNK] [PAD] [CLS] [MASK] <unk> <pad> <s> </s> <mask> <eos> <|endoftext|>".split()
)
"""With one of these among its lines a text is a vocabulary: each line is a row of the head."""

WAYS = (
    "give a text file with one name per line, a JSON list of names, or a model's tokenizer.json, "
    "vocab.json, vocab.txt or config.json"
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names by row of the head, as a file gives them."""

    path: Path
    names: Mapping[int, str]
    numbered: bool
    """Whether it is certain which row a name belongs to, so that others may lack one."""
    added: frozenset[int] = frozenset()
    """Tokens that were added to a tokenizer later, often without a row of the head."""

    @property
    def size(self) -> int:
        """How many rows there must be."""
        return max((row for row in self.names if row not in self.added), default=-1) + 1


def read(path: Path) -> Vocabulary:
    """The names in a file, or in the best file of a model folder."""
    if path.is_dir():
        inside = [path / name for name in FILES if (path / name).is_file()]
        if not inside:
            holds = f"holds no {', '.join(FILES[:-1])} or {FILES[-1]}"
            raise _unknown(f"the folder {str(path)!r}", holds)
        path = inside[0]
    text = _text(path)
    if not _looks_like_json(text):
        return _of_lines(path, text)
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise _invalid(path, f"begins like JSON but is none: {problem}") from problem
    vocabulary = _of_json(path, plain)
    # Names may be few and their numbers large: a table by row would take the numbers' memory.
    highest = max(vocabulary.names)
    if highest >= MOST_VALUES:
        raise _too_large(path, f"names row {highest:,}; names are read up to {MOST_VALUES:,}")
    return vocabulary


def quoted(name: str) -> str:
    """In quotes, with everything that would not show spelled out; long ones cut."""
    escaped = name[:LONGEST].replace("\\", "\\\\").replace('"', '\\"')
    end = f"… {len(name):,} characters" if len(name) > LONGEST else ""
    return f'"{one_line(escaped)}{end}"'


def _text(path: Path) -> str:
    """The whole file as text, within the limits on bytes and values."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as problem:
        raise UsageError(
            "class-names-unreadable", f"--classes {str(path)!r} cannot be read: {problem}", WAYS
        ) from problem
    if len(content) > MOST_BYTES:
        raise _too_large(path, f"has more than {MOST_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as problem:
        raise _unknown(
            repr(str(path)),
            f"is not text: byte {content[problem.start]:#x} at {problem.start:,}",
            "; transformers writes a tokenizer.json with AutoTokenizer.from_pretrained("
            "FOLDER).save_pretrained(FOLDER)",
        ) from problem
    # Counted in the text, before a parser makes an object of each.
    values = sum(map(text.count, ",[{" if _looks_like_json(text) else "\n"))
    if values > MOST_VALUES:
        holds = f"holds about {values:,} values; names are read up to {MOST_VALUES:,}"
        raise _too_large(path, holds)
    return text


def _looks_like_json(text: str) -> bool:
    """A bracket and what may follow it in JSON; a vocabulary may begin with [PAD], too."""
    return re.match(r'\s*(\{\s*["}]|\[\s*["\[\]{])', text) is not None


def _of_lines(path: Path, text: str) -> Vocabulary:
    """Only a line feed ends a line: tokens may hold every other separator."""
    lines = text.split("\n")
    while lines and not lines[-1]:
        lines.pop()
    if not SPECIAL.isdisjoint(lines):
        return Vocabulary(path, dict(enumerate(lines)), True)
    return Vocabulary(path, dict(enumerate(line.strip() or line for line in lines)), False)


def _of_json(path: Path, plain: object) -> Vocabulary:
    """Whichever of the known layouts it is."""
    if isinstance(plain, list) and plain and all(isinstance(name, str) for name in plain):
        return Vocabulary(path, dict(enumerate(plain)), not SPECIAL.isdisjoint(plain))
    if isinstance(plain, dict):
        model = plain.get("model")
        if isinstance(model, dict) and "vocab" in model:
            return _of_tokenizer(path, model["vocab"], plain.get("added_tokens"))
        labels = plain.get("id2label", plain)
        names = by_row(labels) if isinstance(labels, dict) else None
        if names or (names := _by_name(path, plain)):
            return Vocabulary(path, names, True)
    raise _unknown(repr(str(path)), f"is JSON without names: {_outline(plain)}")


def _of_tokenizer(path: Path, vocab: object, added: object) -> Vocabulary:
    """The model's own tokens, and those added later under numbers of their own."""
    names: dict[int, str] | None = None
    if isinstance(vocab, dict):
        names = _by_name(path, vocab)
    elif isinstance(vocab, list):
        # Unigram models list pairs of a token and its score.
        tokens = [pair[0] if isinstance(pair, list) and pair else None for pair in vocab]
        names = {row: token for row, token in enumerate(tokens) if isinstance(token, str)}
    if not names or len(names) < len(vocab):  # type: ignore[arg-type]
        what = f"is a tokenizer without a readable vocabulary: {_outline(vocab)}"
        raise _unknown(repr(str(path)), what)
    extra: dict[int, str] = {}
    for entry in added if isinstance(added, list) else ():
        known = entry if isinstance(entry, dict) else {}
        row, token = known.get("id"), known.get("content")
        if type(row) is int and row >= 0 and isinstance(token, str):
            extra[row] = token
    return Vocabulary(path, names | extra, True, frozenset(extra.keys() - names.keys()))


def _by_name(path: Path, plain: Mapping[str, object]) -> dict[int, str] | None:
    """From name to number; None where it is something else."""
    names: dict[int, str] = {}
    for name, row in plain.items():
        if type(row) is not int or row < 0:
            return None
        if row in names:
            both = f"{quoted(names[row])} and {quoted(name)}"
            raise _invalid(path, f"gives the number {row} to {both}")
        names[row] = name
    return names


def by_row(plain: Mapping[object, object]) -> dict[int, str] | None:
    """From number to name; None where it is something else."""
    names: dict[int, str] = {}
    for row, name in plain.items():
        if not re.fullmatch(r"\d{1,9}", str(row), re.ASCII) or not isinstance(name, str):
            return None
        names[int(str(row))] = name
    return names


def _unknown(where: str, what: str, more: str = "") -> InputError:
    return InputError("class-names-unknown", f"{where} {what}", WAYS + more)


def _invalid(path: Path, what: str) -> InputError:
    hint = "download or save the file again"
    return InputError("class-names-invalid", f"{str(path)!r} {what}", hint)


def _too_large(path: Path, what: str) -> InputError:
    return InputError("class-names-too-large", f"{str(path)!r} {what}", WAYS)


def _outline(plain: object) -> str:
    """What a JSON document holds, in a few words for a message."""
    if isinstance(plain, Mapping):
        keys = ", ".join(quoted(str(key)) for key in [*plain][:4])
        return f"an object with {keys or 'nothing'}" + (" …" if len(plain) > 4 else "")
    return f"a list of {len(plain):,} items" if isinstance(plain, list) else type(plain).__name__
