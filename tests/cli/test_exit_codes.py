"""Every way a run can end has its own number, and says what to type next."""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.cli.samples import CLASSES, DIM, SAMPLES, Arrays, renamed, sample, write
from tests.cli.shell import EPOCH_10, Said, digits_text, inside, nctool


def slug(said: Said) -> str | None:
    match = re.match(r"nctool: error\[([a-z-]+)\]: .", said.err)
    return match[1] if match else None


# A report that was computed is 0.
def test_computed() -> None:
    assert digits_text().code == 0 and digits_text().out


# What the command line asks for and is not there is 2, with what would have been.
@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["--metric", "nc1.pinv"], r"No such option: --metric.*--metrics"),
        (["--metrics", "nc1.pinvv"], r"did you mean nc1\.pinv or"),
        (["--metrics", "nc1.pinv,nc9.*"], r"'nc9\.\*'(.|\n)*nctool metrics"),
        (["--profile", "zho"], r"did you mean 'zhou'"),
        (["--center", "middle"], r"'balanced', 'samples'"),
        (["--dtype", "float16"], r"'float64', 'float32'"),
    ],
)
def test_unknown_words(words: list[str], way_out: str) -> None:
    said = nctool("analyze", EPOCH_10, *words)
    assert (said.code, said.out) == (2, "")
    assert re.search(way_out, said.err), said.err


# A command that does not exist is 2 as well, and so is no source at all.
@pytest.mark.parametrize("words", [["analyse"], ["analyze"], ["inspect"]])
def test_unknown_commands(words: list[str]) -> None:
    said = nctool(*words)
    assert (said.code, said.out) == (2, "")
    assert "Usage: " in said.err


# An output that cannot be written is found before the source is even looked for.
@pytest.mark.parametrize("option", ["--json", "--arrays"])
@pytest.mark.parametrize("target", ["absent/out.file", "."])
def test_unwritable_output_comes_first(option: str, target: str, tmp_path: Path) -> None:
    said = inside("analyze", "absent.safetensors", option, tmp_path / target)
    assert (said.code, said.out, slug(said)) == (2, "", "output-unwritable")


# A source that is not there is 3.
def test_missing_file(tmp_path: Path) -> None:
    said = nctool("analyze", tmp_path / "absent.safetensors")
    assert (said.code, said.out, slug(said)) == (3, "", "path-missing")


# A source that cannot be read is 3, whatever is wrong with it.
@pytest.mark.parametrize("kind", ["damaged", "text", "loop", "empty folder"])
def test_unreadable(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "source.safetensors"
    if kind == "damaged":
        path.write_bytes(EPOCH_10.read_bytes()[:5000])
    elif kind == "text":
        path.write_text("no arrays at all")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.mkdir()
    said = inside("analyze", path)
    assert (said.code, said.out) == (3, "") and slug(said)


# A name longer than any file's is a missing file, not a mistake of nctool's.
def test_name_too_long() -> None:
    assert inside("analyze", "a" * 300).code == 3


# Two heads that fit equally well are 3, and either flag of the message settles it.
def test_ambiguous_head(tmp_path: Path) -> None:
    arrays = renamed(sample(), head__weight="head_a.weight", head__bias="head_a.bias")
    arrays["head_b.weight"] = -arrays["head_a.weight"]
    path = write(tmp_path / "two.safetensors", arrays)
    said = inside("analyze", path)
    assert (said.code, slug(said)) == (3, "ambiguous-head")
    flags = re.findall(r"--head '[^']+'", said.err)
    assert len(flags) == 2
    texts = {inside("analyze", path, *shlex.split(flag)).out for flag in flags}
    assert len(texts) == 2 and "" not in texts


def _shorter(arrays: Arrays) -> Arrays:
    return arrays | {"labels": arrays["labels"][:-3]}


def _wider(arrays: Arrays) -> Arrays:
    return arrays | {"head.weight": np.ones((CLASSES, 2 * DIM), np.float32)}


def _too_many(arrays: Arrays) -> Arrays:
    return arrays | {"labels": np.arange(SAMPLES) % (CLASSES + 3)}


def _scattered(arrays: Arrays) -> Arrays:
    return arrays | {"labels": 10 * (np.arange(SAMPLES) % (CLASSES + 3))}


def _long_bias(arrays: Arrays) -> Arrays:
    return arrays | {"head.bias": np.ones(CLASSES + 5, np.float32)}


# Arrays that contradict each other are 3, and the message holds both numbers.
@pytest.mark.parametrize(
    ("change", "numbers", "words"),
    [
        (_shorter, (SAMPLES, SAMPLES - 3), []),
        (_wider, (DIM, 2 * DIM), []),
        (_scattered, (CLASSES, CLASSES + 3), []),
        (_too_many, (CLASSES, CLASSES + 3), []),
        (_long_bias, (CLASSES, CLASSES + 5), ["--bias", "head.bias"]),
    ],
)  # fmt: skip
def test_contradictions(
    change: object, numbers: tuple[int, int], words: list[str], tmp_path: Path
) -> None:
    assert callable(change)
    said = inside("analyze", write(tmp_path / "a.safetensors", change(sample())), *words)
    assert (said.code, said.out) == (3, "") and slug(said)
    named = {int(digits) for digits in re.findall(r"\d+", said.err.replace(str(tmp_path), ""))}
    assert set(numbers) <= named, said.err


# A device that is not there is 5, and the message names the flag that helps.
def test_missing_device() -> None:
    said = nctool("analyze", EPOCH_10, "--device", "cuda:0")
    assert (said.code, said.out, slug(said)) == (5, "", "no-such-device")
    assert "'cuda:0'" in said.err and "--device cpu" in said.err


# Memory that runs out is 5, whoever noticed it.
def test_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("nctool.inputs.sources.load", fail)
    said = inside("analyze", EPOCH_10)
    assert (said.code, slug(said)) == (5, "out-of-memory")


# A mistake of nctool's own is 70: one line that names the file with the traceback.
def test_internal_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the inner reason")

    monkeypatch.setattr("nctool.inputs.sources.load", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said = inside("analyze", EPOCH_10)
    assert (said.code, said.out, slug(said)) == (70, "", "internal")
    [saved] = tmp_path.iterdir()
    assert str(saved) in said.err.splitlines()[0]
    assert "Traceback" not in said.err and "the inner reason" not in said.err
    assert "RuntimeError: the inner reason" in saved.read_text("utf-8")


# The installed script and the module are the same command.
def test_the_script() -> None:
    import subprocess

    script = Path(sys.executable).with_name("nctool")
    run = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == nctool("--version").out != ""
    assert subprocess.run([script, "metrics", "no"], capture_output=True).returncode == 2
