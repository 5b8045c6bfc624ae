"""How a model is run over a loader, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass

from nctool.core.errors import UsageError
from nctool.settings.budget import size_in_bytes
from nctool.settings.option import COMMAND, check_values

USUAL_SPOOL = 20 << 30


def check_tokens(tokens: float) -> None:
    """A share of all tokens up to 1, or a number of them."""
    if not (0 < tokens <= 1 or (tokens > 1 and tokens == int(tokens))):
        hint = "use a share like 0.1, or a whole number of tokens like 100000"
        raise UsageError("bad-tokens", f"tokens {tokens:g} is no share and no number", hint)


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """Which part of a model is looked at, over which samples, and where its rows go."""

    head: str | None = COMMAND.option(
        None,
        "Name of the module that is the classifier.  [default: what explains the logits]",
        metavar="MODULE",
        usual=True,
    )
    layers: str | None = COMMAND.option(
        None,
        "Outputs of several modules, by a glob of their names: the course over depth.",
        metavar="GLOB",
    )
    labels: str | None = COMMAND.option(
        None, "Where the labels are in a batch: a key, or a place.", metavar="KEY"
    )
    out: str | None = COMMAND.option(
        None, "Keep the rows in this folder, for later.", metavar="FOLDER"
    )
    tokens: float | None = COMMAND.option(
        None,
        "Of a language model, a share or a number of tokens.  [default: all]",
        metavar="X",
        check=check_tokens,
    )
    spool: int = COMMAND.option(
        USUAL_SPOOL,
        "Most that rows may take on disk while they are measured; 0 for none.",
        metavar="SIZE",
        read=size_in_bytes,
        shown="20GiB",
    )
    fp32: bool = COMMAND.option(False, "Run the model without autocast.")
    split: str | None = COMMAND.option(
        None, "What the samples are: train, val, test …", metavar="NAME"
    )
    epoch: float | None = COMMAND.option(None, "The epoch of the model.", metavar="N")
    step: int | None = COMMAND.option(None, "The step of the model.", metavar="N")

    def __post_init__(self) -> None:
        check_values(self)
