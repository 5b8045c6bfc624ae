"""What nctool knows by name but does not read: each with the lines that convert it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.readers import LAST, Reader
from nctool.readers.shared.archive import is_zip, names
from nctool.readers.shared.edge import shown
from nctool.readers.shared.section import beginning

Looks: TypeAlias = Callable[[Path, bytes], bool]
SAVE = "numpy.savez('features.npz', features=x, labels=y)"


@dataclass(frozen=True, slots=True)
class Known:
    """A format by its marks, what to call it, and what to type instead."""

    slug: str
    title: str
    looks: Looks
    hint: str


def starts(*marks: bytes) -> Looks:
    return lambda path, head: head.startswith(marks)


def holds(*marks: str) -> Looks:
    """A zip with a member that ends in one of these, or lies in such a folder."""

    def looks(path: Path, head: bytes) -> bool:
        members = names(path) if is_zip(head) else frozenset()
        return any(f"/{name}".endswith(mark) or mark in name for name in members for mark in marks)

    return looks


def folder(*patterns: str) -> Looks:
    return lambda path, head: path.is_dir() and all(any(path.glob(p)) for p in patterns)


def matches(pattern: bytes) -> Looks:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda path, head: compiled.match(head) is not None


# gzip, xz, zstd, bzip2 and zlib at its three usual levels.
COMPRESSED = (b"\x1f\x8b", b"\xfd7zXZ\0", b"(\xb5/\xfd", b"BZh", b"x\x9c", b"x\x01", b"x\xda")
PLAIN = "format-unsupported"
AGAIN = "download or copy the file again and compare its size with the original"
KNOWN = (
    Known("file-empty", "an empty file", lambda path, head: not head and path.is_file(), AGAIN),
    Known(
        "git-lfs-pointer", "a Git LFS pointer, not the file itself",
        starts(b"version https://git-lfs"), "git lfs install\ngit lfs pull",
    ),
    Known(
        "html-page", "an HTML page, probably an error message in place of a download",
        matches(rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)"),
        "log in or correct the address, then download the file again",
    ),
    Known(
        "file-truncated", "a zip file that was cut off",
        lambda path, head: is_zip(head) and not names(path), AGAIN,
    ),
    Known(
        PLAIN, "a TorchScript program", holds("/constants.pkl"),
        "m = torch.jit.load(path)\ntorch.save(m.state_dict(), 'model.pt')",
    ),
    Known(
        PLAIN, "a torch.export program (.pt2)",
        holds("/serialized_exported_program.json", "/archive_format", "/models/model.json"),
        "p = torch.export.load(path)\ntorch.save(p.state_dict, 'model.pt')",
    ),
    Known(
        PLAIN, "a Keras archive whose weights are in several files", holds("/model.weights.json"),
        "m = keras.models.load_model(path)\nm.save_weights('model.weights.h5')",
    ),
    Known(
        PLAIN, "a GGUF model", starts(b"GGUF"),
        "its weights are quantized; use the safetensors files it was converted from",
    ),
    Known(
        PLAIN, "a Feather file of version 1", starts(b"FEA1"),
        "t = pyarrow.feather.read_table(path)\npyarrow.feather.write_feather(t, 'new.feather')",
    ),
    Known(
        PLAIN, "a joblib file", lambda path, head: b"joblib.numpy_pickle" in head,
        f"x, y = joblib.load(path)  # only a file you trust: this runs what is in it\n{SAVE}",
    ),
    Known(
        PLAIN, "a compressed file (gzip, xz, zstd, bzip2 or zlib)",
        starts(*COMPRESSED),
        "unpack it first; a compressed joblib file: joblib.load, then\n" + SAVE,
    ),
    Known(
        PLAIN, "a tar archive", lambda path, head: head[257:262] == b"ustar",
        "tar -xf FILE, then name the folder or a file of it",
    ),
    Known(
        PLAIN, "a TensorFlow SavedModel", folder("saved_model.pb"),
        "m = tf.saved_model.load(path)\n"
        "numpy.savez('model.npz', **{v.name: v.numpy() for v in m.variables})",
    ),
    Known(
        PLAIN, "a saved Hugging Face dataset without its data", folder("dataset_info.json"),
        "download its .arrow or .parquet files too, or save it again: dataset.save_to_disk(path)",
    ),
)  # fmt: skip


def _which(path: Path, head: bytes) -> Known | None:
    return next((known for known in KNOWN if known.looks(path, head)), None)


def recognises(path: Path, head: bytes) -> bool:
    return _which(path, head) is not None


def refuse(path: Path) -> Opened:
    known = _which(path, beginning(path, 4096) if path.is_file() else b"")
    if known is None:
        raise InputError("format-unknown", f"'{shown(path)}' is in no format nctool knows")
    message = f"'{shown(path)}' is {known.title}; expected safetensors, a torch checkpoint or numpy"
    raise InputError(known.slug, message, known.hint)


READER = Reader("unsupported", recognises, refuse, covers="", turn=LAST)
