"""Code of the user's own: found, run as itself, and its errors told as its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from nctool import collect
from nctool.cli import set_values, user_code
from nctool.cli.user_errors import as_errors
from nctool.core.errors import InputError, NctoolError, UsageError

FILES = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


def run(text: str, **arguments: object) -> object:
    """The object at an address; what it returns, where it is a function."""
    where = user_code.address(text)
    with user_code.running([where]):
        value = user_code.named(where)
        return user_code.made(value, arguments) if callable(value) else value


def refused(text: str, **arguments: object) -> NctoolError:
    with pytest.raises(NctoolError) as caught:
        run(text, **arguments)
    return caught.value


# A file's neighbours and the current folder can be imported; it is not run as a script; what it
# changes of the interpreter's own is put back.
def test_runs_as_a_file() -> None:
    write("code/neighbour.py", "value = 3")
    write("here.py", "value = 4")
    text = "import sys, neighbour, here\nif __name__ == '__main__': raise SystemExit\n"
    write("code/train.py", text + "seen = sys.argv, neighbour.value + here.value")
    path, arguments = sys.path[:], sys.argv
    assert run("code/train.py:seen") == (["code/train.py"], 7)
    assert (sys.path, sys.argv) == (path, arguments)
    assert not {"train", "neighbour", "here"} & {*sys.modules}


# Of two files of one name each is itself, and neither is a module of the standard library.
@pytest.mark.parametrize("name", ["model", "json"])
def test_names_of_files(name: str) -> None:
    write(f"a/{name}.py", "value = 'a'")
    write(f"b/{name}.py", "value = 'b'")
    both = [user_code.address(f"{folder}/{name}.py:value") for folder in "ab"]
    with user_code.running(both):
        assert [user_code.named(each) for each in both] == ["a", "b"]
        import json

        assert json.loads("3") == 3


# A file that another one imports is run once, so that its classes are the same.
def test_runs_once() -> None:
    write("model.py", "class Net: pass")
    write("data.py", "import model\nnet = model.Net()")
    net, cls = user_code.address("data.py:net"), user_code.address("model.py:Net")
    with user_code.running([net, cls]):
        assert type(user_code.named(net)) is user_code.named(cls)


# A package is imported by its name, and what stands in a class is reached by dots.
def test_module() -> None:
    write("package/__init__.py", "")
    write("package/inner.py", "class Config:\n    width = 5")
    assert run("package.inner:Config.width") == 5


# What they print, through C too, is on stderr: stdout is the result's.
def test_prints_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    write("train.py", "import os\nprint('one', flush=True)\nos.write(1, b'two')\nvalue = 1")
    run("train.py:value")
    print("three")
    out, err = capfd.readouterr()
    assert (out, "one" in err, "two" in err) == ("three\n", True, True)


# An error in their code names file, line, function and exception, and how it was reached.
def test_error_in_a_call() -> None:
    write("helper.py", "def width(n):\n    return 8 / n")
    write("train.py", "import helper\n\ndef make(n):\n    return helper.width(n)")
    error = refused("train.py:make", n=0)
    assert isinstance(error, InputError) and error.slug == "user-code"
    assert error.message == "helper.py:2 in width: ZeroDivisionError: division by zero"
    assert error.hint.splitlines()[0] == "called from train.py:4 in make"


# A batch that does not fit the model is told without torch's own lines, and with what was passed.
def test_batch_that_does_not_fit() -> None:
    with pytest.raises(InputError) as caught, as_errors():
        collect(torch.nn.Linear(2, 3), [(torch.ones(4, 2), torch.ones(4), torch.arange(4) % 3)])
    assert caught.value.message.startswith("TypeError: Linear.forward() takes 2 positional")
    assert caught.value.hint.startswith("the model is called with what a batch holds")


# So does one while it is imported, one of its grammar, one of arguments, and one that exits.
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nimport absent_", "train.py:2 in <module>: ModuleNotFoundError: No module named"),
        ("def make(:", "train.py:1: SyntaxError: invalid syntax"),
        ("make = dict.fromkeys", "TypeError: dict.fromkeys() takes no keyword arguments"),
        ("import sys\nsys.exit('usage')", "train.py:2 in <module>: SystemExit: usage"),
    ],
)
def test_errors(text: str, said: str) -> None:
    write("train.py", text)
    assert said in refused("train.py:make", n=1).message


# A worker's error is told with its place in their code, not with that of the loader.
def test_error_in_a_worker() -> None:
    text = """
