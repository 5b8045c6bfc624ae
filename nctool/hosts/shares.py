"""Which samples of a loader are a rank's own: each of them once, and none to fill up a batch."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader, IterableDataset, Subset
from torch.utils.data.distributed import DistributedSampler

from nctool.capture.untouched import randomness_of


def share_of(loader: Any, rank: int, size: int) -> Any:
    """A loader of every ``size``-th sample of this one; itself where there is but one rank.

    Samplers for several ranks repeat samples until all have as many (Lightning: 41 samples are 42
    on two ranks), so what they choose from is divided anew. A loader of a stream is left: what it
    gives on each rank is its author's.
    """
    dataset = getattr(loader, "dataset", None)
    if size == 1 or dataset is None or isinstance(dataset, IterableDataset):
        return loader
    batches = loader.batch_sampler
    while hasattr(batches, "batch_sampler"):  # accelerate wraps the one for a single process
        batches = batches.batch_sampler
    sampler = getattr(batches, "sampler", loader.sampler)
    restore = randomness_of(loader)
    everything = isinstance(sampler, DistributedSampler)
    chosen = range(len(dataset)) if everything else sorted(set(sampler))
    restore()
    return DataLoader(
        Subset(dataset, chosen[rank::size]),
        batch_size=getattr(batches, "batch_size", None) or loader.batch_size or 1,
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
    )
