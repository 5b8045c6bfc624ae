"""What an analysis is going to cost, on one screen: the answer first."""

from __future__ import annotations

from nctool.core.text import (
    amount,
    count,
    duration,
    durations,
    number,
    one_line,
    percentages,
    shortened,
)  # fmt: skip
from nctool.render.lines import BLANK, Line, hanging, line, table, wrapped
from nctool.report.estimate import Estimate

STAGES = {
    "first_sweep": "first pass",
    "second_sweep": "second pass",
    "ood_sweep": "out-of-distribution pass",
    "mean_geometry": "geometry of means",
    "weight_geometry": "geometry of rows",
    "logdet_means": "log-determinant of means",
    "logdet_weights": "log-determinant of rows",
    "seli": "targets of unequal classes",
    "results": "the numbers",
}
FACTS = {
    "log_determinant": "log-determinants",
    "mean_lines": "lines between class means",
    "kernels": "kernels within classes",
    "pair_distances": "pairs within classes",
    "unit_whitened": "whitening on the sphere",
    "whitened": "whitening",
    "raw_whitened": "whitening",
    "mean_rule": "nearest class means",
    "head_rule": "scores of the head",
    "kept_choice": "kept samples",
    "kept_samples": "kept samples",
    "stacks": "kept samples of each class",
    "near": "distances to directions",
    "head_decisions": "decisions of the head",
}
SMALL = 0.01
"""Of the whole: stages under it are told together."""
PREFIXES = ("", "k", "M", "G", "T", "P")
INPUTS = {"ood": "out-of-distribution features (--ood)"}
"""What is missing, where its name alone says little."""
START = "beside a few seconds and 0.3 GiB for Python and torch themselves"
INDENT = 12
LEAST_NAME = 12


def lines(estimate: Estimate, width: int) -> list[Line]:
    """Sentence, what is read, computed and held, the stages, what can be left out."""
    return [
        *_subject(estimate, width),
        BLANK,
        *_answer(estimate, width),
        BLANK,
        *_facts(estimate, width),
        BLANK,
        *_stages(estimate),
        *_savings(estimate, width),
        *_without(estimate, width),
    ]


def _subject(estimate: Estimate, width: int) -> list[Line]:
    data = estimate.data
    parts = []
    if estimate.points > 1:
        parts.append(f"{estimate.points} checkpoints or layers")
    if data["n"]:
        parts.append(f"{data['n']:,} × {data['d']:,}, {count(data['k'], 'class', 'classes')}")
    elif data["rows"]:
        parts.append(f"a head of {data['rows']:,} × {data['d']:,}")
    sizes = "".join(f"   {part}" for part in parts)
    name = one_line(", ".join(estimate.sources)) or "arrays in memory"
    return [line((shortened(name, max(width - len(sizes), LEAST_NAME)), "title"), sizes)]


def _answer(estimate: Estimate, width: int) -> list[Line]:
    """The number that decides whether to start, and what it is made of."""
    held = amount(estimate.bytes_held)
    each = f" in each of {estimate.processes} processes" if estimate.processes > 1 else ""
    if estimate.seconds is None:
        out = [line((f"{held}{each}; how long cannot be said", "title"))]
    else:
        out = [
            line(
                (f"About {duration(estimate.seconds)} and {held}{each}", "title"),
                (f"   (within {estimate.within:g} ×)", "faint"),
            ),
            *wrapped(START, width, style="faint"),
        ]
    if estimate.savings and estimate.leave_out:
        saving = estimate.savings[0]
        share = "Much" if estimate.share is None else f"{100 * estimate.share:.0f} %"
        out.append(line(f"{share} of it for {words(saving.fact)}; without them:"))
        out.append(line(f"  --metrics '{estimate.leave_out}'"))  # whole, to be copied
    return out


