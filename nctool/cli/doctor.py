"""``nctool doctor``: what is installed here, and what can be read and computed with it."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

import nctool
from nctool.cli.shell import show, with_exit_codes
from nctool.core.text import count

if TYPE_CHECKING:
    from nctool.core.extras import Extra
    from nctool.render.lines import Line

PACKAGES = ("numpy", "safetensors", "typer", "rich")


@with_exit_codes
def doctor() -> None:
    """Print versions, devices, threads, and the formats that can be read here."""
    show(lambda columns: checkup())


def checkup() -> list[Line]:
    """Versions, devices, threads and formats, as lines."""
    import torch

    from nctool.readers import readers
    from nctool.render import renderers
    from nctool.render.lines import BLANK, columns, line

    rows = [["nctool", nctool.__version__], ["python", platform.python_version()]]
    rows += [["torch", torch.__version__]]
    rows += [[name, _version(name)] for name in PACKAGES]
    out = [line(("Versions", "title")), *(line("  " + text) for text in columns(rows, "<<"))]
    out += [BLANK, line(("Devices", "title"))]
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    out.append(line(f"  cpu     {count(threads, 'thread')} on {count(cores, 'core')}"))
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        out.append(line(f"  cuda:{index}  {device.name}, {device.total_memory / 2**30:.0f} GiB"))
    if not torch.cuda.is_available():
        out.append(line("  cuda    not available"))
    out += [BLANK, line(("Outputs", "title"))]
    kinds = {renderer.name: renderer for renderer in renderers().values()}
    outputs = [[" ".join(kind.suffixes), _needs(kind.extra)] for kind in kinds.values()]
    out += [line("  " + text) for text in columns(outputs, "<<")]
    out += [BLANK, line(("Formats", "title"))]
    formats = [[reader.name, _needs(reader.extra)] for reader in readers() if reader.covers]
    out += [line("  " + text) for text in columns(formats, "<<")]
    return out


def _needs(extra: Extra | None) -> str:
    """The command that installs what this needs; empty where it works."""
    return "" if extra is None or not extra.missing else f"needs: {extra.command}"


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
