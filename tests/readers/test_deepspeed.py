"""DeepSpeed folders: whole weights are read, cut ones are refused with what gathers them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import nctool
from nctool.core.checkpoints import Moment, moment_of
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import FEATURES, arrays, plain

WEIGHTS = {"fc.weight": FEATURES[:3].bfloat16(), "fc.bias": torch.ones(3).bfloat16()}
STATES = "mp_rank_00_model_states.pt"
OPTIMIZER = "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"


def write(folder: Path, names: tuple[str, ...] = (STATES,), **content: object) -> Path:
    """What DeepSpeed 0.19 leaves in the folder of a tag."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shapes = {key: one.shape for key, one in WEIGHTS.items()}
        states: dict[str, object] = {
            "module": WEIGHTS, "buffer_names": [], "optimizer": None, "param_shapes": [shapes],
            "frozen_param_shapes": None, "shared_params": {}, "lr_scheduler": None,
            "sparse_tensor_module_names": set(), "skipped_steps": 0, "global_steps": 3,
            "global_samples": 18, "dp_world_size": 1, "mp_world_size": 1, "epoch": 2,
            "ds_config": {"zero_optimization": {"stage": 1}}, "ds_version": "0.19.8",
        }  # fmt: skip
        torch.save(states | content, folder / name)
    flat = torch.zeros(15)
    torch.save({"optimizer_state_dict": {"single_partition": [flat]}}, folder / OPTIMIZER)
    return folder


def tagged(root: Path, tag: str = "global_step3") -> Path:
    write(root / tag)
    (root / "latest").write_text(tag)
    return root


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        open_path(path)
    assert caught.value.message.isprintable() and caught.value.hint
    return caught.value


# Law: the weights of the module come back, with when they were saved and what was left alone.
def test_weights(tmp_path: Path) -> None:
    opened = open_path(write(tmp_path))
    found = {array.key: array for array in opened.arrays}
    assert found.keys() == {"module.fc.weight", "module.fc.bias"}
    for key, expected in WEIGHTS.items():
        rows = found[f"module.{key}"].rows(1, 3)
        assert isinstance(rows, torch.Tensor) and rows.dtype == torch.bfloat16
        assert torch.equal(rows, expected[1:3])
    assert moment_of("", opened.metadata) == Moment(2, 3)
    notices = {notice.slug: notice for notice in opened.notices}
    assert notices["files-ignored"].data == {"names": [OPTIMIZER]}
    assert len([notice for notice in opened.notices if notice.slug == "files-ignored"]) == 1
    assert "zero_to_fp32.py" in notices["files-ignored"].hint


# Law: arrays beside the module, such as an optimizer without ZeRO keeps, are left out and counted.
def test_other_arrays(tmp_path: Path) -> None:
    state = {"state": {0: {"exp_avg": FEATURES}}, "param_groups": []}
    opened = open_path(write(tmp_path, optimizer=state))
    assert all(array.key.startswith("module.") for array in opened.arrays)
    assert any("exp_avg" in notice.message for notice in opened.notices)


# Law: of several folders that is opened which `latest` names; alone it needs no naming.
def test_latest(tmp_path: Path) -> None:
    tagged(tmp_path / "a")
    assert list(arrays(tmp_path / "a")) == ["module.fc.weight", "module.fc.bias"]
    write(tmp_path / "a" / "best", global_steps=1)
    assert open_path(tmp_path / "a").metadata["global_step"] == 3
    (tmp_path / "a" / "latest").write_text("best\n")
    assert open_path(tmp_path / "a").metadata["global_step"] == 1
    (tmp_path / "a" / "latest").unlink()
    assert refused(tmp_path / "a").slug == "folder-ambiguous"
    write(tmp_path / "b" / "only")
    assert len(arrays(tmp_path / "b")) == 2


# Law: `latest` names a folder right here or nothing.
@pytest.mark.parametrize(
    "tag", ["gone", "../b/global_step3", "/etc", "", ".", "\x1b[31m", "x" * 9000]
)
def test_bad_tags(tmp_path: Path, tag: str) -> None:
    tagged(tmp_path / "a")
    tagged(tmp_path / "b")
    (tmp_path / "a" / "latest").write_text(tag)
    assert refused(tmp_path / "a").slug == "shard-missing"


# Law: no link leads out of the folder that was named.
@pytest.mark.parametrize("which", ["global_step3", f"global_step3/{STATES}", "latest"])
def test_links(tmp_path: Path, which: str) -> None:
    root = tagged(tmp_path / "a")
    (root / which).rename(tmp_path / "outside")
    (root / which).symlink_to(tmp_path / "outside")
    assert refused(root).slug == "path-escapes"


# Law: ZeRO-3 is refused with the lines that put its weights together.
@pytest.mark.parametrize("names", [("zero_pp_rank_0_mp_rank_00_model_states.pt",), (STATES,)])
def test_zero_3(tmp_path: Path, names: tuple[str, ...]) -> None:
    empty = {key: torch.zeros(0) for key in WEIGHTS}
    error = refused(write(tmp_path / "global_step3", names, module=empty))
    assert error.slug == "deepspeed-zero-3" and "python zero_to_fp32.py . out" in error.hint
    assert refused(tmp_path).slug == "deepspeed-zero-3"


# Law: a model cut by tensor or pipeline parallelism is not taken for a whole one.
@pytest.mark.parametrize(
    "names",
    [
        (STATES, "mp_rank_01_model_states.pt"),
        (STATES, "layer_01-model_states.pt", "layer_02-model_states.pt"),
        (STATES, "layer_01-model_00-model_states.pt"),
    ],
)
def test_parallel(tmp_path: Path, names: tuple[str, ...]) -> None:
    error = refused(write(tmp_path, names))
    assert error.slug == "deepspeed-parallel" and "nctool inspect" in error.hint


# Law: weights in plain files beside it, as trainers save them too, come first.
def test_plain_files_first(tmp_path: Path) -> None:
    torch.save({"v": FEATURES}, tagged(tmp_path) / "pytorch_model.bin")
    assert list(arrays(tmp_path)) == ["v"]


# Law: files from before the zip format are read too.
def test_legacy(tmp_path: Path) -> None:
    content = {"module": WEIGHTS, "global_steps": 3}
    torch.save(content, tmp_path / STATES, _use_new_zipfile_serialization=False)
    rows = arrays(tmp_path)["module.fc.weight"].whole()
    assert plain(rows).tolist() == WEIGHTS["fc.weight"].float().tolist()


# Law: cut anywhere, the file is refused; flipped anywhere, it is read or refused.
def test_damage(tmp_path: Path) -> None:
    data = (write(tmp_path) / STATES).read_bytes()
    for position in range(0, len(data), 29):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        cut = position % 2 == 0
        (tmp_path / STATES).write_bytes(data[:position] if cut else damaged)
        try:
            for array in open_path(tmp_path).arrays:
                array.whole()
            assert not cut
        except InputError as error:
            assert error.message.isprintable()


# Law: the analysis is that of the same weights in a plain file.
def test_analysis(tmp_path: Path) -> None:
    tagged(tmp_path / "a")
    torch.save(WEIGHTS, tmp_path / "plain.pt")
    ours, theirs = nctool.analyze(tmp_path / "a"), nctool.analyze(tmp_path / "plain.pt")
    assert (ours.run["epoch"], ours.run["step"]) == (2, 3)
    values = {one.id: one.value for one in theirs.metrics}
    assert values and {one.id: one.value for one in ours.metrics} == values
