"""The options that commands share: one definition each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from nctool.core.choices import Center, Ci, Missing, Pool, Precision, Reach, Rows, SortBy, Which

if TYPE_CHECKING:
    from nctool.inputs.sources import Wishes


ROLES, COMPUTE, OUTPUT, GATES = "Roles", "Compute", "Output", "Gates"


def _key(role: str) -> str:
    return f"{role}: [PATH::]KEY, globs allowed."


Features = Annotated[
    str | None, typer.Option(help=_key("Features (N, d)"), metavar="KEY", rich_help_panel=ROLES)
]
Labels = Annotated[
    str | None, typer.Option(help=_key("Labels (N,)"), metavar="KEY", rich_help_panel=ROLES)
]
Head = Annotated[
    str | None,
    typer.Option(help=_key("Classifier weight (K, d)"), metavar="KEY", rich_help_panel=ROLES),
]
Bias = Annotated[
    str | None,
    typer.Option(
        help=_key("Classifier bias (K,)") + " 'none' for none.",
        metavar="KEY",
        rich_help_panel=ROLES,
    ),
]
Weights = Annotated[
    Which, typer.Option(help="Which copy, where there are two.", rich_help_panel=ROLES)
]
Split = Annotated[
    str | None,
    typer.Option(help="train, val, test … where a file holds several.", rich_help_panel=ROLES),
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="Number of classes, or their names: one per line, JSON, or a tokenizer.",
        metavar="N|FILE",
        rich_help_panel=ROLES,
    ),
]
IgnoreLabel = Annotated[
    list[int] | None,
    typer.Option(
        help="Label left out (repeatable).  [default: -100]",
        metavar="INT",
        rich_help_panel=ROLES,
        show_default=False,
    ),
]
Pooling = Annotated[
    Pool | None, typer.Option(help="One vector from a sequence of them.", rich_help_panel=ROLES)
]
TransposeHead = Annotated[
    bool, typer.Option("--transpose-head", help="The head is (d, K).", rich_help_panel=ROLES)
]
Ood = Annotated[
    str | None,
    typer.Option(
        help="Out-of-distribution features: PATH[::KEY].", metavar="SPEC", rich_help_panel=ROLES
    ),
]
LogitScale = Annotated[
    float | None,
    typer.Option(
        help="The head is a cosine head: logits are this many times cos(h, w), without bias.",
        metavar="S",
        rich_help_panel=ROLES,
    ),
]
SaveRoles = Annotated[
    bool,
    typer.Option(
        "--save-roles",
        help="Write the roles to [tool.nctool.roles], for the next time.",
        rich_help_panel=ROLES,
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated ids or globs.  [default: all that the inputs allow]",
        metavar="GLOB,...",
        rich_help_panel=COMPUTE,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        help="A paper's conventions: papyan, notebook, zhu, zhou, jiang, wu-papyan, galanti, "
        "rangamani, he-su.",
        metavar="NAME",
        rich_help_panel=COMPUTE,
    ),
]
Centering = Annotated[
    Center | None,
    typer.Option(
        help="Global mean: of the class means, or of all samples.  [default: balanced]",
        rich_help_panel=COMPUTE,
        show_default=False,
    ),
]
PerClass = Annotated[
    bool,
    typer.Option("--per-class", help="Every class's own value.", rich_help_panel=COMPUTE),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda[:i] or mps.", rich_help_panel=COMPUTE)]
Dtype = Annotated[
    Precision | None,
    typer.Option(
        help="Precision of the large products.  [default: float32; float64 for float64 features]",
        rich_help_panel=COMPUTE,
        show_default=False,
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="CPU threads.", min=1, max=1024, rich_help_panel=COMPUTE)
]
Gap = Annotated[
    float,
    typer.Option(
        help="Relative distance between the certified bounds of a margin.",
        rich_help_panel=COMPUTE,
    ),
]
Margin = Annotated[
    Reach,
    typer.Option(
        help="Certify the margin of every class, or only the least.", rich_help_panel=COMPUTE
    ),
]
MarginRows = Annotated[
    Rows,
    typer.Option(
        help="Margins of rows scaled to length one, or as stored.", rich_help_panel=COMPUTE
    ),
]
Memory = Annotated[
    str,
    typer.Option(
        help="What one computation may hold, like 4GiB.",
        metavar="SIZE",
        rich_help_panel=COMPUTE,
    ),
]
Alpha = Annotated[
    float,
    typer.Option(help="Weight between classes in the hug gaps.", rich_help_panel=COMPUTE),
]
Beta = Annotated[
    float, typer.Option(help="Weight within classes in the hug gaps.", rich_help_panel=COMPUTE)
]
Bootstrap = Annotated[
    int,
    typer.Option(
        help="Intervals of means over classes, from so many draws; 0 for none.",
        metavar="N",
        rich_help_panel=COMPUTE,
    ),
]
Seed = Annotated[int, typer.Option(help="For whatever is sampled.", rich_help_panel=COMPUTE)]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="Same input, same digest.", rich_help_panel=COMPUTE),
]
Json = Annotated[
    str | None,
    typer.Option(help="Write the report as JSON; - for stdout.", metavar="FILE|-",
                 rich_help_panel=OUTPUT),
]  # fmt: skip
Arrays = Annotated[
    str | None,
    typer.Option(
        help="Write Gram matrices, spectra and per-class values.",
        metavar="FILE.safetensors",
        rich_help_panel=OUTPUT,
    ),
]
Width = Annotated[
    int | None, typer.Option(help="Columns of the text report.", min=40, rich_help_panel=OUTPUT)
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="No report, warnings only.", rich_help_panel=OUTPUT)
]
NoProgress = Annotated[
    bool, typer.Option("--no-progress", help="No progress bar.", rich_help_panel=OUTPUT)
]


Output = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "--output",
        help="Write a file, its kind by suffix: .html .md .json .csv .xml .prom .svg .pdf .png.",
        metavar="FILE",
        rich_help_panel=OUTPUT,
    ),
]
CiKind = Annotated[
    Ci,
    typer.Option("--ci", help="Annotations for the log of a CI job.", rich_help_panel=OUTPUT),
]
Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", help="What took how long, too.", rich_help_panel=OUTPUT),
]
Plot = Annotated[bool, typer.Option("--plot", help="Draw the main curves.", rich_help_panel=OUTPUT)]
Gate = Annotated[
    list[str] | None,
    typer.Option(
        help="A rule such as 'nc1.pinv <= 0.05' or 'ratio(nc1.pinv) < 1.1' (repeatable).",
        metavar="RULE",
        rich_help_panel=GATES,
    ),
]
TolerancePerId = Annotated[
    list[str] | None,
    typer.Option(
        "--tolerance",
        help="How far a number may move from the baseline's: ID=rel:5%,abs:0.002 (repeatable).",
        metavar="RULE",
        rich_help_panel=GATES,
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(help="The report to look back to.", metavar="FILE", rich_help_panel=GATES),
]
OnMissing = Annotated[
    Missing | None,
    typer.Option(
        help="What a gated number that is missing means.  [default: fail]",
        rich_help_panel=GATES,
        show_default=False,
    ),
]
WarnOnly = Annotated[
    bool,
    typer.Option("--warn-only", help="Gates warn and never fail.", rich_help_panel=GATES),
]
Sort = Annotated[
    SortBy | None,
    typer.Option(help="Order of the rows.  [default: as computed]", show_default=False),
]


def wishes(
    features: str | None,
    labels: str | None,
    head: str | None,
    bias: str | None,
    weights: Which,
    split: str | None,
    classes: str | None,
    ignore_label: list[int] | None,
    pool: Pool | None,
    transpose_head: bool,
    ood: str | None,
    origin: Mapping[str, str],
) -> Wishes:
    """The role options as one value."""
    from nctool.inputs.sources import Wishes
    from nctool.roles import Request

    request = Request(
        features, labels, head, bias, weights.value, split, transpose_head,
        None if pool is None else pool.value,
    )  # fmt: skip
    return Wishes(
        request,
        ood,
        None if pool is None else pool.value,
        classes,
        tuple(ignore_label) if ignore_label else (-100,),
        origin,
    )
