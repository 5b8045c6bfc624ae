"""``nctool analyze --dry-run``: what it would cost, and whether it would be refused."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial
from typing import TYPE_CHECKING

from nctool.cli import ranks
from nctool.cli.shell import show, warn, write_out
from nctool.core.errors import UsageError

if TYPE_CHECKING:
    from nctool.analysis.measure import Settings
    from nctool.cli.outputs import Outputs
    from nctool.metrics.metric import Metric
    from nctool.ranks.place import Place
    from nctool.settings.gate_options import GateOptions
    from nctool.settings.rank_options import RankOptions
    from nctool.settings.role_options import RoleOptions


def check(
    outputs: Outputs, gates: GateOptions, *, save_roles: bool, settled: Container[str]
) -> None:
    """Raise where something is asked for that only a measurement has.

    What a settings file says (``settled``) holds for measurements, and is no contradiction.
    """
    idle = {
        "output": outputs.output, "arrays": outputs.arrays, "plot": outputs.plot,
        "gate": gates.gate, "tolerance": gates.tolerance, "baseline": gates.baseline,
        "missing": gates.missing, "warn_only": gates.warn_only, "save_roles": save_roles,
    }  # fmt: skip
    named = [
        "--" + name.replace("_", "-")
        for name, value in idle.items()
        if value and name not in settled
    ]
    if named:
        raise UsageError(
            "dry-run-alone",
            f"{' and '.join(named)} with --dry-run, which measures nothing",
            "leave one of them out; --json FILE writes the estimate",
        )


def run(
    sources: Sequence[str],
    metrics: Sequence[Metric],
    settings: Settings,
    roles: RoleOptions,
    outputs: Outputs,
    sharing: RankOptions,
    place: Place | None,
) -> None:
    """Show the estimate, and end with code 5 where --memory would refuse a number."""
    from dataclasses import replace

    from nctool.analysis.estimates import estimate, refuse, sources_of
    from nctool.readers.remote import Downloads
    from nctool.render import console
    from nctool.render import estimate as rendered

    count = place.size if place else sharing.processes or 1
    if place is None and count > 1:
        compute = settings.compute
        compute = replace(compute, threads=ranks.threads_of(compute.threads, count))
        settings = replace(settings, compute=compute)
    bar = console.bar(enabled=outputs.bar)
    points = sources_of(sources, roles, Downloads(bar, warn))
    result = estimate(points, metrics, settings, named=sources, processes=count)
    if place is not None and place.rank:
        return
    if outputs.json is not None:
        write_out(outputs.json, result.to_json())
    if not outputs.machine and not outputs.quiet:
        show(partial(rendered.lines, result), outputs.width)
    refuse(result)
