"""What an analysis is going to cost, on one screen: the answer first."""

from __future__ import annotations

from nctool.core.text import amount, count, duration, number
from nctool.render.lines import BLANK, Line, hanging, line, table
from nctool.report.estimate import Estimate, Stage

STAGES = {
    "first_sweep": "first pass",
    "second_sweep": "second pass",
    "ood_sweep": "out-of-distribution pass",
    "mean_geometry": "geometry of means",
    "weight_geometry": "geometry of rows",
    "logdet_means": "log-determinant of means",
    "logdet_weights": "log-determinant of rows",
    "seli": "targets of unequal classes",
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
INDENT = 12


def lines(estimate: Estimate, width: int) -> list[Line]:
    """Sentence, what is read, computed and held, the stages, what can be left out."""
    return [
        *_subject(estimate),
        BLANK,
        *_answer(estimate),
        BLANK,
        *_facts(estimate, width),
        BLANK,
        *_stages(estimate),
        *_savings(estimate, width),
        *_without(estimate, width),
    ]


def _subject(estimate: Estimate) -> list[Line]:
    data = estimate.data
    parts = [", ".join(estimate.sources) or "arrays in memory"]
    if estimate.points > 1:
        parts.append(count(estimate.points, "point"))
    if data["n"]:
        parts.append(f"{data['n']:,} × {data['d']:,}, {count(data['k'], 'class', 'classes')}")
    elif data["rows"]:
        parts.append(f"a head of {data['rows']:,} × {data['d']:,}")
    name, *rest = parts
    return [line((name, "title"), "".join(f"   {part}" for part in rest))]


def _answer(estimate: Estimate) -> list[Line]:
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
            )
        ]
    if estimate.savings and estimate.leave_out:
        saving = estimate.savings[0]
        share = "Much" if estimate.share is None else percent(estimate.share)
        out.append(line(f"{share} of it for {words(saving.fact)}; without them:"))
        out.append(line(f"  --metrics '{estimate.leave_out}'"))  # whole, to be copied
    return out


def _facts(estimate: Estimate, width: int) -> list[Line]:
    data = estimate.data
    over = sum(over in ("samples", "present_samples") for over in estimate.passes)
    per = amount(estimate.bytes_per_pass)
    points = f", {count(estimate.points, 'point')}" if estimate.points > 1 else ""
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
        holds += f", in: {words(estimate.largest)}"
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
    rows = [["", "time" if estimate.seconds is not None else "work", "", "operations", "holds"]]
    small: list[Stage] = []
    for stage, weight in weights.items():
        if weight < SMALL * whole:
            small.append(stage)
            continue
        rough = " °" if stage.rough else ""
        rows.append([words(stage.name) + rough, *_cells([stage], whole)])
    if small:
        rows.append(["all else", *_cells(small, whole)])
    out = table(rows, "<>>>>", heads=True)
    if any(stage.rough for stage in estimate.stages if stage not in small):
        out.append(line(("  ° depends on the data: a typical case", "faint")))
    return [*out, BLANK]


def _cells(stages: list[Stage], whole: float) -> list[str]:
    spent = sum(stage.seconds or 0.0 for stage in stages)
    flops = sum(stage.flops for stage in stages)
    timed = stages[0].seconds is not None
    share = (spent if timed else flops) / whole
    return [
        duration(spent) if timed else "", percent(share), scaled(flops),
        amount(max(stage.bytes for stage in stages)),
    ]  # fmt: skip


def _savings(estimate: Estimate, width: int) -> list[Line]:
    out: list[Line] = []
    for saving in estimate.savings:
        saved = scaled(saving.flops) if saving.seconds is None else duration(saving.seconds)
        ids = dict.fromkeys(metric.removesuffix(".means").removesuffix(".weights")
                            for metric in saving.metrics)  # fmt: skip
        head = "" if out else "Left out"
        out += _row(head, f"{saved:>7}  {words(saving.fact)}: {', '.join(ids)}", width)
    return out


def _without(estimate: Estimate, width: int) -> list[Line]:
    """What has no value, and where the speed of this machine is from."""
    out: list[Line] = []
    for refusal in estimate.refused:
        text = f"{', '.join(refusal.metrics)}: --memory {amount(estimate.bytes_allowed)} is less "
        out += _row("Refused", text + f"than the {amount(refusal.bytes)} it takes", width)
    for needs, metrics in estimate.skipped.items():
        out += _row("Skipped", f"{count(len(metrics), 'number')} without {needs}", width)
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


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def scaled(size: float) -> str:
    """``5.9 T``: with the prefix of thousands."""
    power = 0
    while size >= 1000 and power < len(PREFIXES) - 1:
        size, power = size / 1000, power + 1
    return f"{number(size, 2)} {PREFIXES[power]}".rstrip()
