"""``nctool doctor``: what is installed here, and what can be read and computed with it."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from nctool.cli.shell import show, with_exit_codes
from nctool.core.text import count
from nctool.core.version import __version__

if TYPE_CHECKING:
    from nctool.core.extras import Extra
    from nctool.render.lines import Line

PACKAGES = ("numpy", "safetensors", "typer", "rich")


@with_exit_codes
def doctor() -> None:
    """Print versions, devices and the formats that can be read."""
    show(lambda columns: checkup())


def checkup() -> list[Line]:
    """Versions, devices, threads and formats, as lines."""
    import torch

    from nctool.engine.device import gpus
    from nctool.readers import readers
    from nctool.render import renderers
    from nctool.render.lines import BLANK, columns, line

    versions = {"nctool": __version__, "python": platform.python_version()}
    versions |= {"torch": torch.__version__, **{name: _version(name) for name in PACKAGES}}
    rows = [[name, version] for name, version in versions.items()]
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    devices = [f"cpu     {count(threads, 'thread')} on {count(cores, 'core')}"]
    devices += [f"cuda:{index}  {gpu}" for index, gpu in enumerate(gpus())]
    if len(devices) == 1:
        devices.append("cuda    not available")
    kinds = {renderer.name: renderer for renderer in renderers().values()}
    outputs = [[" ".join(kind.suffixes), _needs(kind.extra)] for kind in kinds.values()]
    formats = [[reader.name, _needs(reader.extra)] for reader in readers() if reader.covers]
    sections = {
        "Versions": columns(rows, "<<"),
        "Devices": devices,
        "Outputs": columns(outputs, "<<"),
        "Formats": columns(formats, "<<"),
    }
    lines: list[Line] = []
    for title, texts in sections.items():
        lines += [BLANK, line((title, "title")), *(line("  " + text) for text in texts)]
    return lines[1:]


def _needs(extra: Extra | None) -> str:
    """The command that installs what this needs; empty where it works."""
    return "" if extra is None or not extra.missing else f"needs: {extra.command}"


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
