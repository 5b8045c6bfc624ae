"""A GPU that is none: ``simulated()`` gives a machine without one a device ``cuda:0``.

A tensor there stands for one of the CPU, on which every operation really runs: values and places
are true. What CUDA refuses is refused, what would be a race between streams fails, memory has an
end, and by the line of nctool that asked is counted what costs time there: kernels launched, waits
of the host for the device, bytes sent across. How CUDA rounds, and how long it takes, is not seen.
"""

from __future__ import annotations

from tests.support.accelerator.counts import Counts
from tests.support.accelerator.machine import simulated

__all__ = ["Counts", "simulated"]
