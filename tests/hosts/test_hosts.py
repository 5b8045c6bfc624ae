"""Adapters as they are shown: their host is imported with them, and named where it is missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nctool
from nctool.core import extras
from nctool.core.errors import InputError
from nctool.hosts.host import host

ROOT = Path(__file__).parents[2]


# No host is imported before its adapter is asked for, by either way of asking; nor is torch.
def test_late() -> None:
    pytest.importorskip("torchmetrics", reason="pip install 'nctool[torchmetrics]'")
    code = f"""if True:
        import sys, nctool
        assert not {{"torch", "pytorch_lightning", *{nctool.HOSTS}}} & set(sys.modules)
        from nctool.torchmetrics import Collapse
        assert nctool.torchmetrics.Collapse is Collapse and Collapse.__module__ in sys.modules
        assert "nctool.hosts.torchmetrics" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


# Where the host is missing, one error names it and what installs it.
def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        host("torchmetrics", "no_such_host")
    assert caught.value.slug == "extra-missing"
    assert caught.value.hint == "pip install 'nctool[torchmetrics]'"


# The face knows every adapter, each has its extra, and no other name is one.
def test_face() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(nctool.HOSTS) <= extras["optional-dependencies"].keys()
    for name in nctool.HOSTS:
        assert (ROOT / "nctool" / "hosts" / f"{name}.py").exists()
    with pytest.raises(AttributeError):
        _ = nctool.tensorflow


# Of two spellings of a library the one that is in use is taken, and else the first there is.
def test_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host("any", "no_such_host", "json.tool", "csv").__name__ == "csv"
    monkeypatch.delitem(sys.modules, "csv")
    assert host("any", "no_such_host", "json.tool", "csv").__name__ == "json.tool"
