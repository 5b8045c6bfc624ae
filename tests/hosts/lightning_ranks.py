"""A training of two processes, and what its callbacks log: written to a folder that is named."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch

import nctool


def main(folder: Path) -> None:
    # Imported where Lightning's own warnings are no errors.
    from tests.hosts.test_lightning import Module, loader, logged, trainer

    collapses = [
        nctool.lightning.Collapse(metrics=None),
        nctool.lightning.Collapse(loader(2), prefix="given/", metrics=None),
    ]

    class Saved(Module):
        """The processes end with the training: what is known is written before."""

        def on_fit_end(self) -> None:
            if self.global_rank == 0:
                state = {
                    "validation": logged(self.trainer),
                    "given": logged(self.trainer, "given/"),
                    "counts": [collapse.reports[0].data["n"] for collapse in collapses],
                    "network": self.network.state_dict(),
                }
                torch.save(state, folder / "state.pt")

    host = trainer(folder, *collapses, strategy="ddp_fork", devices=2, max_epochs=1)
    host.fit(Saved(), loader(0), loader(1))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
