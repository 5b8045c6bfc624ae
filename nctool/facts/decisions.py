"""The second pass: residuals from the class means, whitened; decisions and margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.fact import Accumulator, fact, sweep
from nctool.facts import costs, point_costs

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.engine.block import Part, Product
    from nctool.engine.device import Engine
    from nctool.engine.samples import Samples
    from nctool.facts.samples import Sizes
    from nctool.geometry.pairs import Pairs
    from nctool.settings.conventions import Convention
    from nctool.statistics.decisions import MeanRule
    from nctool.statistics.distribution import SampleMargins
    from nctool.statistics.head_rule import HeadRule
    from nctool.statistics.mean_lines import MeanLines
    from nctool.statistics.moments import Moments
    from nctool.statistics.parts import Origin, Residual
    from nctool.statistics.whitening import Spectrum, Whitener


@fact(cost=costs.residual, during="present_samples")
def residual(sizes: Sizes, moments: Moments, engine: Engine) -> Residual:
    """Sample minus class mean."""
    from nctool.statistics.parts import Residual

    return Residual(moments.mean.to(engine.work))


@fact(cost=costs.span, during="present_samples")
def span(whitening: Whitener, residual: Residual) -> Product | None:
    """The residuals in the span of the class means, where that is less than everything."""
    from nctool.statistics.whitening import span_of

    return span_of(whitening, residual)


@sweep(over="present_samples", cost=costs.whitened)
def raw_whitened(
    between: float,
    whitening: Whitener,
    residual: Residual,
    span: Product | None,
    class_counts: Tensor,
) -> Accumulator[Tensor]:
    """(K,) Sums of z' S_B^+ z, z from class means in the working precision."""
    from nctool.statistics.sums import ClassSums
    from nctool.statistics.whitening import Whitened, worth_fusing

    part = Whitened(whitening, residual, span)
    return ClassSums(part, class_counts, reads=worth_fusing(residual, span))


@fact(cost=point_costs.corrected)
def whitened(
    raw_whitened: Tensor, whitening: Whitener, moments: Moments, residual: Residual
) -> Tensor:
    """(K,) The same from the class means themselves."""
    from nctool.statistics.whitening import corrected

    used = residual.centres.table
    return corrected(raw_whitened, whitening, moments.mean, used, moments.count)


@fact()
def whitened_total(
    whitened: Tensor | None,
    whitening: Whitener,
    moments: Moments,
    samples: Samples,
    convention: Convention,
) -> float:
    """Over all classes; where samples cannot be seen again, from the products of residuals."""
    from nctool.statistics.whitening import total_of

    return total_of(whitened, whitening, moments.products, convention, samples.why)


@fact()
def unit_whitened_total(
    unit_whitened: Tensor | None,
    unit_whitening: Whitener,
    sphere_moments: Moments,
    samples: Samples,
    convention: Convention,
) -> float:
    """The same of features of length one."""
    from nctool.statistics.whitening import total_of

    products = sphere_moments.unit_products
    return total_of(unit_whitened, unit_whitening, products, convention, samples.why)


@sweep(over="present_samples", cost=costs.unit_whitened)
def unit_whitened(
    unit_whitening: Whitener, residual: Residual, sphere_moments: Moments
) -> Accumulator[Tensor]:
    """(K,) The sums of z' S_B^+ z of features of length one."""
    from nctool.statistics import whitening
    from nctool.statistics.sums import ClassSums

    unit, inverse = sphere_moments.unit_mean, sphere_moments.inverse_norm
    assert unit is not None and inverse is not None
    span = whitening.span_of(unit_whitening, residual)
    part = whitening.unit_whitened(unit_whitening, residual, span, unit, inverse)
    return ClassSums(part, sphere_moments.count, reads=whitening.worth_fusing(residual, span))


@fact()
def score_origin(moments: Moments, global_mean: Tensor, residual: Residual) -> Origin:
    """From where scores are taken."""
    from nctool.statistics.parts import origin_of

    return origin_of(moments, global_mean, residual)


@fact(cost=costs.head_rule, during="present_samples")
def head_rule(
    sizes: Sizes,
    weight: Tensor,
    bias: Tensor | None,
    columns: Tensor,
    score_origin: Origin,
    residual: Residual,
    class_counts: Tensor,
    variances: Tensor,
    convention: Convention,
    engine: Engine,
) -> HeadRule:
    """What the head decides."""
    from nctool.statistics.head_rule import HeadRule

    decides = bias.to(engine.device) if bias is not None and convention.bias_decides else None
    return HeadRule(weight, decides, columns, score_origin, residual, class_counts, variances)


@fact(of="means", cost=costs.mean_rule, during="present_samples")
def mean_rule(
    sizes: Sizes,
    moments: Moments,
    global_mean: Tensor,
    pairs: Pairs,
    score_origin: Origin,
    residual: Residual,
    spectrum: Spectrum,
    span: Product | None = None,
    mean_lines: MeanLines | None = None,
) -> MeanRule:
    """What the nearest class mean decides."""
    from nctool.statistics.decisions import MeanRule

    # A basis serves if it holds all of every mean, and if somebody projects residuals anyway.
    usable = score_origin.kind == "class" and spectrum.rank == spectrum.full
    return MeanRule(
        moments.mean,
        global_mean,
        pairs.nearest,
        score_origin,
        residual.squares,
        span=span if usable else None,
        lines=mean_lines,
    )


@sweep(over="present_samples", cost=costs.counted)
def mean_right(mean_rule: MeanRule, class_counts: Tensor) -> Accumulator[Tensor]:
    """(K,) How many samples the nearest class mean gets right."""
    return _counts(mean_rule.right, class_counts, mean_rule)


@sweep(over="present_samples", cost=costs.counted)
def agreed(head_rule: HeadRule, mean_rule: MeanRule, class_counts: Tensor) -> Accumulator[Tensor]:
    """(K,) How often both choose the same class."""
    from nctool.statistics.decisions import Agreement

    return _counts(Agreement(head_rule, mean_rule), class_counts, head_rule)


def _counts(
    part: Part[Tensor], class_counts: Tensor, rule: HeadRule | MeanRule
) -> Accumulator[Tensor]:
    from nctool.statistics.sums import ClassSums

    return ClassSums(part, class_counts, reads=rule.reads, width=rule.width)


@sweep(over="present_samples", cost=costs.spread)
def logit_margins(head_rule: HeadRule, class_counts: Tensor) -> Accumulator[SampleMargins]:
    """Own logit minus the best other."""
    from nctool.statistics.distribution import MarginSums

    return MarginSums(head_rule.margins, class_counts, head_rule.reads, head_rule.width)


@sweep(over="present_samples", cost=costs.cosines)
def cosine_margins(
    sphere_moments: Moments, head_rule: HeadRule, class_counts: Tensor
) -> Accumulator[SampleMargins]:
    """Own cosine minus the best other."""
    from nctool.statistics.distribution import MarginSums

    return MarginSums(head_rule.cosine_margins, class_counts, head_rule.reads, head_rule.width)
