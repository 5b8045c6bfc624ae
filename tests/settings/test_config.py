"""Settings from files and from the environment: which one holds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from nctool.core.errors import UsageError
from nctool.inputs.saved_roles import save
from nctool.settings.config import SECTIONS, Config, resolve


def settings(folder: Path, **files: str) -> Config:
    """The files by name, dots as two underscores, and then the environment."""
    environment = {name: text for name, text in files.items() if name.isupper()}
    for name, text in files.items():
        if name not in environment:
            (folder / f"{name}.toml").write_text(text)
    return resolve(folder, environment)


PYPROJECT = '[project]\nname = "x"\n[tool.other]\nprofile = 3\n'


# A variable is stronger than nctool.toml, and that is stronger than pyproject.toml, key by key.
def test_precedence(tmp_path: Path) -> None:
    table = "[tool.nctool] of pyproject.toml"
    config = settings(
        tmp_path,
        pyproject=PYPROJECT + '[tool.nctool]\nprofile = "zhu"\nseed = 1\ngap = 1\n',
        nctool='profile = "zhou"\nseed = 2\n',
        NCTOOL_PROFILE="papyan",
    )
    assert config.values == {"profile": "papyan", "seed": 2, "gap": 1.0}
    assert config.origin == {"profile": "NCTOOL_PROFILE", "seed": "nctool.toml", "gap": table}


# nctool.toml may name its tables in the long way too.
def test_long_names(tmp_path: Path) -> None:
    text = '[tool.nctool]\nseed = 4\n[tool.nctool.roles]\nhead = "fc.weight"\n'
    assert settings(tmp_path, nctool=text).values == {"seed": 4, "head": "fc.weight"}


# Roles and gates are read; gates stay apart from the options.
def test_tables(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        nctool='[roles]\nignore-label = -1\nclasses = 10\n[gates]\nrules = ["nc1.pinv < 1"]\n',
    )
    assert config.values == {"ignore-label": [-1], "classes": "10"}
    assert config.gates == {"rules": ["nc1.pinv < 1"]}


# Settings are looked for upwards, to the root of the repository and no further.
def test_upwards(tmp_path: Path) -> None:
    (tmp_path / "nctool.toml").write_text("seed = 3\n")
    deep = tmp_path / "runs" / "one"
    deep.mkdir(parents=True)
    assert resolve(deep, {}).values == {"seed": 3}
    (tmp_path / "runs" / ".git").mkdir()
    assert resolve(deep, {}).values == {}


# A pyproject.toml of somebody else is not even read as TOML.
def test_foreign(tmp_path: Path) -> None:
    assert settings(tmp_path, pyproject="not = = toml").values == {}


# What nobody knows is an error with the nearest name; so is a value of another kind.
@pytest.mark.parametrize(
    ("slug", "hint", "files"),
    [
        ("unknown-setting", "profile", {"nctool": 'profle = "zhu"\n'}),
        ("unknown-setting", "features", {"nctool": '[roles]\nfeature = "x"\n'}),
        ("unknown-setting", "roles", {"nctool": '[role]\nfeatures = "x"\n'}),
        ("unknown-setting", "NCTOOL_DEVICE", {"NCTOOL_DEVISE": "cpu"}),
        ("bad-setting", "a whole number", {"nctool": "seed = 1.5\n"}),
        ("bad-setting", "true or false", {"nctool": "deterministic = 1\n"}),
        ("bad-setting", "a whole number", {"nctool": "threads = true\n"}),
        ("bad-setting", "balanced or samples", {"nctool": 'center = "middle"\n'}),
        ("bad-setting", "a number", {"NCTOOL_GAP": "small"}),
        ("bad-setting", "true or false", {"NCTOOL_PER_CLASS": "maybe"}),
        ("bad-setting", "a table", {"pyproject": "[tool]\nnctool = 3 # [tool.nctool\n"}),
        ("config-unreadable", "correct", {"nctool": "seed = \n"}),
    ],
)
def test_refused(tmp_path: Path, slug: str, hint: str, files: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        settings(tmp_path, **files)
    assert caught.value.slug == slug and hint in caught.value.hint


# Variables are read as what their option is.
def test_variables(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        NCTOOL_METRICS="nc1.*, nc2.*", NCTOOL_SEED="7", NCTOOL_GAP="1e-3", NCTOOL_PER_CLASS="yes",
        NCTOOL_IGNORE_LABEL="-100,255", NCTOOL_HEAD="fc.weight",
    )  # fmt: skip
    assert config.values == {
        "metrics": ["nc1.*", "nc2.*"], "seed": 7, "gap": 1e-3, "per-class": True,
        "ignore-label": [-100, 255], "head": "fc.weight",
    }  # fmt: skip


ROLES_NOW: dict[str, str | bool] = {"head": 'a "quoted" \\ name', "transpose-head": True}


# Saved roles come back, and whatever else the file holds stays: tables, comments, order.
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", PYPROJECT),
        ("pyproject.toml", PYPROJECT + '[tool.nctool.roles]\nhead = "old"\nsplit = "val"\n[a]\n'),
        (
            "nctool.toml",
            'seed = 1 # keep\n[roles] # old\nhead = "x"\n\n[gates]\nrules = ["a < 1"]\n',
        ),
        ("nctool.toml", ""),
    ],
)
def test_saved(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / name).write_text(text)
    before = settings(tmp_path)
    assert save(ROLES_NOW, tmp_path) == tmp_path / name
    after = settings(tmp_path)
    kept = {key: value for key, value in before.values.items() if key not in SECTIONS["roles"]}
    assert after.values == kept | ROLES_NOW and after.gates == before.gates
    if "# keep" in text:
        assert "seed = 1 # keep\n" in (tmp_path / name).read_text()
    assert ("[tool.other]" in text) == ("[tool.other]" in (tmp_path / name).read_text())


# Without any file there is a new one, and a second time changes nothing.
def test_saved_anew(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    path = save(ROLES_NOW, tmp_path)
    text = path.read_text()
    assert path.name == "nctool.toml" and save(ROLES_NOW, tmp_path) == path
    assert path.read_text() == text


# A table written as one line is not guessed at: the file stays, the lines to write are shown.
def test_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "nctool.toml").write_text('roles = { head = "x" }\n')
    with pytest.raises(UsageError) as caught:
        save(ROLES_NOW, tmp_path)
    assert caught.value.slug == "roles-not-saved" and "transpose-head = true" in caught.value.hint
    assert (tmp_path / "nctool.toml").read_text() == 'roles = { head = "x" }\n'
