"""How fast this machine does each kind of work that a cost counts; measured in under a second."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from nctool.engine.cost import Cost, Shape

if TYPE_CHECKING:
    from nctool.engine.device import Engine

SPENT = 0.11
"""Seconds for each of seven measurements."""
WIDEST = 4096
"""Beyond, products are as fast as here."""
ELEMENTS = 1 << 22
"""Numbers that elementwise work goes over: more than one block, as blocks are worked on."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Of each kind of work, how much is done in a second."""

    single: float
    double: float
    half: float
    bytes: float
    elements: float
    calls: float
    measured: bool = False

    def with_threads(self, threads: int) -> Rates:
        """Products and passes over memory are shared out, calls are not."""
        return replace(
            self, single=self.single * threads, double=self.double * threads,
            half=self.half * threads, bytes=self.bytes * threads, elements=self.elements * threads,
        )  # fmt: skip

    def seconds(self, cost: Cost) -> float:
        """The kinds one after another: they share the same cores."""
        return (
            cost.single / self.single
            + cost.double / self.double
            + cost.half / self.half
            + cost.bytes / self.bytes
            + cost.elements / self.elements
            + cost.calls / self.calls
        )


TYPICAL = Rates(
    single=120e9, double=60e9, half=300e9, bytes=25e9, elements=0.6e9, calls=150e3
)  # fmt: skip
"""Of one core of a server: enough for shares of a whole, and for what takes no second."""


def measured(engine: Engine, shape: Shape) -> Rates:
    """Those of this machine and device, with as many threads as it uses now."""
    import torch

    device, work = engine.device, engine.work
    rows = min(max(shape.score_rows, 256), 1024)
    dim = min(max(shape.dim, 16), WIDEST)
    columns = min(max(shape.classes, shape.rows, 16), WIDEST)

    def products(dtype: torch.dtype) -> float:
        left = torch.ones(rows, dim, dtype=dtype, device=device)
        right = torch.ones(dim, columns, dtype=dtype, device=device)
        out = torch.empty(rows, columns, dtype=dtype, device=device)
        return 2 * rows * dim * columns / fastest(lambda: torch.mm(left, right, out=out))

    def fastest(run: Callable[[], object]) -> float:
        """Seconds of the fastest of several runs: others may be using this machine."""
        best, begin, runs = math.inf, perf_counter(), 0
        while runs < 2 or perf_counter() - begin < SPENT:
            start = perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best, runs = min(best, perf_counter() - start), runs + 1
        return best

    numbers = torch.ones(ELEMENTS, dtype=work, device=device)
    more = torch.ones_like(numbers)
    sums = torch.empty_like(numbers)
    few = torch.ones(8, device=device)

    def calls() -> None:
        for _ in range(100):
            torch.add(few, few, out=few)

    has_double = device.type != "mps"
    single, double = products(torch.float32), products(torch.float64 if has_double else work)
    return Rates(
        single=single,
        double=double,
        half=products(torch.bfloat16) if shape.coarse else single,
        bytes=3 * numbers.nbytes / fastest(lambda: torch.add(numbers, more, out=sums)),
        elements=ELEMENTS / fastest(lambda: torch.log(more, out=sums)),
        # Four times the bare call: who calls has work of its own around it.
        calls=100 / fastest(calls) / 4,
        measured=True,
    )
