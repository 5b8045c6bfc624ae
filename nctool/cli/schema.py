"""``nctool schema``: what a report may hold, as a JSON Schema."""

from __future__ import annotations

from nctool.cli.shell import with_exit_codes, write_out


@with_exit_codes
def schema() -> None:
    """Print the JSON Schema of the report."""
    import json

    from nctool.report import schema as published

    write_out("-", json.dumps(published(), indent=2))
