"""The answer as a value: reports, trajectories, comparisons, gates. Standard library only."""

from nctool.report.report import (
    SCHEMA_ID,
    SCHEMA_VERSION,
    ClassValue,
    Direction,
    Distribution,
    Input,
    Reference,
    Report,
    Result,
    Status,
    result_to_dict,
    schema,
)

__all__ = [
    "SCHEMA_ID",
    "SCHEMA_VERSION",
    "ClassValue",
    "Direction",
    "Distribution",
    "Input",
    "Reference",
    "Report",
    "Result",
    "Status",
    "result_to_dict",
    "schema",
]
