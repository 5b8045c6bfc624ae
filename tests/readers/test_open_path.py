"""Finding the reader: by content, without heavy imports, with an answer for everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nctool.core.errors import InputError
from nctool.readers import LAST, open_path, readers
from nctool.readers.shared.edge import shown
from tests.readers.readers_help import FEATURES, WRITERS, features, plain


@pytest.fixture(params=sorted(WRITERS))
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A small file of each format, under a name that says nothing about it."""
    path = tmp_path / "sample"
    WRITERS[str(request.param)](path)
    return path


# Law: importing and discovering the readers imports none of the heavy libraries.
def test_readers_do_not_import_torch() -> None:
    code = (
        "import sys, nctool.readers as r; assert r.readers(); "
        "print([m for m in ('torch', 'numpy', 'safetensors') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


# Law: a format is told by content, so a name without suffix changes nothing.
def test_every_format_is_recognised_without_its_suffix(sample: Path) -> None:
    assert (plain(features(sample).whole()) == plain(FEATURES)).all()


# Law: any range of rows equals the same range of the original, ends clamped like a slice.
@pytest.mark.parametrize(("start", "stop"), [(0, 6), (2, 3), (1, 5), (4, 99), (3, 3), (6, 6)])
def test_rows_are_slices(sample: Path, start: int, stop: int) -> None:
    rows = plain(features(sample).rows(start, stop))
    assert rows.shape == FEATURES[start:stop].shape
    assert (rows == plain(FEATURES[start:stop])).all()


# Law: readers that take what no format claims, and those that only explain, come after all others.
def test_fallbacks_are_last() -> None:
    assert [reader.turn for reader in readers()] == sorted(reader.turn for reader in readers())
    assert [reader.name for reader in readers() if reader.turn == LAST] == [
        "numpy-folder",
        "unsupported",
    ]


# Law: a path that leads nowhere is an input error of that name.
@pytest.mark.parametrize("name", ["missing", "file/inside"])
def test_missing_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / name)
    assert caught.value.slug == "path-missing"


# Law: a path no system accepts is an input error too.
def test_impossible_path() -> None:
    with pytest.raises(InputError) as caught:
        open_path(Path("a\0b"))
    assert caught.value.slug == "file-unreadable"


# Law: a pipe is refused at once instead of waited for.
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "pipe")
    assert caught.value.slug == "not-a-file"


# Law: unknown content is refused with the list of what can be read.
def test_unknown_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError) as caught:
        open_path(path)
    assert caught.value.slug == "format-unknown"
    assert "safetensors" in caught.value.hint and "a,b" in caught.value.message


# Law: an unknown folder is refused with what was found in it.
def test_unknown_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError) as caught:
        open_path(tmp_path)
    assert caught.value.slug == "folder-unknown" and "notes.txt" in caught.value.message


# Law: no name, however crafted, reaches the terminal with control characters or without end.
def test_names_are_escaped(tmp_path: Path) -> None:
    assert shown("a\x1b[31mb\n\u202e\udc80") == "a\\x1b[31mb\\n\\u202e\\udc80"
    assert len(shown("x" * 10_000)) == 200
    path = tmp_path / "evil\x1b]0;title\x07.bin"
    path.write_bytes(b"nothing known")
    with pytest.raises(InputError) as caught:
        open_path(path)
    assert caught.value.message.isprintable()