import torch

class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise ValueError("broken image")

def make():
    return list(torch.utils.data.DataLoader(Data(), num_workers=1))
"""
    write("train.py", text)
    assert refused("train.py:make").message == "train.py:9 in __getitem__: ValueError: broken image"


# A mistake of ours stays one, though their code is on the way to it.
def test_our_mistakes() -> None:
    write("train.py", "def make(callback):\n    return callback()")

    def ours() -> None:
        user_code.address(None)  # type: ignore[arg-type]

    with pytest.raises(AttributeError):
        run("train.py:make", callback=ours)


# What is no address, or names nothing, is refused with what would be one.
@pytest.mark.parametrize(
    ("text", "slug", "hint"),
    [
        ("train.py", "object-spec", "file.py:object"),
        ("train.py:", "object-spec", "file.py:object"),
        ("train.py:make_modle", "object-missing", "did you mean make_model?"),
        ("train.py:zzz", "object-missing", "it has make_model"),
        ("absent.py:make", "path-missing", "check the spelling"),
        ("no.such.module:make", "object-missing", "no/such/module.py:make"),
    ],
)
def test_addresses(text: str, slug: str, hint: str) -> None:
    write("train.py", "def make_model(): pass")
    error = refused(text)
    assert error.slug == slug and hint in error.hint


# Values are Python where they are, and text otherwise.
def test_values() -> None:
    given = ["width=3", "shape=(2, 3)", "on=False", "name=resnet18", "path=a=b", "none=None"]
    assert set_values.parsed(given) == {
        "width": 3, "shape": (2, 3), "on": False, "name": "resnet18", "path": "a=b", "none": None,
    }  # fmt: skip


def model(width: int, *, pretrained: bool = False) -> None: ...
def loader(width: int = 2, split: str = "train") -> None: ...
def anything(**more: object) -> None: ...


# Each function gets what it names; what none of them names goes to one that takes all.
def test_shares() -> None:
    values = {"width": 3, "split": "test", "depth": 2}
    assert set_values.shared_out(values, {"model": model, "rest": anything, "loader": loader}) == {
        "model": {"width": 3}, "rest": {"depth": 2}, "loader": {"width": 3, "split": "test"},
    }  # fmt: skip


# A key that nobody takes, an argument that is needed, and a word for a truth value are refused.
@pytest.mark.parametrize(
    ("given", "slug", "hint"),
    [
        (["widht=3"], "unknown-argument", "did you mean width?"),
        (["zzz=3"], "unknown-argument", "they take pretrained, split, width"),
        (["split=test"], "argument-missing", "--set width=…"),
        (["width=3", "pretrained=false"], "bad-set", "--set pretrained=False"),
        (["width"], "bad-set", "--set key=value"),
    ],
)
def test_refused_values(given: list[str], slug: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        set_values.shared_out(set_values.parsed(given), {"model": model, "loader": loader})
    assert caught.value.slug == slug and hint in caught.value.hint


# Nothing is left open by keeping stdout clean.
@pytest.mark.skipif(not FILES.exists(), reason="only Linux lists what a process has open")
def test_no_file_is_left_open() -> None:
    write("train.py", "value = 1")
    before = len([*FILES.iterdir()])
    for _ in range(3):
        run("train.py:value")
    assert len([*FILES.iterdir()]) == before
