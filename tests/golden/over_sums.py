"""Messages about sums over samples: files of nctool stats that do not belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nctool import analyze, inspect, merge, stats
from nctool.readers.shared.statistics import Statistics
from nctool.readers.statistics_file import write_statistics

MODULES = {
    "alike": "analysis/alike.py",
    "summing": "analysis/summing.py",
    "reading": "analysis/reading.py",
    "packing": "engine/packing.py",
    "whole": "analysis/whole.py",
    "statistics": "inputs/statistics.py",
    "summed": "inputs/summed.py",
    "statistics_file": "readers/statistics_file.py",
}

FEATURES = torch.arange(48.0).reshape(12, 4).sin()
LABELS, HEAD = torch.arange(12) % 3, torch.eye(3, 4)


def summed(name: str, rows: int = 12, **given: Any) -> Statistics:
    """The sums of some samples, in a file of this name."""
    arrays = {"features": FEATURES[:rows], "labels": LABELS[:rows], "weight": HEAD}
    return stats(**{"shard": True, **arrays, **given}, out=f"{name}.ncstats")


def merged(**other: Any) -> None:
    """Two files that differ in this."""
    summed("a")
    summed("b", **{"features": FEATURES + 1, **other})
    merge("a.ncstats", "b.ncstats", out="all.ncstats")


def changed(**fields: Any) -> None:
    """A file that was written with other fields, measured."""
    statistics = replace(summed("a"), **fields)
    write_statistics("a.ncstats", statistics)
    summed("b", features=FEATURES + 1)
    merge("a.ncstats", "b.ncstats", out="all.ncstats")


def spoilt(group: str, name: str, tensor: torch.Tensor) -> None:
    """A file whose checksum holds over a tensor that is none of these sums."""
    statistics = summed("a", shard=False)
    sums: dict[str, Any] = {group: {**getattr(statistics, group), name: tensor}}
    write_statistics("a.ncstats", replace(statistics, **sums))
    analyze("a.ncstats")


def none_of_the_parts() -> None:
    summed("all")
    summed("a", features=FEATURES + 1, shard=False, around="all.ncstats")


def of_a_later_format() -> None:
    summed("a")
    data = Path("a.ncstats").read_bytes()
    # In the header the JSON of the metadata is text, with its quotes escaped.
    Path("a.ncstats").write_bytes(data.replace(b'\\"format\\":1', b'\\"format\\":2'))
    inspect("a.ncstats")


def beside(**arrays: torch.Tensor) -> None:
    """A file of sums, and arrays in another file."""
    from safetensors.torch import save_file

    save_file({name.replace("_", "."): each for name, each in arrays.items()}, "b.safetensors")
    analyze("a.ncstats", "b.safetensors")


def another_head() -> None:
    summed("a")
    beside(fc_weight=2 * HEAD)


def head_of_other_classes() -> None:
    summed("a", weight=None, class_names=["ant", "bee", "cat"])
    beside(fc_weight=torch.eye(4))


def samples_beside() -> None:
    summed("a")
    beside(features=FEATURES, labels=LABELS)


def another_split() -> None:
    write_statistics("a.ncstats", replace(summed("a"), run={"split": "train"}))
    analyze("a.ncstats", split="test")


def two_files() -> None:
    summed("ants")
    summed("bees", features=FEATURES + 1)
    analyze("ants.ncstats", "bees.ncstats")


def no_sums() -> None:
    torch.save({"fc.weight": HEAD}, "model.pt")
    merge("model.pt", out="all.ncstats")


def on_the_sphere() -> None:
    summed("a")
    analyze("a.ncstats", profile="jiang")


CASES: dict[str, Callable[[], object]] = {
    "alike.merge-dimensions": lambda: merged(features=torch.ones(12, 5), weight=torch.eye(3, 5)),
    "alike.merge-heads": lambda: merged(weight=2 * HEAD),
    "alike.merge-heads.none": lambda: merged(weight=None),
    "alike.merge-classes": lambda: merged(class_names=["ant", "bee", "cat"]),
    "alike.merge-precision": lambda: merged(features=FEATURES.half()),
    "alike.merge-conventions": lambda: merged(center="samples", logit_scale=30.0),
    "alike.merge-layers": lambda: changed(layer="layer3"),
    "alike.merge-moments": lambda: changed(run={"epoch": 3, "split": "train"}),
    "alike.merge-twice": lambda: merged(features=FEATURES),
    "summing.no-samples": lambda: stats(weight=HEAD, out="a.ncstats"),
    "summing.not-a-part": none_of_the_parts,
    "reading.sums-of-another-convention": on_the_sphere,
    "packing.sums-do-not-fit": lambda: spoilt("second", "agreed", torch.ones(7).double()),
    "whole.sums-do-not-fit": lambda: spoilt("whole", "kept_choice/limit", torch.tensor(9)),
    "statistics.sums-do-not-fit": lambda: spoilt(
        "first", "sample_sums/count", -torch.ones(3).double()
    ),
    "summed.no-sums": no_sums,
    "summed.several-sums": two_files,
    "summed.sums-and-samples": samples_beside,
    "summed.sums-of-another-head": another_head,
    "summed.sums-against-head": head_of_other_classes,
    "summed.sums-of-another-split": another_split,
    "statistics_file.statistics-format": of_a_later_format,
}
