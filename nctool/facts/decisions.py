"""The second pass: residuals from the class means, whitened; decisions and margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.fact import Accumulator, fact, sweep

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.engine.block import Part, Product
    from nctool.engine.device import Engine
    from nctool.facts.samples import Sizes
    from nctool.geometry.pairs import Pairs
    from nctool.report import Distribution
    from nctool.settings.conventions import Convention
    from nctool.statistics.decisions import (
        CosineMargins,
        HeadRight,
        HeadRule,
        LogitMargins,
        MeanRight,
        MeanRule,
    )
    from nctool.statistics.moments import Moments
    from nctool.statistics.parts import InverseLengths, Origin, Residual, Squares
    from nctool.statistics.whitening import Spectrum, Whitener


@fact()
def residual(sizes: Sizes, moments: Moments, engine: Engine) -> Residual:
    """Sample minus class mean."""
    from nctool.statistics.parts import Centres, Residual

    return Residual(Centres(moments.mean.to(engine.work)))


@fact()
def residual_squares(residual: Residual) -> Squares:
    from nctool.statistics.parts import Squares

    return Squares(residual)


@fact()
def inverse_lengths(residual: Residual, residual_squares: Squares) -> InverseLengths:
    """1/|x| of each sample."""
    from nctool.statistics.parts import InverseLengths

    return InverseLengths(residual, residual_squares)


@fact()
def span(whitening: Whitener, residual: Residual) -> Product | None:
    """The residuals in the span of the class means, where that is less than everything."""
    from nctool.statistics.whitening import span_of

    return span_of(whitening, residual)


@sweep(over="present_samples")
def raw_whitened(
    between: float,
    whitening: Whitener,
    residual: Residual,
    span: Product | None,
    class_counts: Tensor,
) -> Accumulator[Tensor]:
    """Sums of z' S_B^+ z, z from class means in the working precision."""
    from nctool.statistics.sums import ClassSums
    from nctool.statistics.whitening import Whitened, worth_fusing

    reads = worth_fusing(residual, span)
    part = Whitened(whitening, residual, span)
    return ClassSums(part, len(class_counts), class_counts.device, reads=reads)


@fact()
def whitened(
    raw_whitened: Tensor, whitening: Whitener, moments: Moments, residual: Residual
) -> Tensor:  # (K,)
    """The same from the class means themselves."""
    from nctool.statistics.whitening import corrected

    used = residual.centres.table
    return corrected(raw_whitened, whitening, moments.mean, used, moments.count)


@sweep(over="present_samples")
def unit_whitened(
    unit_whitening: Whitener,
    residual: Residual,
    inverse_lengths: InverseLengths,
    sphere_moments: Moments,
) -> Accumulator[Tensor]:
    """(K,) The sums of z' S_B^+ z of features of length one."""
    from nctool.statistics import whitening as statistics
    from nctool.statistics.sums import ClassSums

    unit, inverse = sphere_moments.unit_mean, sphere_moments.inverse_norm
    assert unit is not None and inverse is not None
    span = statistics.span_of(unit_whitening, residual)
    part = statistics.unit_whitened(unit_whitening, residual, inverse_lengths, span, unit, inverse)
    reads = statistics.worth_fusing(residual, span)
    return ClassSums(part, len(unit), unit.device, reads=reads)


@fact()
def score_origin(
    moments: Moments, global_mean: Tensor, residual: Residual, residual_squares: Squares
) -> Origin:
    """From where scores are taken."""
    from nctool.statistics.parts import origin_of

    return origin_of(moments, global_mean, residual, residual_squares)


@fact()
def head_rule(
    sizes: Sizes,
    weight: Tensor,
    bias: Tensor | None,
    columns: Tensor,
    score_origin: Origin,
    convention: Convention,
    engine: Engine,
) -> HeadRule:
    """What the head decides."""
    from nctool.statistics.decisions import HeadRule

    decides = bias.to(engine.device) if bias is not None and convention.bias_decides else None
    return HeadRule(weight, decides, columns, score_origin)


