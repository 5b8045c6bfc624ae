"""Settings with a few named values: one list each, for the command line and for files."""

from __future__ import annotations

from enum import StrEnum


class Which(StrEnum):
    raw = "raw"
    ema = "ema"


class Center(StrEnum):
    balanced = "balanced"
    samples = "samples"


class Precision(StrEnum):
    float64 = "float64"
    float32 = "float32"


class Reach(StrEnum):
    all = "all"
    min = "min"


class Rows(StrEnum):
    unit = "unit"
    raw = "raw"


class Pool(StrEnum):
    cls = "cls"
    mean = "mean"
    last = "last"


class Missing(StrEnum):
    fail = "fail"
    warn = "warn"


class SortBy(StrEnum):
    id = "id"
    change = "change"


class Ci(StrEnum):
    auto = "auto"
    github = "github"
    gitlab = "gitlab"
    none = "none"
