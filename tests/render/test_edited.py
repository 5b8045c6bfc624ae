"""Reports that somebody edited by hand: shown as far as they go, and never with an invention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nctool.render import renderers, summary
from nctool.render.values.subject import moments
from tests.support.saved import report, trajectory


# A setting that is unknown or gone is said so, where it used to be a crash.
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"center": "moon"}, "centred by moon, which this version does not know"),
        ({"center": "a\x1b[0m"}, "centred by a\\x1b[0m, which"),
        ({"center": None, "device": None, "threads": None}, "centred by None"),
        ({"threads": "many"}, "cpu"),
    ],
)
def test_settings(changed: dict[str, Any], said: str) -> None:
    whole = report()
    edited = replace(whole, settings={**whole.settings, **changed})
    shown = " ".join("".join(text for text, _ in line) for line in summary.provenance(edited, 200))
    assert said in shown and "\x1b" not in shown


# A trajectory with one point goes from nowhere to nowhere, in every kind of file.
@pytest.mark.parametrize("suffix", sorted(renderers()))
def test_one_point(suffix: str) -> None:
    whole = trajectory()
    single = replace(whole, points=whole.points[-1:], facts={})
    assert moments(single) == "1 checkpoint, epoch 1000"
    written = renderers()[suffix].render(single, None, suffix)
    assert written and (isinstance(written, bytes) or "to epoch" not in written)