@fact(of="means")
def mean_rule(
    sizes: Sizes,
    moments: Moments,
    global_mean: Tensor,
    pairs: Pairs,
    score_origin: Origin,
    residual_squares: Squares,
    spectrum: Spectrum,
    span: Product | None = None,
) -> MeanRule:
    """What the nearest class mean decides."""
    from nctool.statistics.decisions import MeanRule

    usable = score_origin.kind == "class" and spectrum.rank == spectrum.full
    return MeanRule(
        moments.mean,
        global_mean,
        pairs.nearest,
        score_origin,
        residual_squares,
        span=span if usable else None,
    )


@fact()
def head_right_rows(head_rule: HeadRule) -> HeadRight:
    """Where the head is right."""
    from nctool.statistics.decisions import HeadRight

    return HeadRight(head_rule)


@fact()
def mean_right_rows(mean_rule: MeanRule) -> MeanRight:
    """Where the nearest class mean is right."""
    from nctool.statistics.decisions import MeanRight

    return MeanRight(mean_rule)


@sweep(over="present_samples")
def head_right(
    head_right_rows: HeadRight, head_rule: HeadRule, class_counts: Tensor
) -> Accumulator[Tensor]:
    """(K,) How many samples the head gets right."""
    return _counting(head_right_rows, class_counts, head_rule)


@sweep(over="present_samples")
def mean_right(
    mean_right_rows: MeanRight, mean_rule: MeanRule, class_counts: Tensor
) -> Accumulator[Tensor]:
    """(K,) How many samples the nearest class mean gets right."""
    return _counting(mean_right_rows, class_counts, None, mean_rule.width)


@sweep(over="present_samples")
def agreed(
    head_rule: HeadRule,
    mean_rule: MeanRule,
    head_right_rows: HeadRight,
    mean_right_rows: MeanRight,
    class_counts: Tensor,
) -> Accumulator[Tensor]:
    """(K,) How often both choose the same class."""
    from nctool.statistics.decisions import Agreement

    part = Agreement(head_rule, mean_rule, head_right_rows, mean_right_rows)
    return _counting(part, class_counts, head_rule, mean_rule.width)


@fact()
def logit_margins(head_rule: HeadRule) -> LogitMargins:
    """Own logit minus the best other."""
    from nctool.statistics.decisions import LogitMargins

    return LogitMargins(head_rule)


@fact()
def cosine_margins(head_rule: HeadRule, inverse_lengths: InverseLengths) -> CosineMargins:
    """Own cosine minus the best other."""
    from nctool.statistics.decisions import CosineMargins

    return CosineMargins(head_rule, inverse_lengths)


@sweep(over="present_samples")
def logit_margin_sums(
    logit_margins: LogitMargins, head_rule: HeadRule, class_counts: Tensor
) -> Accumulator[Tensor]:
    """(K,) Their sums by class."""
    return _counting(logit_margins, class_counts, head_rule)


@sweep(over="present_samples")
def logit_margin_spread(
    logit_margins: LogitMargins, head_rule: HeadRule
) -> Accumulator[Distribution]:
    """Their distribution over samples."""
    from nctool.statistics.distribution import Spread

    return Spread(logit_margins, width=head_rule.width)


@sweep(over="present_samples")
def cosine_margin_sums(
    sphere_moments: Moments,
    cosine_margins: CosineMargins,
    head_rule: HeadRule,
    class_counts: Tensor,
) -> Accumulator[Tensor]:
    """(K,) Their sums by class."""
    return _counting(cosine_margins, class_counts, head_rule)


@sweep(over="present_samples")
def cosine_margin_spread(
    sphere_moments: Moments, cosine_margins: CosineMargins, head_rule: HeadRule
) -> Accumulator[Distribution]:
    """Their distribution over samples."""
    from nctool.statistics.distribution import Spread

    return Spread(cosine_margins, width=head_rule.width)


def _counting(
    part: Part[Tensor], class_counts: Tensor, head_rule: HeadRule | None, width: int = 0
) -> Accumulator[Tensor]:
    """Sums by class of something that holds scores of every class."""
    from nctool.statistics.sums import ClassSums

    reads = () if head_rule is None else head_rule.reads
    width = max(width, 0 if head_rule is None else head_rule.width)
    return ClassSums(part, len(class_counts), class_counts.device, reads=reads, width=width)
