"""The first pass: how many samples, where each class's mean is, how far its samples stray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nctool.engine.fact import Accumulator, Undefined, fact, sweep
from nctool.facts import costs

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.arrays import LazyArray
    from nctool.core.progress import Progress
    from nctool.engine.device import Engine
    from nctool.engine.group import Group
    from nctool.engine.samples import Samples
    from nctool.geometry.points import Storage
    from nctool.settings.conventions import Convention
    from nctool.statistics.duplicates import Duplicates, Suspects
    from nctool.statistics.moments import Moments


@dataclass(frozen=True, slots=True)
class Sizes:
    """N samples of K classes, K > 1, in D dimensions."""

    samples: int
    classes: int
    dim: int

    @property
    def per_class(self) -> float:
        return self.samples / self.classes


@dataclass(frozen=True, slots=True)
class OnSphere:
    """Says that samples are seen at length one, too: sums of both cost twice those of one."""


@dataclass(frozen=True, slots=True)
class WithProducts:
    """Says that what a second look gives is taken from products of residuals: (D, D) numbers."""


@fact(cost=costs.first_reading, during="samples")
def samples(
    features: LazyArray,
    labels: Tensor,
    engine: Engine,
    progress: Progress,
    convention: Convention,
    share: tuple[int, int],
    class_share: tuple[int, int] | None,
) -> Samples:
    from nctool.engine.class_share import ClassShare
    from nctool.engine.crossing import Crossing
    from nctool.engine.samples import Samples

    unit, title = convention.unit_features, "class means"
    crossing = None if engine.device.type == "cpu" else Crossing(features, engine, share)
    given = (features, labels, engine, progress, title, unit, share, None, crossing)
    return Samples(*given) if class_share is None else ClassShare(*given, classes=class_share)


@fact()
def on_sphere() -> OnSphere:
    return OnSphere()


@fact()
def with_products() -> WithProducts:
    return WithProducts()


@sweep(over="samples", cost=costs.sums)
def sample_sums(
    samples: Samples,
    class_names: tuple[str, ...],
    convention: Convention,
    class_share: tuple[int, int] | None,
    on_sphere: OnSphere | None = None,
    with_products: WithProducts | None = None,
) -> Accumulator[Moments]:
    """Count, mean and scatter of every class."""
    from nctool.statistics.class_moments import ClassMoments
    from nctool.statistics.moment_sweep import MomentSweep

    engine = samples.engine
    low, high = class_share or (0, len(class_names))
    sums = MomentSweep(
        high - low,
        samples.features.shape[1],
        work=engine.work,
        device=engine.device,
        unit=on_sphere is not None or convention.unit_features,
        products=with_products is not None,
    )
    return sums if class_share is None else ClassMoments(len(class_names), sums)


@fact()
def all_moments(sample_sums: Moments, samples: Samples, group: Group) -> Moments:
    """The same, once they are known to be finite."""
    import torch

    if not bool(torch.isfinite(sample_sums.scatter).all() & torch.isfinite(sample_sums.mean).all()):
        raise samples.blame(group)
    return sample_sums


@fact()
def columns(all_moments: Moments) -> Tensor:  # (K,)
    """The stored index of each class that has samples."""
    import torch

    return torch.nonzero(all_moments.count > 0).flatten()


@fact()
def present(columns: Tensor) -> tuple[int, ...]:
    """The same as plain numbers."""
    return tuple(columns.tolist())


@fact(cost=costs.moments)
def moments(all_moments: Moments, columns: Tensor, engine: Engine) -> Moments:
    """Of the classes that have samples; means that only rounding tells apart become one.

    Ties between classes then are ties, and go to the first of them.
    """
    from dataclasses import replace

    from nctool.geometry.duplicates import find_duplicates

    kept = all_moments.of(columns)
    if len(kept.count) < 2:
        return kept
    resolution = resolution_of(kept.mean, kept.scatter / kept.count, engine)
    groups, _ = find_duplicates(kept.mean, resolution)
    if not groups:
        return kept
    mean = kept.mean.clone()
    for group in groups:
        mean[list(group)] = mean[group[0]].clone()
    return replace(kept, mean=mean)


def resolution_of(means: Tensor, variance: Tensor, engine: Engine) -> float:
    """How far off a class mean may be from the arithmetic alone.

    A few roundings of its largest coordinate in float64, and the sampling of the residuals'
    rounding in the working precision (one coordinate of a residual is as long as the standard
    deviation along it).
    """
    import math

    import torch

    largest = float(torch.linalg.vector_norm(means, dim=1).max())
    double = torch.finfo(torch.float64).eps
    own = torch.finfo(engine.work).eps
    return 8 * double * largest + own * math.sqrt(float(variance.max()) / means.shape[1])


@fact()
def class_counts(moments: Moments) -> Tensor:  # (K,) float64
    return moments.count


@fact()
def variances(moments: Moments) -> Tensor:  # (K,) float64
    """Mean squared distance of a class's samples to their mean."""
    return moments.scatter / moments.count


