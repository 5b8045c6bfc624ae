"""Adapters as they are shown: their host is imported with them, and named where it is missing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import nctool
from nctool.core import extras
from nctool.core.errors import InputError
from nctool.hosts.host import host

ROOMS = {
    "keras": "keras",
    "torchmetrics": "torchmetrics",
    "transformers": "transformers",
}


# Nothing of a host is imported before its adapter is asked for, by either way of asking.
@pytest.mark.parametrize(("name", "library"), ROOMS.items())
@pytest.mark.parametrize("ask", ["nctool.{0}.Collapse", "from nctool.{0} import Collapse"])
def test_late(name: str, library: str, ask: str) -> None:
    pytest.importorskip(library, reason=f"pip install 'nctool[{name}]'")
    code = f"""if True:
        import sys, nctool
        assert {library!r} not in sys.modules and "torch" not in sys.modules
        {ask.format(name)}
        assert {library!r} in sys.modules and "nctool.hosts.{name}" not in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True,
        env=os.environ | {"KERAS_BACKEND": "torch"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


# Where the host is missing, one error names it and what installs it.
def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        host("torchmetrics", "no_such_host")
    assert caught.value.slug == "extra-missing"
    assert caught.value.hint == "pip install 'nctool[torchmetrics]'"


# The face knows every adapter, and no other name.
def test_face() -> None:
    assert set(nctool.HOSTS) == set(ROOMS)
    with pytest.raises(AttributeError):
        _ = nctool.tensorflow


# Of two spellings of a library the one that is in use is taken, and else the first there is.
def test_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host("any", "no_such_host", "json.tool", "csv").__name__ == "csv"
    monkeypatch.delitem(sys.modules, "csv")
    assert host("any", "no_such_host", "json.tool", "csv").__name__ == "json.tool"
