"""Messages of the callbacks of all hosts."""

from __future__ import annotations

from collections.abc import Callable

from nctool.api.analyze import analyze
from nctool.hosts.host import Measurements, nothing_to_measure

MODULES = {"host": "hosts/host.py"}


def without_samples() -> None:
    raise nothing_to_measure("lightning", "give the samples: Collapse(loader)")


CASES: dict[str, Callable[[], object]] = {
    "host.bad-every": lambda: Measurements(analyze, 0, "nc/", {}),
    "host.nothing-to-measure": without_samples,
}
