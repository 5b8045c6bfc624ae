"""DeepSpeed checkpoints with whole weights (ZeRO off, 1 or 2): one torch file under ``module``.

The folder holds ``mp_rank_00_model_states.pt``, or ``latest`` with the name of the folder below
that does. Optimizer shards are left alone. ZeRO-3 cuts every weight over the ranks, and tensor or
pipeline parallelism over several files: these are refused with what puts them together.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers import FIRST, Reader
from nctool.readers.shared.edge import shown
from nctool.readers.shared.section import beginning
from nctool.readers.shared.shards import holds_arrays, inside, with_config
from nctool.readers.shared.wording import ambiguous
from nctool.readers.torch_legacy import open_pickle
from nctool.readers.torch_zip import open_zip

NAME = "deepspeed"
LATEST = "latest"
LONGEST_TAG = 255
WHOLE = re.compile(r"mp_rank_\d+_model_states\.pt")
CUT = re.compile(r"(bf16_)?zero_pp_rank_\d+_mp_rank_\d+_model_states\.pt")
LAYER = re.compile(r"layer_\d+-model(_\d+-model)?_states\.pt")
OPTIMIZER = re.compile(r"(bf16_)?zero_pp_rank_\d+_mp_rank_\d+_?optim_states\.pt")
GATHER = "python zero_to_fp32.py . out\nnctool analyze out"


def recognises(path: Path, head: bytes) -> bool:
    if not path.is_dir() or holds_arrays(path):
        return False
    return _has_states(path) or any(path.glob("*/*mp_rank_*_model_states.pt"))


def _has_states(folder: Path) -> bool:
    return any(folder.glob("*mp_rank_*_model_states.pt"))


def _named(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if pattern.fullmatch(entry.name))


def open_folder(path: Path) -> Opened:
    folder = path if _has_states(path) else _latest(path)
    whole = _named(folder, WHOLE)
    layers = _named(folder, LAYER)
    if _named(folder, CUT):
        raise _cut(folder)
    if layers or len(whole) != 1:
        pieces = layers or whole
        ends = f"{shown(pieces[0], 60)} to {shown(pieces[-1], 60)}"
        model = f"a model cut into {len(pieces)} files, {ends}, by tensor or pipeline parallelism"
        look = f"nctool inspect '{shown(folder / pieces[-1])}'"
        hint = f"save the model in one piece; or look at one part:\n{look}"
        raise InputError("deepspeed-parallel", f"'{shown(folder)}' holds {model}", hint)
    # From the path that was named, so that a link cannot lead out of it.
    opened = _weights(folder, inside(path, str((folder / whole[0]).relative_to(path))))
    skipped = _named(folder, OPTIMIZER)
    opened = with_config(opened, folder, [folder / name for name in skipped])
    opened = opened if folder == path else with_config(opened, path)
    return replace(opened, notices=(*opened.notices, *_optimizer(skipped)))


def _latest(path: Path) -> Path:
    """The folder below that ``latest`` names, or the only one there is."""
    tags = sorted({states.parent.name for states in path.glob("*/*mp_rank_*_model_states.pt")})
    tag = tags[0]
    if (path / LATEST).is_file():
        content = beginning(inside(path, LATEST), LONGEST_TAG)
        tag = content.decode("utf-8", "replace").strip()
    elif len(tags) > 1:
        raise ambiguous(path, "checkpoints", tags, "name one of these folders")
    if tag in tags:
        return path / tag
    listed = ", ".join(shown(name, 60) for name in tags[:6])
    wrong = f"'{shown(path / LATEST)}' names '{shown(tag, 60)}', which is no checkpoint here"
    raise InputError("shard-missing", f"{wrong}; there is {listed}", "name one of these folders")


def _weights(folder: Path, file: Path) -> Opened:
    opened = open_zip(file) if beginning(file, 2) == b"PK" else open_pickle(file)
    arrays = [array for array in opened.arrays if array.key.startswith("module.")]
    # ZeRO-3 leaves every weight of the module empty and keeps it in the optimizers' files.
    if all(0 in array.shape for array in arrays):
        raise _cut(folder)
    notices = list(opened.notices)
    if len(arrays) < len(opened.arrays):
        left = [shown(array.key, 80) for array in opened.arrays if array not in arrays]
        message = f"{len(left)} arrays outside of the module were not read: {', '.join(left[:4])}"
        data = {"count": len(left), "names": left[:50]}
        notices.append(Notice("objects-ignored", message, "", data))
    facts = dict(opened.metadata)
    if "global_steps" in facts:
        facts["global_step"] = facts["global_steps"]
    return Opened(folder, NAME, tuple(arrays), facts, tuple(notices))


def _cut(folder: Path) -> InputError:
    message = f"'{shown(folder)}' is a ZeRO-3 checkpoint: every weight is cut over all ranks' files"
    hint = f"in the folder above, where DeepSpeed left its script:\n{GATHER}"
    return InputError("deepspeed-zero-3", message, hint)


def _optimizer(names: list[str]) -> tuple[Notice, ...]:
    if not names:
        return ()
    files = "1 file was" if len(names) == 1 else f"{len(names)} files were"
    message = f"{files} not read: optimizer states, with the weights in float32"
    hint = "python zero_to_fp32.py . out  gathers these"
    return (Notice("files-ignored", message, hint, {"names": names[:50]}),)


READER = Reader(
    NAME,
    recognises,
    open_folder,
    covers="DeepSpeed checkpoints with whole weights (ZeRO-1, ZeRO-2)",
    turn=FIRST,
)