def _facts(estimate: Estimate, width: int) -> list[Line]:
    data = estimate.data
    over = sum(over in ("samples", "present_samples") for over in estimate.passes)
    per = amount(estimate.bytes_per_pass)
    points = f", {estimate.points} times" if estimate.points > 1 else ""
    if over and estimate.bytes_read:
        reads = f"{count(over, 'pass', 'passes')} over {per} of {data['dtype']} features{points}"
    elif data["n"]:
        reads = "no features: sums over them are there"
    else:
        reads = "the head alone"
    flops = {name: size for name, size in estimate.flops.items() if size}
    computes = ", ".join(f"{scaled(size)} operations in {name}" for name, size in flops.items())
    holds = f"{amount(estimate.bytes_held)} at most"
    if estimate.largest:
        holds += f" ({words(estimate.largest)})"
    out = [("Reads", reads), ("Computes", computes or "next to nothing"), ("Holds", holds)]
    return [row for head, text in out for row in _row(head, text, width)]


def _row(head: str, text: str, width: int) -> list[Line]:
    return hanging([(f"{head:<{INDENT}}", "faint")], text, width - 2, " " * INDENT)


def _stages(estimate: Estimate) -> list[Line]:
    """Those that take time, in order; small ones in a row of their own."""
    weights = {stage: stage.seconds or stage.flops for stage in estimate.stages}
    whole = sum(weights.values())
    if not whole:
        return []
    timed = estimate.seconds is not None
    large = [[stage] for stage, weight in weights.items() if weight >= SMALL * whole]
    small = [stage for stage, weight in weights.items() if weight < SMALL * whole]
    groups = [*large, small] if small else large
    spent = [sum(weights[stage] for stage in group) for group in groups]
    rows = [["", "time" if timed else "", "" if timed else "work", "operations", "holds"]]
    times = durations(spent, whole) if timed else [""] * len(groups)
    for group, time, share in zip(groups, times, percentages(spent), strict=True):
        name = "all else"
        if group is not small:
            name = words(group[0].name) + (" °" if group[0].rough else "")
        flops = scaled(sum(stage.flops for stage in group))
        rows.append([name, time, share, flops, amount(max(stage.bytes for stage in group))])
    out = table(rows, "<>>>>", heads=True)
    if any(stage.rough for stage in estimate.stages if stage not in small):
        out.append(line(("  ° depends on the data: a typical case", "faint")))
    return [*out, BLANK]


def _savings(estimate: Estimate, width: int) -> list[Line]:
    """What would be saved, each alone: one metric may stand in several."""
    out: list[Line] = []
    for saving in estimate.savings:
        saved = scaled(saving.flops)
        if saving.seconds is not None and estimate.seconds is not None:
            saved = durations([saving.seconds], estimate.seconds)[0]
        ids = dict.fromkeys(metric.removesuffix(".means").removesuffix(".weights")
                            for metric in saving.metrics)  # fmt: skip
        head = "" if out else "Could save"
        out += _row(head, f"{saved:>7}  {words(saving.fact)}: {', '.join(ids)}", width)
    return out


def _without(estimate: Estimate, width: int) -> list[Line]:
    """What has no value, and where the speed of this machine is from."""
    out: list[Line] = []
    for refusal in estimate.refused:
        needs = f"{amount(refusal.bytes)} needed, --memory allows {amount(estimate.bytes_allowed)}"
        out += _row("Refused", f"{', '.join(refusal.metrics)}: {needs}", width)
    for needs, metrics in estimate.skipped.items():
        *others, last = (INPUTS.get(name, name) for name in needs.split(" and "))
        absent = f"{', '.join(others)} and {last}" if others else last
        out += _row("Skipped", f"{count(len(metrics), 'number')} without {absent}", width)
    rates = estimate.rates
    said = str(rates["from"])
    if "single" in rates:
        said += (
            f"; {scaled(rates['single'])} operations/s in float32, {scaled(rates['double'])} in "
            f"float64, {amount(rates['bytes'])}/s"
        )
    return out + _row("Speed", said, width)


def words(name: str) -> str:
    """A stage or a fact as people call it."""
    if known := STAGES.get(name) or FACTS.get(name):
        return known
    for ending, of in (("_means", " of means"), ("_weights", " of rows")):
        if name.endswith(ending):
            return words(name.removesuffix(ending)) + of
    return name.partition("[")[0].replace("_", " ")


def scaled(size: float) -> str:
    """``5.9 T``: with the prefix of thousands."""
    power = 0
    while size >= 1000 and power < len(PREFIXES) - 1:
        size, power = size / 1000, power + 1
    return f"{number(size, 2)} {PREFIXES[power]}".rstrip()
