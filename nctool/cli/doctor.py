"""What is installed here, and what can be read and computed with it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import nctool
from nctool.core.extras import Extra
from nctool.core.text import count
from nctool.render.lines import BLANK, Line, columns, line

PACKAGES = ("numpy", "safetensors", "typer", "rich")


def checkup() -> list[Line]:
    """Versions, devices, threads and formats, as lines."""
    import torch

    from nctool.readers import readers
    from nctool.render import renderers

    rows = [["nctool", nctool.__version__], ["python", platform.python_version()]]
    rows += [["torch", torch.__version__]]
    rows += [[name, _version(name)] for name in PACKAGES]
    out = [line(("Versions", "title")), *(line("  " + text) for text in columns(rows, "<<"))]
    out += [BLANK, line(("Devices", "title"))]
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    out.append(line(f"  cpu     {count(threads, 'thread')} on {count(cores, 'core')}"))
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        out.append(line(f"  cuda:{index}  {found.name}, {found.total_memory / 2**30:.0f} GiB"))
    if not torch.cuda.is_available():
        out.append(line("  cuda    not available"))
    out += [BLANK, line(("Outputs", "title"))]
    kinds = {one.name: one for one in renderers().values()}
    outputs = [[" ".join(one.suffixes), _needs(one.extra)] for one in kinds.values()]
    out += [line("  " + text) for text in columns(outputs, "<<")]
    out += [BLANK, line(("Formats", "title"))]
    formats = [[one.name, _needs(one.extra)] for one in readers() if one.covers]
    out += [line("  " + text) for text in columns(formats, "<<")]
    return out


def _needs(extra: Extra | None) -> str:
    """What to type before this works here."""
    return "" if extra is None or not extra.missing else f"needs: {extra.command}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