@fact()
def sizes(moments: Moments, convention: Convention) -> Sizes:
    """Two classes at least, whose samples can be read as the convention wants them."""
    classes, dim = moments.mean.shape
    if classes < 2:
        raise Undefined(
            "one class only: there is nothing between classes to compare with"
            if classes
            else "no class has a sample"
        )
    if convention.unit_features:
        with_directions(moments)
    return Sizes(int(moments.count.sum()), classes, dim)


def with_directions(moments: Moments) -> Moments:
    """The same, if no feature is zero."""
    if moments.zero_rows:
        raise Undefined(f"{moments.zero_rows:,} features are all zero: they have no direction")
    return moments


@fact()
def sphere_moments(moments: Moments, on_sphere: OnSphere) -> Moments:
    """Of samples seen at length one, too, none of which is zero."""
    return with_directions(moments)


@fact()
def feature_storage(moments: Moments, features: LazyArray) -> Storage:
    """How finely the features are stored."""
    import torch

    from nctool.geometry.points import storage_of

    count, dim = moments.count, moments.mean.shape[1]
    energy = float((moments.scatter + count * moments.mean.square().sum(1)).sum())
    mean_square = energy / max(float(count.sum()), 1.0)
    return storage_of(getattr(torch, features.dtype), mean_square, dim)


@fact()
def unit_rounding(feature_storage: Storage, engine: Engine) -> float:
    """Mean squared rounding error of a feature scaled to length one.

    Stored rounding, and that of scaling in the working precision: three roundings.
    """
    import torch

    coarsest = max(feature_storage.eps, torch.finfo(engine.work).eps)
    return coarsest**2 / 3


@sweep(over="samples", cost=costs.sketch)
def duplicate_sketch(samples: Samples) -> Accumulator[Suspects]:
    """Samples that may be copies of others."""
    from nctool.statistics.duplicates import DuplicateSketch

    return DuplicateSketch(samples.features.shape[1], samples.engine.device)


@sweep(over="samples", cost=costs.signatures)
def row_signatures(samples: Samples) -> Accumulator[Tensor]:
    """(S,) The smallest signatures of whole rows, for copies in different shards."""
    from nctool.statistics.signatures import RowSignatures

    return RowSignatures(samples.engine.device)


@fact()
def duplicates(duplicate_sketch: Suspects, samples: Samples, group: Group) -> Duplicates:
    """Those that are."""
    from nctool.statistics.duplicates import confirmed

    return confirmed(duplicate_sketch, samples, group)


@fact(cost=costs.second_reading, during="present_samples")
def present_samples(samples: Samples, columns: Tensor, class_names: tuple[str, ...]) -> Samples:
    """The same samples, their classes numbered among those that have any."""
    import torch

    local = torch.full((len(class_names),), -1, device=columns.device)
    local[columns] = torch.arange(len(columns), device=columns.device)
    return samples.seen_as("second look", local)
