"""Source and needs in, Evidence out: the two sweeps and the geometry between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from nctool.arrays import LazyArray, Source
from nctool.conventions import Convention
from nctool.errors import InputError
from nctool.evidence import FROM_HEAD, FROM_SAMPLES, Evidence, Need, Points, Storage
from nctool.geometry.duality import compare_rows
from nctool.geometry.pairs import survey
from nctool.geometry.simplex import etf_deviation
from nctool.progress import Progress
from nctool.statistics.moments import Moments, MomentSweep
from nctool.statistics.second import Answers, Plan, SecondSweep
from nctool.statistics.whitening import Whitener, whitener

EXTREME = 1e12
"""Beyond this magnitude (or below its inverse) float32 squares overflow or vanish."""

SECOND = Need.WHITENING | Need.UNIT_WHITENING | Need.NEAREST_MEAN | Need.DECISIONS | Need.MARGINS


@dataclass(frozen=True, slots=True)
class Engine:
    """Where and how finely to compute."""

    device: torch.device
    work: torch.dtype
    block_bytes: int = 4 << 20
    """Bytes of features in one block: small enough to stay in cache."""
    score_bytes: int = 16 << 20


class Gatherer:
    """One analysis: remembers what it has found on the way to Evidence."""

    def __init__(
        self,
        source: Source,
        convention: Convention,
        need: Need,
        engine: Engine,
        progress: Progress,
    ) -> None:
        self.source = source
        self.convention = convention
        self.need = available(source, need)
        self.engine = engine
        self.progress = progress
        self.timing: dict[str, float] = {}

    def gather(self) -> Evidence:
        facts: dict[str, object] = {}
        weight = self._weight()
        if weight is not None and self.need & Need.WEIGHT_PAIRS:
            facts["weights"] = self._weight_points(weight)
        if self.need & FROM_SAMPLES:
            self._samples(facts, weight)
        else:
            facts["present"] = tuple(range(len(self.source.names)))
            facts["dim"] = 0 if weight is None else weight.shape[1]
        return Evidence(self.convention, self.source.names, **facts)  # type: ignore[arg-type]

    def _weight(self) -> Tensor | None:
        if self.source.weight is None or not self.need & FROM_HEAD:
            return None
        weight = self.source.weight.to(self.engine.device)
        if not bool(torch.isfinite(weight).all()):
            raise InputError(
                "non-finite-head",
                "the classifier weight holds NaN or infinity",
                "analyse an earlier checkpoint: this one has diverged",
            )
        return weight

    def _weight_points(self, weight: Tensor) -> Points:
        start = perf_counter()
        rows = weight.double()
        mean_square = float(rows.square().sum()) / len(rows)
        pairs = survey(rows)
        compared = self._compared(rows)
        self.timing["weight_geometry"] = perf_counter() - start
        return Points(
            rows,
            pairs,
            etf_deviation(compared, compared) if len(rows) > 1 else None,
            _storage(weight.dtype, mean_square, rows.shape[1]),
            tuple(range(len(rows))),
            centred=False,
        )

    def _compared(self, rows: Tensor) -> Tensor:
        """W as the convention wants it in Frobenius comparisons."""
        return rows - rows.mean(0) if self.convention.center_weights else rows

    def _samples(self, facts: dict[str, object], weight: Tensor | None) -> None:
        start = perf_counter()
        first = self._first_sweep()
        self.timing["first_sweep"] = perf_counter() - start
        present = torch.nonzero(first.count > 0).flatten()
        moments = _present(first, present)
        facts["present"] = tuple(present.tolist())
        facts["samples"] = samples = int(moments.count.sum())
        facts["dim"] = dim = moments.mean.shape[1]
        facts["count"] = count = moments.count
        facts["variance"] = variance = moments.scatter / count
        facts["zero_rows"] = moments.zero_rows
        square = moments.mean.square().sum(1)
        energy = float((moments.scatter + count * square).sum()) / samples
        features = self.source.features
        assert features is not None
        storage = _storage(getattr(torch, features.dtype), energy, dim)
        facts["feature_storage"] = storage
        # Stored rounding, and that of scaling in the working precision: three roundings.
        coarsest = max(storage.eps, torch.finfo(self.engine.work).eps)
        facts["unit_rounding"] = coarsest**2 / 3
        classes = len(present)
        if classes < 2:
            return
        share = count / count.sum()
        equal = self.convention.within_traces == "classes"
        facts["within"] = float(variance.mean() if equal else (variance * share).sum())
        middle = self._middle(moments.mean, share)
        centred = moments.mean - middle
        facts["between"] = float(centred.square().sum()) / classes
        noise = variance / (count - 1).clamp(min=1)
        facts["sampling"] = float(noise.mean()) * (1 - 1 / classes)

        start = perf_counter()
        resolution = self._resolution(moments.mean, variance)
        whiten = whitener(centred, resolution=resolution, work=self.engine.work)
        facts["spectrum"] = whiten.spectrum
        means = self._mean_points(centred, variance, resolution, storage, facts["present"])  # type: ignore[arg-type]
        facts["means"] = means
        unit_whiten = self._unit(facts, moments, share, weight, present)
        if weight is not None:
            self._dual(facts, weight[present].double(), centred, middle, present)
        self.timing["mean_geometry"] = perf_counter() - start
        if self.need & Need.OOD and self.source.ood is not None:
            facts["ood_cosines"] = self._ood(moments.mean)
        if self.need & SECOND:
            start = perf_counter()
            facts["answers"] = self._second_sweep(
                moments, present, middle, whiten, unit_whiten, weight, means
            )
            self.timing["second_sweep"] = perf_counter() - start

    def _middle(self, means: Tensor, share: Tensor) -> Tensor:
        """The global mean: of the class means, or of all samples."""
        balanced = means.mean(0)
        if self.convention.center == "balanced":
            return balanced
        return balanced + share @ (means - balanced)

    def _resolution(self, means: Tensor, variance: Tensor) -> float:
        """How far off a class mean may be from the arithmetic alone."""
        largest = float(torch.linalg.vector_norm(means, dim=1).max())
        double = torch.finfo(torch.float64).eps
        own = torch.finfo(self.engine.work).eps
        return 8 * double * largest + own * math.sqrt(float(variance.max()) / means.shape[1])

    def _mean_points(
        self,
        centred: Tensor,
        variance: Tensor,
        resolution: float,
        storage: Storage,
        present: tuple[int, ...],
    ) -> Points:
        pairs = survey(
            centred,
            variances=variance,
            power=self.convention.cdnv_power,
            resolution=resolution,
        )
        return Points(
            centred, pairs, etf_deviation(centred, centred), storage, present, centred=True
        )

    def _unit(
        self,
        facts: dict[str, object],
        moments: Moments,
        share: Tensor,
        weight: Tensor | None,
        present: Tensor,
    ) -> Whitener | None:
        if moments.unit_mean is None or moments.zero_rows:
            return None
        centred = moments.unit_mean - self._middle(moments.unit_mean, share)
        facts["unit_between"] = float(centred.square().sum()) / len(centred)
        if weight is not None:
            facts["unit_duality"] = compare_rows(centred, weight[present].double())
        if not self.need & Need.UNIT_WHITENING:
            return None
        spread = facts["variance"] * moments.inverse_norm.square()  # type: ignore[operator, union-attr]
        found = whitener(
            centred,
            resolution=self._resolution(moments.unit_mean, spread),
            work=self.engine.work,
        )
        facts["unit_spectrum"] = found.spectrum
        return found if found.spectrum.rank else None

    def _dual(
        self,
        facts: dict[str, object],
        rows: Tensor,
        centred: Tensor,
        middle: Tensor,
        present: Tensor,
    ) -> None:
        compared = self._compared(rows)
        facts["duality"] = compare_rows(compared, centred)
        facts["duality_deviation"] = etf_deviation(compared, centred)
        residual = rows @ middle
        bias = self.source.bias
        if bias is not None:
            residual = residual + bias.to(residual.device).double()[present]
        facts["has_bias"] = bias is not None
        facts["bias_residual"] = residual

    def _ood(self, means: Tensor) -> Tensor | None:
        features = self.source.ood
        assert features is not None
        total = torch.zeros(means.shape[1], dtype=torch.float64, device=means.device)
        for start, stop in _blocks(features.shape[0], self._rows(0)):
            part = features.rows(start, stop)
            assert isinstance(part, Tensor)
            total += part.to(means.device).double().sum(0)
        cosine = (means @ total) / (torch.linalg.vector_norm(means, dim=1) * total.norm())
        return cosine.abs()

    def _first_sweep(self) -> Moments:
        features = self.source.features
        assert features is not None
        unit = bool(self.need & (Need.UNIT_MEANS | Need.UNIT_WHITENING | Need.MARGINS))
        sweep = MomentSweep(
            len(self.source.names),
            features.shape[1],
            work=self.engine.work,
            device=self.engine.device,
            unit=unit,
        )
        for x, y in self._batches("class means", self._rows(0)):
            sweep.add(x, y)
        found = sweep.finish()
        if not bool(torch.isfinite(found.scatter).all()):
            self._blame()
        return found

    def _second_sweep(
        self,
        moments: Moments,
        present: Tensor,
        middle: Tensor,
        whiten: Whitener,
        unit_whiten: Whitener | None,
        weight: Tensor | None,
        means: Points,
    ) -> Answers:
        need = self.need
        decide = bool(need & Need.DECISIONS) and weight is not None
        bias = self.source.bias if self.convention.bias_decides else None
        plan = Plan(
            moments=moments,
            columns=present,
            global_mean=middle,
            work=self.engine.work,
            whitener=whiten if need & Need.WHITENING and whiten.spectrum.rank else None,
            unit_whitener=unit_whiten,
            weight=weight if decide else None,
            bias=None if bias is None else bias.to(self.engine.device),
            nearest=means.pairs.nearest,
            nearest_mean=bool(need & Need.NEAREST_MEAN),
            margins=bool(need & Need.MARGINS) and decide,
        )
        sweep = SecondSweep(plan)
        local = torch.full((len(self.source.names),), -1, dtype=torch.int64)
        local[present.cpu()] = torch.arange(len(present))
        local = local.to(self.engine.device)
        columns = (len(weight) if weight is not None else 0) + len(present)
        for x, y in self._batches("second look", self._rows(columns)):
            sweep.add(x, local[y])
        return sweep.finish()

    def _rows(self, columns: int) -> int:
        """Rows in a block: features and scores both small enough for the cache."""
        features = self.source.features
        item = torch.finfo(self.engine.work).bits // 8
        dim = features.shape[1] if features is not None else 1
        rows = self.engine.block_bytes // (item * dim)
        if columns:
            rows = min(rows, self.engine.score_bytes // (item * columns))
        return max(rows, 256)

    def _batches(self, title: str, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Features in the working precision and class indices, ignored samples left out."""
        features, labels = self.source.features, self.source.labels
        assert features is not None and labels is not None
        device, work = self.engine.device, self.engine.work
        total = features.shape[0]
        with self.progress.task(title, total) as advance:
            for start, stop in _blocks(total, rows):
                y = labels[start:stop].to(torch.int64)
                part = features.rows(start, stop)
                assert isinstance(part, Tensor)
                if self.source.ignored:
                    keep = y >= 0
                    part, y = part[keep], y[keep]
                if len(y):
                    x = part.to(device=device, dtype=work)
                    if self.convention.unit_features:
                        x = self._to_sphere(x)
                    yield x, y.to(device)
                advance(stop - start)

    @staticmethod
    def _to_sphere(x: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        return torch.where(norm > 0, x / norm, 0.0)

    def _blame(self) -> None:
        """Find the rows that are not finite, to name them."""
        features, labels = self.source.features, self.source.labels
        assert features is not None and labels is not None
        bad, first = 0, -1
        for start, stop in _blocks(features.shape[0], self._rows(0)):
            part = features.rows(start, stop)
            assert isinstance(part, Tensor)
            wrong = ~torch.isfinite(part).all(1) & (labels[start:stop] >= 0)
            if first < 0 and bool(wrong.any()):
                first = start + int(wrong.to(torch.uint8).argmax())
            bad += int(wrong.sum())
        if not bad:
            raise Overflow
        raise InputError(
            "non-finite-features",
            f"{bad:,} of {features.shape[0]:,} rows of {features.key!r} hold NaN or infinity "
            f"(first: row {first})",
            "leave them out by giving them the label -100, or analyse an earlier checkpoint",
        )


class Overflow(Exception):
    """Squares left the range of the working precision; float64 holds them."""


def available(source: Source, need: Need) -> Need:
    """The part of a need that these inputs can meet."""
    if source.features is None or source.labels is None:
        need &= ~FROM_SAMPLES
    if source.weight is None:
        need &= ~FROM_HEAD
    if source.ood is None:
        need &= ~Need.OOD
    return need


def extreme(features: LazyArray | None, weight: Tensor | None) -> bool:
    """Would float32 squares of these overflow or vanish? Judged by the first rows."""
    looks = [] if weight is None else [weight[:256]]
    if features is not None:
        part = features.rows(0, min(256, features.shape[0]))
        assert isinstance(part, Tensor)
        looks.append(part)
    for one in looks:
        largest = float(one.double().abs().nan_to_num(0, 0, 0).max()) if one.numel() else 0.0
        if largest and not 1 / EXTREME < largest < EXTREME:
            return True
    return False


def _present(moments: Moments, rows: Tensor) -> Moments:
    """The classes that have samples."""
    if len(rows) == len(moments.count):
        return moments
    unit, inverse = moments.unit_mean, moments.inverse_norm
    return Moments(
        moments.count[rows],
        moments.mean[rows],
        moments.scatter[rows],
        None if unit is None else unit[rows],
        None if inverse is None else inverse[rows],
        moments.zero_rows,
    )


def _storage(dtype: torch.dtype, mean_square: float, dim: int) -> Storage:
    name = str(dtype).removeprefix("torch.")
    return Storage(name, torch.finfo(dtype).eps, mean_square, dim)


def _blocks(total: int, rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, rows):
        yield start, min(start + rows, total)
