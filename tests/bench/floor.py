"""What nobody avoids, and what a textbook would compute: to time against, and to compare with."""

from __future__ import annotations

import torch

from tests.bench.populations import ROWS, Data


def floor(data: Data) -> None:
    """Two plain reads and the bare float32 product X [M; W]', in blocks into one reused buffer."""
    for _ in range(2):
        for block in data.features.split(ROWS):  # type: ignore[no-untyped-call]
            float(block.sum())
    columns = torch.cat([data.means, data.weight]).T.contiguous()
    rows = max(256, min(4096, (32 << 20) // (4 * columns.shape[1])))
    out = torch.empty(rows, columns.shape[1])
    for block in data.features.split(rows):  # type: ignore[no-untyped-call]
        torch.mm(block, columns, out=out[: len(block)])


def bare(data: Data) -> None:
    """The same product in one call, all scores at once, as one would write it without thinking."""
    torch.mm(data.features, torch.cat([data.means, data.weight]).T)


def plain(data: Data, classes: int) -> dict[str, float]:
    """Textbook float64, everything in memory: to compare answers with, not to time."""
    count = torch.bincount(data.labels, minlength=classes).double()
    means = torch.zeros(classes, data.features.shape[1], dtype=torch.float64)
    for start in range(0, len(data.labels), ROWS):
        part = slice(start, start + ROWS)
        means.index_add_(0, data.labels[part], data.features[part].double())
    means /= count[:, None]
    centred = means - means.mean(0)
    scatter = torch.zeros(means.shape[1], means.shape[1], dtype=torch.float64)
    spread = torch.zeros(classes, dtype=torch.float64)
    head = nearest = mismatch = 0
    weight, bias = data.weight.double(), data.bias.double()
    for start in range(0, len(data.labels), ROWS):
        part = slice(start, start + ROWS)
        x, y = data.features[part].double(), data.labels[part]
        z = x - means[y]
        scatter += z.T @ z
        spread.index_add_(0, y, z.square().sum(1))
        chosen = (x @ weight.T + bias).argmax(1)
        # |x - m|^2 less |x|^2, from the middle of the means, which is near all samples.
        middle = means.mean(0)
        closest = (2 * (x - middle) @ centred.T - centred.square().sum(1)).argmax(1)
        head += int((chosen == y).sum())
        nearest += int((closest == y).sum())
        mismatch += int((chosen != closest).sum())
    within, between = scatter / len(data.labels), centred.T @ centred / classes
    inverse = torch.linalg.pinv(between, hermitian=True, rtol=1e-10)
    variance, samples = spread / count, len(data.labels)
    apart = torch.pdist(means).square()
    first, second = torch.triu_indices(classes, classes, 1)
    return {
        "nc1.pinv": float((within * inverse).sum()) / classes,
        "nc1.trace_ratio": float(within.trace() / between.trace()),
        "nc1.cdnv": float(((variance[first] + variance[second]) / (2 * apart)).mean()),
        "nc4.accuracy": head / samples,
        "nc4.ncc_accuracy": nearest / samples,
        "nc4.mismatch": mismatch / samples,
    }
