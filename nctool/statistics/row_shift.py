"""By how many rows do decisions come later than the labels they fit?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Whole = NDArray[np.int64]

WINDOW = 1 << 20
"""So many rows are correlated; a shift of up to half of them is found."""
CODES = 8
"""Random codes of the classes: more make a false peak rarer."""
PEAKS = 5
"""So many shifts are looked at exactly."""


def row_shift(chosen: Whole, labels: Whole, rows: int) -> int:
    """The shift after which most decisions are the label.

    ``chosen`` and ``labels`` (N,) are rows of the head, -1 where a sample has no class. Positive:
    features come later than their labels.
    """

    def hits(shift: int) -> int:
        return int(((chosen == np.roll(labels, shift)) & (chosen >= 0)).sum())

    return max(_candidates(chosen[:WINDOW], labels[:WINDOW], rows), key=hits)


def _candidates(chosen: Whole, labels: Whole, rows: int) -> Iterator[int]:
    """Peaks of the cyclic correlation, by FFT: each class stands as a random number.

    Products of equal classes add up, others cancel; no table of N x K indicators is needed.
    """
    generator = torch.Generator().manual_seed(0)
    spectrum: Tensor | None = None
    for _ in range(CODES):
        code = torch.randn(rows, generator=generator)
        early, late = (torch.fft.rfft(_coded(code, each)) for each in (labels, chosen))
        product = late * early.conj()
        spectrum = product if spectrum is None else spectrum + product
    assert spectrum is not None
    peaks = torch.fft.irfft(spectrum, n=len(labels)).topk(min(PEAKS, len(labels))).indices
    for peak in peaks.tolist():
        yield peak if peak <= len(labels) // 2 else peak - len(labels)


def _coded(code: Tensor, classes: Whole) -> Tensor:  # (N,)
    index = torch.from_numpy(classes)
    known = index >= 0
    values = code[index.clamp(min=0)]
    # Without the mean every shift would fit by how common the classes are.
    return torch.where(known, values - values[known].mean(), 0.0)
