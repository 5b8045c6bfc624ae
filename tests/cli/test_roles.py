"""Which array plays which role: found, named with flags, in one file or in several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nctool
from nctool.core.errors import InputError
from tests.cli.samples import CLASSES, DIM, SAMPLES, only, renamed, sample, write, write_npz
from tests.cli.shell import DIGITS, EPOCH_10, inside, report, values

DATA, MODEL = ("features", "labels"), ("head.weight", "head.bias")


def picked(plain: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """File and key by role."""
    return {array["role"]: (Path(array["path"]).name, array["key"]) for array in plain["inputs"]}


def chosen_by(plain: dict[str, Any]) -> dict[str, str]:
    return {array["role"]: array["chosen_by"] for array in plain["inputs"]}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write(tmp_path / "whole.safetensors", sample())


# Keys that are named are taken, said to be, and give what the same arrays found by name give.
@pytest.mark.parametrize("head", ["third", "thi*"])
def test_named_keys(head: str, whole: Path, tmp_path: Path) -> None:
    hidden = renamed(
        sample(), features="first", labels="second", head__weight="third", head__bias="fourth"
    )
    path = write_npz(tmp_path / "hidden.npz", hidden)
    flags = ["--features", "first", "--labels", "second", "--head", head, "--bias", "fourth"]
    plain = report(path, *flags)
    assert picked(plain) == {
        "features": ("hidden.npz", "first"),
        "labels": ("hidden.npz", "second"),
        "head": ("hidden.npz", "third"),
        "bias": ("hidden.npz", "fourth"),
    }
    assert set(chosen_by(plain).values()) == {"flag"}
    automatic = report(whole)
    assert set(chosen_by(automatic).values()) == {"auto"}
    assert plain["digest"] == automatic["digest"]


# A flag beats the name that would have been found.
def test_flags_beat_names(tmp_path: Path) -> None:
    arrays = sample() | {"other": 2 * sample()["features"]}
    plain = report(write(tmp_path / "a.safetensors", arrays), "--features", "other")
    assert picked(plain)["features"] == ("a.safetensors", "other")
    assert chosen_by(plain)["features"] == "flag" and chosen_by(plain)["labels"] == "auto"


# PATH::KEY opens that file too, and takes that key of no other file.
def test_path_and_key(whole: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.safetensors", {"head.weight": -sample()["head.weight"]})
    plain = report(whole, "--head", f"{other}::head.weight")
    assert picked(plain)["head"] == ("other.safetensors", "head.weight")
    assert values(plain)["nc3.cosine"] == pytest.approx(-values(report(whole))["nc3.cosine"])


# The head may lie in another file than the features; the order of files says nothing.
def test_head_in_another_file(whole: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.safetensors", only(sample(), *DATA))
    head = write_npz(tmp_path / "model.npz", only(sample(), *MODEL))
    forward, backward = report(data, head), report(head, data)
    assert picked(forward) == picked(backward)
    assert picked(forward)["features"][0] == "data.safetensors"
    assert picked(forward)["head"] == ("model.npz", "head.weight")
    assert forward["digest"] == backward["digest"] == report(whole)["digest"]


# Of weights alone the geometry of the head is measured; the rest says what it needs.
def test_weights_alone(whole: Path, tmp_path: Path) -> None:
    plain = report(write(tmp_path / "head.safetensors", only(sample(), *MODEL)))
    assert set(picked(plain)) == {"head", "bias"}
    assert (plain["data"]["n"], plain["data"]["k"], plain["data"]["d"]) == (None, CLASSES, DIM)
    every, measured = values(report(whole)), values(plain)
    assert "nc2.etf_deviation.weights" in measured
    for result in plain["metrics"]:
        if result["needs"] == ["head"]:
            assert measured[result["id"]] == every[result["id"]]
        else:
            assert (result["status"], result["value"]) == ("skipped", None)
            missing = [name for name in result["needs"] if name != "head"]
            assert result["reason"] == "needs " + " and ".join(missing)


# Without a head everything about means is measured, and the rest says that it needs a head.
def test_no_head(whole: Path, tmp_path: Path) -> None:
    plain = report(write(tmp_path / "data.safetensors", only(sample(), *DATA)))
    assert set(picked(plain)) == set(DATA)
    every, measured = values(report(whole)), values(plain)
    assert {"nc1.pinv", "nc2.etf_deviation.means", "nc4.ncc_accuracy"} <= set(measured)
    for result in plain["metrics"]:
        if result["id"] == "collapse.weakest":  # the least of what there is to be looked at
            assert measured[result["id"]] >= every[result["id"]]
        elif set(result["needs"]) <= set(DATA):
            assert measured.get(result["id"]) == every.get(result["id"])
        else:
            assert result["status"] == "skipped"
            assert ("head" in result["reason"]) == ("head" in result["needs"])


# What is missing is said in the text too, once for all that miss the same.
def test_absence_in_the_text(tmp_path: Path) -> None:
    path = write(tmp_path / "head.safetensors", only(sample(), *MODEL))
    text = inside("analyze", path, "--all").out
    assert text.count("skipped: needs features and labels\n") == 1
    assert "no features" in text


# --bias none and --head none leave out what is there.
def test_none(whole: Path) -> None:
    assert set(picked(report(whole, "--bias", "none"))) == {"features", "labels", "head"}
    assert set(picked(report(whole, "--head", "none"))) == set(DATA)


# A head stored the other way round is read transposed, and that is said.
@pytest.mark.parametrize("flags", [[], ["--transpose-head"]])
def test_transposed_head(flags: list[str], whole: Path, tmp_path: Path) -> None:
    turned = sample() | {"head.weight": np.ascontiguousarray(sample()["head.weight"].T)}
    plain = report(write(tmp_path / "turned.safetensors", turned), *flags)
    assert [array["transposed"] for array in plain["inputs"] if array["role"] == "head"] == [True]
    assert plain["digest"] == report(whole)["digest"]


# Python reads files by the same options: each of them moves the numbers as its flag does.
@pytest.mark.parametrize(
    ("flags", "keywords"),
    [
        (["--pool", "last"], {"pool": "last"}),
        (["--transpose-head"], {"transpose_head": True}),
        (["--weights", "ema"], {"weights": "ema"}),
    ],
)
def test_options_in_python(flags: list[str], keywords: dict[str, Any], tmp_path: Path) -> None:
    arrays = sample(classes=DIM)
    pairs = np.stack([arrays["features"], arrays["features"][::-1]], 1)  # (N, 2, D)
    copy = {"ema.head.weight": -arrays["head.weight"], "ema.head.bias": arrays["head.bias"]}
    path = write(tmp_path / "all.safetensors", arrays | copy | {"features": pairs})
    first: dict[str, Any] = {"pool": "cls", "threads": 1}
    measured = nctool.analyze(path, **first | keywords)
    assert measured.digest == report(path, "--pool", "cls", *flags)["digest"]
    assert measured.digest != nctool.analyze(path, **first).digest


# The number of classes is checked in Python, too.
def test_classes_in_python(whole: Path) -> None:
    assert nctool.analyze(whole, classes=CLASSES).data["k"] == CLASSES
    with pytest.raises(InputError, match="--classes 2"):
        nctool.analyze(whole, weight="none", classes=2)


# --split chooses the samples, and the report names the split; the other is told of.
def test_split() -> None:
    plain = report(EPOCH_10, "--split", "test")
    assert (plain["run"]["split"], plain["data"]["n"]) == ("test", 360)
    assert picked(plain)["features"][1] == "test_features"
    assert picked(plain)["labels"][1] == "test_labels"
    assert report(EPOCH_10)["run"]["split"] == "train"
    assert "test: 360 × 64" in inside("analyze", EPOCH_10, "--split", "test").out


# A split that is not there is an error that lists those that are.
def test_unknown_split() -> None:
    said = inside("analyze", EPOCH_10, "--split", "val")
    assert said.code == 3
    assert "'val'" in said.err and "train, test" in said.err


# A folder of a run's checkpoints stands for its last, which is the end of its course; where one
# checkpoint is all that can be shown, it is said by name.
def test_folder_is_its_last_checkpoint() -> None:
    plain = report(DIGITS, "--metrics", "nc1.*")
    last = report(DIGITS / "epoch=1000.safetensors", "--metrics", "nc1.*")
    assert plain["kind"] == "trajectory" and plain["run"]["epoch"] == last["run"]["epoch"] == 1000
    assert plain["digest"] == last["digest"]
    text = inside("inspect", DIGITS).out
    assert "8 checkpoints" in text and "epoch=1000.safetensors" in text
    with_python = nctool.analyze(DIGITS, metrics="nc1.*")
    (notice,) = [notice for notice in with_python.warnings if notice.slug == "last-checkpoint"]
    assert "epoch=1000.safetensors" in notice.message
    assert with_python["nc1.pinv"].value == last["metrics"][0]["value"]


# The last is by number, not by letter.
def test_last_by_number(tmp_path: Path) -> None:
    for epoch in (9, 10):
        write(tmp_path / f"epoch={epoch}.safetensors", sample())
    assert report(tmp_path)["run"]["epoch"] == 10


# Labels to ignore leave the samples out, as if they had never been there.
def test_ignored_labels(tmp_path: Path) -> None:
    arrays = sample()
    labels = arrays["labels"].copy()
    labels[:10] = -1
    path = write(tmp_path / "some.safetensors", arrays | {"labels": labels})
    plain = report(path, "--ignore-label", "-1", "--ignore-label", "-100", "--dtype", "float64")
    assert (plain["data"]["n"], plain["data"]["ignored"]) == (SAMPLES - 10, 10)
    rest = arrays | {"features": arrays["features"][10:], "labels": arrays["labels"][10:]}
    fewer = report(write(tmp_path / "rest.safetensors", rest), "--dtype", "float64")
    assert values(plain) == pytest.approx(values(fewer), rel=1e-12)  # other blocks, other order


# Names of classes come from a file and stand beside their numbers.
def test_class_names(whole: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("ant\nbee\ncat\ndog\n", "utf-8")
    plain = report(whole, "--classes", names)
    worst = {
        entry["class"]: entry["name"] for each in plain["metrics"] for entry in each["worst"] or ()
    }
    assert worst == {0: "ant", 1: "bee", 2: "cat", 3: "dog"}
    names.write_text("ant\nbee\n", "utf-8")
    said = inside("analyze", whole, "--classes", names)
    assert said.code == 3 and "2 class names for 4 classes" in said.err


# A number of classes that contradicts the arrays is an error.
def test_number_of_classes(whole: Path) -> None:
    assert inside("analyze", whole, "--classes", str(CLASSES)).code == 0
    assert inside("analyze", whole, "--classes", str(CLASSES - 1)).code == 3


# Unknown features have their place among the inputs.
def test_out_of_distribution(whole: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "ood.safetensors", {"unknown": sample()["features"]})
    plain = report(whole, "--ood", f"{other}::unknown")
    assert values(plain)["nc5.ood_orthogonality"] >= 0
    assert picked(plain)["ood"] == ("ood.safetensors", "unknown")
