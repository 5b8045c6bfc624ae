"""``nctool.merge``: the sums of several files as those of one."""

from __future__ import annotations

from pathlib import Path

from nctool.analysis.merging import merged
from nctool.core import files
from nctool.inputs.summed import read_all
from nctool.readers.shared.statistics import Statistics
from nctool.readers.statistics_file import write_statistics


def merge(*sums: str | Path, out: str | Path) -> Statistics:
    """Write the sums of files that ``nctool.stats`` wrote as those of one, ``out``.

    In any order and grouping they are the sums of all samples. The second pass stays where all
    made it around the same class means.
    """
    paths, target = [str(path) for path in sums], str(out)
    files.check_writable(target, paths)
    return write_statistics(target, merged(read_all(paths)))
