"""Source and needs in, Evidence out: the two sweeps and the geometry between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from time import perf_counter

import torch
from torch import Tensor

from nctool.arrays import Source
from nctool.core.errors import InputError
from nctool.core.progress import Progress
from nctool.engine.evidence import FROM_HEAD, FROM_SAMPLES, Evidence, Need, Points, Storage
from nctool.engine.plan import SECOND, Settled, plan_of
from nctool.engine.sweeps import Engine, Reading, mean_of
from nctool.geometry.duality import compare_rows
from nctool.geometry.duplicates import find_duplicates
from nctool.geometry.pairs import survey
from nctool.geometry.simplex import etf_deviation
from nctool.settings.budget import DEFAULT_BUDGET, Budget
from nctool.settings.conventions import Convention
from nctool.statistics.moments import Moments
from nctool.statistics.whitening import Whitener, whitener

UNIT = Need.UNIT_MEANS | Need.UNIT_WHITENING | Need.MARGINS | Need.UNIT_SCATTER


@dataclass(slots=True)
class Gathering:
    """One analysis on its way from Source to Evidence."""

    source: Source
    convention: Convention
    need: Need
    engine: Engine
    progress: Progress
    budget: Budget = DEFAULT_BUDGET
    timing: dict[str, float] = field(default_factory=dict)

    def gather(self) -> Evidence:
        weight = self._weight()
        evidence = Evidence(
            self.convention, self.source.names, budget=self.budget, progress=self.progress
        )
        if weight is not None:
            lengths = torch.linalg.vector_norm(weight, dim=1, dtype=torch.float64)
            square = float(lengths.square().mean())
            evidence = replace(
                evidence,
                dim=weight.shape[1],
                present=tuple(range(len(weight))),
                weight_storage=storage_of(weight.dtype, square, weight.shape[1]),
                zero_weights=tuple(torch.nonzero(lengths == 0).flatten().tolist()),
            )
            if self.need & Need.WEIGHT_PAIRS:
                points = self._weight_points(weight, evidence.weight_storage)
                evidence = replace(evidence, weights=points)
        if self.need & FROM_SAMPLES:
            evidence = self._samples(evidence, weight)
        return evidence

    def _time(self, name: str, start: float) -> None:
        self.timing[name] = perf_counter() - start

    def _weight(self) -> Tensor | None:
        if self.source.weight is None or not self.need & FROM_HEAD:
            return None
        weight = self.source.weight.to(self.engine.device)
        bias = self.source.bias
        broken = [] if bool(torch.isfinite(weight).all()) else ["weight"]
        if bias is not None and not bool(torch.isfinite(bias).all()):
            broken.append("bias")
        if broken:
            raise InputError(
                "non-finite-head",
                f"the classifier {' and '.join(broken)} holds NaN or infinity",
                "analyse an earlier checkpoint: this one has diverged",
            )
        return weight

    def _weight_points(self, weight: Tensor, storage: Storage | None) -> Points:
        start = perf_counter()
        rows = weight.double()
        compared = self._compared(rows)
        assert storage is not None
        points = Points(
            rows,
            survey(rows),
            etf_deviation(compared, compared) if len(rows) > 1 else None,
            storage,
            tuple(range(len(rows))),
            centred=False,
        )
        self._time("weight_geometry", start)
        return points

    def _compared(self, rows: Tensor) -> Tensor:
        """W as the convention wants it in Frobenius comparisons."""
        return rows - rows.mean(0) if self.convention.center_weights else rows

    def _samples(self, evidence: Evidence, weight: Tensor | None) -> Evidence:
        reading = Reading(self.source, self.engine, self.progress, self.convention.unit_features)
        start = perf_counter()
        every, copies = reading.moments(
            unit=bool(self.need & UNIT) or self.convention.unit_features
        )
        evidence = replace(evidence, copies=copies)
        self._time("first_sweep", start)
        columns = torch.nonzero(every.count > 0).flatten()
        moments = self._alike(every.of(columns))
        evidence = self._describe(evidence, moments, columns)
        if evidence.classes < 2:
            return evidence
        start = perf_counter()
        share = moments.count / moments.count.sum()
        middle = self._middle(moments.mean, share)
        evidence, white = self._means(evidence, moments, middle)
        evidence, unit_white = self._sphere(evidence, moments, share, columns, weight)
        if weight is not None:
            evidence = self._dual(evidence, weight[columns].double(), middle, columns)
        self._time("mean_geometry", start)
        if self.need & Need.OOD and self.source.ood is not None:
            evidence = replace(evidence, ood_cosines=self._ood(moments.mean))
        if self.need & SECOND:
            start = perf_counter()
            settled = Settled(evidence, moments, columns, middle, white, unit_white, weight)
            plan = plan_of(self.need, self.source, self.engine, settled)
            evidence = replace(evidence, answers=reading.answers(plan))
            self._time("second_sweep", start)
        return evidence

    def _alike(self, moments: Moments) -> Moments:
        """Class means that only rounding tells apart become one: ties then are ties."""
        if len(moments.count) < 2:
            return moments
        resolution = self._resolution(moments.mean, moments.scatter / moments.count)
        groups, _ = find_duplicates(moments.mean, resolution)
        if not groups:
            return moments
        mean = moments.mean.clone()
        for group in groups:
            mean[list(group)] = mean[group[0]].clone()
        return replace(moments, mean=mean)

    def _describe(self, evidence: Evidence, moments: Moments, columns: Tensor) -> Evidence:
        """Sizes, variances, and how finely the features are stored."""
        features = self.source.features
        assert features is not None
        count, dim = moments.count, moments.mean.shape[1]
        energy = float((moments.scatter + count * moments.mean.square().sum(1)).sum())
        storage = storage_of(
            getattr(torch, features.dtype), energy / max(float(count.sum()), 1.0), dim
        )
        # Stored rounding, and that of scaling in the working precision: three roundings.
        coarsest = max(storage.eps, torch.finfo(self.engine.work).eps)
        variance = moments.scatter / count
        evidence = replace(
            evidence,
            present=tuple(columns.tolist()),
            samples=int(count.sum()),
            dim=dim,
            count=count,
            variance=variance,
            zero_rows=moments.zero_rows,
            feature_storage=storage,
            unit_rounding=coarsest**2 / 3,
        )
        if not len(count):
            return evidence
        if moments.inverse_norm is not None and not moments.zero_rows:
            inverse = float(moments.inverse_norm.mean())
            evidence = replace(evidence, mean_inverse_norm=inverse)
        equal = self.convention.within_traces == "classes"
        within = variance.mean() if equal else moments.scatter.sum() / count.sum()
        noise = variance / (count - 1).clamp(min=1)
        sampling = float(noise.mean()) * (1 - 1 / len(count))
        return replace(evidence, within=float(within), sampling=sampling)

    def _middle(self, means: Tensor, share: Tensor) -> Tensor:
        """The global mean: of the class means, or of all samples."""
        balanced = means.mean(0)
        if self.convention.center == "balanced":
            return balanced
        return balanced + share @ (means - balanced)

    def _means(
        self, evidence: Evidence, moments: Moments, middle: Tensor
    ) -> tuple[Evidence, Whitener]:
        variance, storage = evidence.variance, evidence.feature_storage
        assert variance is not None and storage is not None
        centred = moments.mean - middle
        resolution = self._resolution(moments.mean, variance)
        white = whitener(centred, resolution=resolution, work=self.engine.work)
        pairs = survey(
            centred,
            variances=variance,
            power=self.convention.cdnv_power,
            resolution=resolution,
        )
        deviation = etf_deviation(centred, centred)
        points = Points(centred, pairs, deviation, storage, evidence.present, centred=True)
        between = float(centred.square().sum()) / len(centred)
        found = replace(evidence, between=between, spectrum=white.spectrum, means=points)
        return found, white

    def _resolution(self, means: Tensor, variance: Tensor) -> float:
        """How far off a class mean may be from the arithmetic alone."""
        largest = float(torch.linalg.vector_norm(means, dim=1).max())
        double = torch.finfo(torch.float64).eps
        own = torch.finfo(self.engine.work).eps
        return 8 * double * largest + own * math.sqrt(float(variance.max()) / means.shape[1])

    def _sphere(
        self,
        evidence: Evidence,
        moments: Moments,
        share: Tensor,
        columns: Tensor,
        weight: Tensor | None,
    ) -> tuple[Evidence, Whitener | None]:
        """The same means once every feature has length one."""
        unit, inverse = moments.unit_mean, moments.inverse_norm
        if unit is None or inverse is None or moments.zero_rows:
            return evidence, None
        centred = unit - self._middle(unit, share)
        assert evidence.variance is not None
        resolution = self._resolution(unit, evidence.variance * inverse.square())
        lengths = torch.linalg.vector_norm(centred, dim=1)
        if float(lengths.max()) <= len(unit) ** 0.5 * resolution:
            return evidence, None
        if weight is not None:
            duality = compare_rows(centred, weight[columns].double())
            evidence = replace(evidence, unit_duality=duality)
        if not self.need & Need.UNIT_WHITENING:
            return evidence, None
        white = whitener(centred, resolution=resolution, work=self.engine.work)
        evidence = replace(evidence, unit_spectrum=white.spectrum)
        return evidence, white if white.spectrum.rank else None

    def _dual(self, evidence: Evidence, rows: Tensor, middle: Tensor, columns: Tensor) -> Evidence:
        assert evidence.means is not None
        means = evidence.means.vectors
        compared = self._compared(rows)
        residual = rows @ middle
        bias = self.source.bias
        if bias is not None:
            residual = residual + bias.to(residual.device).double()[columns]
        return replace(
            evidence,
            duality=compare_rows(compared, means),
            duality_deviation=etf_deviation(compared, means),
            bias_residual=residual,
        )

    def _ood(self, means: Tensor) -> Tensor | None:
        """|cos| of each class mean with the mean of the unknown; None without a direction."""
        assert self.source.ood is not None
        centre = mean_of(self.source.ood, means.device)
        lengths = torch.linalg.vector_norm(means, dim=1) * centre.norm()
        return (means @ centre / lengths).abs() if bool((lengths > 0).all()) else None


def available(source: Source, need: Need) -> Need:
    """The part of a need that these inputs can meet."""
    if source.features is None or source.labels is None:
        need &= ~FROM_SAMPLES
    if source.weight is None:
        need &= ~FROM_HEAD
    if source.ood is None:
        need &= ~Need.OOD
    return need


def storage_of(dtype: torch.dtype, mean_square: float, dim: int) -> Storage:
    name = str(dtype).removeprefix("torch.")
    return Storage(name, torch.finfo(dtype).eps, mean_square, dim)
