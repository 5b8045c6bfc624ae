"""Sums of shards, merged and measured, against the samples themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nctool.analysis.measure import measure
from nctool.analysis.merging import merged
from nctool.analysis.summing import statistics_of
from nctool.analysis.whole import WHOLE
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.facts import graph
from nctool.inputs.assemble import assemble
from nctool.inputs.statistics import source_of
from nctool.readers.shared.statistics import Statistics
from nctool.report import Report
from nctool.settings.conventions import PROFILES
from tests.support import sums
from tests.support.law_bench import lazily

EXACT = 1e-9
"""Relative: float64 sums in another order, near collapse over means that are a million spreads
long."""

SHAPES = (
    "long_tail", "relu_features", "class_sorted", "empty_class", "one_sample_class", "no_head",
    "near_collapse_1e-4", "near_collapse_1e-6", "near_collapse_1e-8", "huge_offset",
    "many_classes", "zero_row", "coincident_means",
)  # fmt: skip


def alike(whole: Report, other: Report, skipped: set[str]) -> None:
    """The same numbers, in all and by class; only of some there may be none."""
    for before, after in zip(whole.metrics, other.metrics, strict=True):
        if after.status == "skipped" and before.status != "skipped":
            assert before.id in skipped, (before.id, after.reason)
            continue
        assert (after.status, after.reason) == (before.status, before.reason), before.id
        for one, two in zip(
            [before.value, *(before.per_class or ())],
            [after.value, *(after.per_class or ())],
            strict=True,
        ):
            # What perfect collapse leaves is rounding: that it is no more is all there is to say.
            assert two == (None if one is None else pytest.approx(one, rel=EXACT, abs=1e-13))
        if before.distribution is not None:
            assert after.distribution is not None
            assert after.distribution.p50 == pytest.approx(
                before.distribution.p50, rel=EXACT, abs=1e-13
            )
    for name, value in whole.data.items():
        near = pytest.approx(value, rel=EXACT) if isinstance(value, float) else value
        assert other.data[name] == near, name


# Merged in any order and grouping, the sums of shards give every number of the whole: uneven
# shards, one of a single sample and one of none, classes that a shard has not seen.
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", range(2))
def test_any_grouping(name: str, seed: int) -> None:
    both = sums.both_passes(name, "float32", seed)
    assert both.complete and both.samples == sums.size(name)
    alike(sums.of_samples(name, "float32"), sums.of_sums(both), sums.OVER_ROWS)


# In whatever type the features are stored.
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["long_tail", "near_collapse_1e-4"])
def test_any_type(name: str, dtype: str) -> None:
    both = sums.both_passes(name, dtype, 3)
    alike(sums.of_samples(name, dtype), sums.of_sums(both), sums.OVER_ROWS)


# The file of a whole set has everything that the set has, rows of all samples included.
@pytest.mark.parametrize("name", SHAPES)
def test_whole(name: str) -> None:
    whole = statistics_of(sums.shard(name, "float32"), sums.SETTINGS)
    before, after = sums.of_samples(name, "float32"), sums.of_sums(whole)
    alike(before, after, set())
    assert [notice.slug for notice in after.warnings] == [notice.slug for notice in before.warnings]


# The first pass alone has what it takes, and what is skipped says what to type.
def test_first_pass() -> None:
    means = replace(sums.in_groups(sums.first_pass("long_tail", "float32", 0), 0), path="m.ncstats")
    before, after = sums.of_samples("long_tail", "float32"), sums.of_sums(means)
    for one, two in zip(before.metrics, after.metrics, strict=True):
        if two.status == "skipped" and one.status == "ok":
            assert "nctool stats SOURCE --around m.ncstats -o part" in str(two.reason)
        elif one.value is not None:
            assert two.value == pytest.approx(one.value, rel=EXACT)
    assert after["nc1.pinv"].status == "ok" and after["nc4.accuracy"].status == "skipped"


# Of a second pass nothing is said before all of its parts are there.
def test_incomplete() -> None:
    means = sums.in_groups(sums.first_pass("long_tail", "float32", 0), 0)
    rows = sums.cuts("long_tail", 0)
    part = statistics_of(sums.shard("long_tail", "float32", rows[-1]), sums.SETTINGS, around=means)
    report = sums.of_sums(part)
    assert report["nc4.accuracy"].status == "skipped"
    assert "of which 3 are missing here" in str(report["nc4.accuracy"].reason)
    assert report["nc1.trace_ratio"].value is not None


# That no label is 0 is said of the whole where it holds of every shard, and of no other.
@pytest.mark.parametrize("shards", [(0, 1), (1, 1)])
def test_lowest_label(shards: tuple[int, ...]) -> None:
    source = sums.shard("long_tail", "float32", tuple(range(500)))
    others = sums.shard("long_tail", "float32", tuple(range(500, 1000)))
    said = Notice("labels-start-at-one", "the lowest label is 1"), Notice("other", "stays")
    both = merged(
        [
            replace(statistics_of(each, sums.SETTINGS), notices=said[1 - lowest :])
            for each, lowest in zip((source, others), shards, strict=True)
        ]
    )
    assert both.notices == said[1 - min(shards) :]


# Second passes around different means are not added: the first pass stays.
def test_around_different_means() -> None:
    source = sums.shard("long_tail", "float32", tuple(range(100)))
    others = sums.shard("long_tail", "float32", tuple(range(100, 1000)))
    both = merged([statistics_of(each, sums.SETTINGS) for each in (source, others)])
    assert both.around is None and not both.second
    assert {name.partition("/")[0] for name in both.whole} == {"duplicates"}
    assert both.samples == 1000


# The conventions that later passes depend on are those they were made with, or they are left out.
def test_other_conventions() -> None:
    whole = statistics_of(sums.shard("long_tail", "float32"), sums.SETTINGS)
    other = replace(sums.SETTINGS, convention=PROFILES["papyan"])
    report = measure(source_of(whole), sums.ALL, other).report
    samples = measure(
        sums.shard("long_tail", "float32"), sums.ALL,
        replace(other, compute=replace(other.compute, dtype="float64")),
    ).report  # fmt: skip
    assert "--center is balanced, not samples" in str(report["nc4.mismatch"].reason)
    assert report["nc1.pinv"].value == pytest.approx(samples["nc1.pinv"].value, rel=EXACT)
    with pytest.raises(InputError, match="unit sphere"):
        measure(source_of(whole), sums.ALL, replace(other, convention=PROFILES["jiang"]))
    made = statistics_of(sums.shard("long_tail", "float32"), other)
    assert measure(source_of(made), sums.ALL, other).report["nc4.mismatch"].status == "ok"


# Without a head, classes are row numbers that may end early where the last have no sample.
def test_last_classes_unseen() -> None:
    x = torch.randn(90, 5, generator=torch.Generator().manual_seed(0))
    y = torch.arange(90) % 6
    few = y < 4

    def summed(rows: torch.Tensor, name: str) -> Statistics:
        source = assemble(lazily("features", x[rows]), lazily("labels", y[rows]), None, None)
        return statistics_of(source, sums.SETTINGS, shard=True)

    both = merged([summed(few, "few"), summed(~few, "rest")])
    whole = assemble(lazily("features", x), lazily("labels", y), None, None)
    before = measure(whole, sums.ALL, sums.EXACT).report
    after = sums.of_sums(both)
    assert after["nc1.cdnv"].value == pytest.approx(before["nc1.cdnv"].value, rel=EXACT)
    assert after.data["k"] == 6


# Intervals come from values by class, and so from sums, too.
def test_intervals() -> None:
    drawn = replace(sums.SETTINGS, compute=replace(sums.SETTINGS.compute, bootstrap=100))
    both = sums.both_passes("many_classes", "float64", 0)
    before = measure(sums.shard("many_classes", "float64"), sums.ALL, drawn).report
    after = measure(source_of(both), sums.ALL, drawn).report
    for metric in ("nc1.trace_ratio", "nc4.accuracy", "nc1.cdnv"):
        assert before[metric].ci is not None and after[metric].ci is not None
        assert list(after[metric].ci or ()) == pytest.approx(
            list(before[metric].ci or ()),
            rel=EXACT,
        )


# Sums are measured in the precision they were made in, whatever is asked for.
def test_precision_of_sums() -> None:
    whole = statistics_of(sums.shard("near_collapse_1e-4", "float32"), sums.SETTINGS)
    coarse = replace(sums.SETTINGS, compute=replace(sums.SETTINGS.compute, dtype="float32"))
    report = measure(source_of(whole), sums.ALL, coarse).report
    assert report.settings["products"] == "float64"
    alike(sums.of_samples("near_collapse_1e-4", "float32"), report, set())


# What takes all samples at once is in a file of all samples: every sweep over rows that are kept.
def test_nothing_of_the_whole_is_forgotten() -> None:
    over_rows = {name for name, node in graph().nodes.items() if node.over == "stacks"}
    assert over_rows and over_rows <= WHOLE.keys()


# Samples that two shards share, as padded ones do, are counted; where they lie nobody knows.
def test_copies_between_shards() -> None:
    rows = tuple(range(300))
    shared = [rows[:200], rows[190:]]
    both = merged([
        statistics_of(sums.shard("relu_features", "float32", part), sums.SETTINGS, shard=True)
        for part in shared
    ])  # fmt: skip
    (notice,) = [each for each in sums.of_sums(both).warnings if each.slug == "duplicate-rows"]
    assert notice.message == "10 of 310 samples are exact copies of others"
    apart = sums.in_groups(sums.first_pass("relu_features", "float32", 0), 0)
    assert "duplicate-rows" not in {each.slug for each in sums.of_sums(apart).warnings}
