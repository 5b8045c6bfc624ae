"""``nctool doctor``: the versions, the devices, and every format that can be read."""

from __future__ import annotations

import torch

import nctool as package
from nctool.readers import readers
from tests.cli.shell import inside


# The doctor names the versions, the devices, and every format that can be read.
def test_doctor() -> None:
    said = inside("doctor")
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines() if line.startswith("  ")]
    assert ["nctool", package.__version__] in rows
    assert ["torch", torch.__version__] in rows
    assert any(row[0] == "cpu" and str(torch.get_num_threads()) in row for row in rows)
    assert torch.cuda.is_available() or ["cuda", "not", "available"] in rows
    formats = [reader for reader in readers() if reader.covers]
    for row, reader in zip(rows[-len(formats) :], formats, strict=True):
        assert row[0] == reader.name
        missing = reader.extra is not None and bool(reader.extra.missing)
        assert row[1:] == (
            f"needs: {reader.extra.command}".split() if reader.extra and missing else []
        )
