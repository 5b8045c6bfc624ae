"""How tight a class is on the sphere: anchors, kept rows, and what these say about each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch

from nctool.engine.solve import feed
from nctool.statistics import closeness, kept_samples, within_class
from nctool.statistics.closeness import Closeness, ClosenessSums, View, unit_scatter
from nctool.statistics.kept_samples import Choice, Keeper, choose, scrambled
from nctool.statistics.parts import Residual
from nctool.statistics.row_dots import row_dots
from nctool.statistics.within_class import KernelSums, PairSums, Stacks, mean_of_pairs
from tests.support.blocks import blocks_of
from tests.support.populations import Array

LIMITS = {torch.float64: 1e-12, torch.float32: 1e-6}


def cloud(
    spread: float,
    dual: float,
    dtype: torch.dtype,
    *,
    classes: int = 4,
    dim: int = 9,
    size: int = 30,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Samples, classes, rounded class means, and anchors of length one near these."""
    random = torch.Generator().manual_seed(5)
    means = torch.randn(classes, dim, generator=random, dtype=torch.float64)
    y = torch.arange(classes * size) % classes
    noise = torch.randn(len(y), dim, generator=random, dtype=torch.float64)
    x = (means[y] + spread * noise).to(dtype)
    centre = torch.stack([x[y == one].double().mean(0) for one in range(classes)])
    turned = centre / centre.norm(dim=1, keepdim=True)
    turned += dual * torch.randn(classes, dim, generator=random, dtype=torch.float64)
    return x, y, centre.to(dtype), turned / turned.norm(dim=1, keepdim=True)


def chords(x: torch.Tensor, origin: torch.Tensor, to: torch.Tensor) -> Array:
    """|(x - o)/|x - o| - w| by row, in the widest arithmetic there is."""
    wide = x.double().numpy().astype(np.longdouble) - origin.numpy()  # (N, D)
    unit = wide / np.sqrt((wide**2).sum(1, keepdims=True))
    found: Array = np.sqrt(((unit - to.numpy()) ** 2).sum(1)).astype(np.float64)
    return found


def look(
    view: View, x: torch.Tensor, y: torch.Tensor, centre: torch.Tensor, rows: int = 1000
) -> Closeness:
    """What is summed in blocks of so many rows."""
    sums = ClosenessSums(view, Residual(centre))
    for block in blocks_of(x, y, rows):
        sums.add(block)
    return sums.finish()


def by_class(values: Array, y: torch.Tensor, fold: Callable[[Array], float]) -> list[float]:
    return [fold(values[y.numpy() == one]) for one in range(int(y.max()) + 1)]


# One row of a table against each row: the plain products, sums in the rows' own precision.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 70])
def test_row_dots(dtype: torch.dtype, count: int) -> None:
    random = torch.Generator().manual_seed(1)
    rows = torch.randn(count, 33, generator=random, dtype=dtype)
    table = torch.randn(5, 33, generator=random, dtype=dtype)
    index = torch.randint(5, (count,), generator=random)
    found = row_dots(rows, table, index)
    wanted = (rows.double() * table[index].double()).sum(1)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx(wanted.tolist(), abs=40 * torch.finfo(dtype).eps)


# Distances to anchors keep their digits however tight the class is, however near its own direction
# the anchor, from zero and from elsewhere: every class, mean and largest, and the scatter.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dual", [1.0, 1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("spread", [30.0, 1.0, 1e-2, 1e-4, 1e-6])
def test_distances(spread: float, dual: float, dtype: torch.dtype) -> None:
    x, y, centre, to = cloud(spread, dual, dtype)
    for origin in (torch.zeros(9).double(), centre.double().mean(0) / 3):
        own = centre.double() - origin
        own /= own.norm(dim=1, keepdim=True)
        aim = to if not origin.any() else own + dual * to
        aim = aim / aim.norm(dim=1, keepdim=True)
        found = look(View(origin, aim), x, y, centre)
        wanted, steps = chords(x, origin, aim[y]), chords(x, origin, own[y])
        assert found.total is not None and found.largest is not None and found.lost == 0
        # Unit vectors in float64 differ by 1e-16 from what they stand for.
        near = partial(pytest.approx, rel=LIMITS[dtype], abs=1e-15)
        assert found.largest.tolist() == near(by_class(wanted, y, np.max))
        assert (found.total / 30).tolist() == near(by_class(wanted, y, np.mean))
        squares = by_class(steps**2, y, np.sum)
        assert found.scatter.tolist() == pytest.approx(squares, rel=2 * LIMITS[dtype], abs=1e-30)


# Samples of one direction and many lengths are all equally far from an anchor: what float32 leaves
# of such differences is not what is reported.
@pytest.mark.parametrize("stretch", [1e-3, 0.5, 30.0])
def test_lengths_do_not_matter(stretch: float) -> None:
    random = torch.Generator().manual_seed(2)
    direction = torch.randn(1, 8, generator=random)
    length = 1 + stretch * torch.rand(50, 1, generator=random)
    x, y = direction * length, torch.zeros(50, dtype=torch.int64)
    centre = x.double().mean(0, keepdim=True).float()
    to = centre.double() / centre.double().norm() + 1e-5 * torch.randn(1, 8, generator=random)
    to = to / to.norm()
    found = look(View(torch.zeros(8).double(), to), x, y, centre)
    wanted = chords(x, torch.zeros(8).double(), to)
    assert found.total is not None and found.largest is not None
    assert float(found.total) == pytest.approx(wanted.sum(), rel=1e-6)
    assert float(found.largest) == pytest.approx(wanted.max(), rel=1e-6)


# Neither the blocks nor how many rows are taken again at once change a digit that counts.
@pytest.mark.parametrize("rows", [1, 7])
def test_blocks(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, centre, to = cloud(0.3, 0.2, torch.float64)
    view = View(centre.mean(0), to)
    whole = look(view, x, y, centre)
    monkeypatch.setattr(closeness, "EXACT_ROWS", 3)
    monkeypatch.setattr(closeness, "CANCELS", 0.9)
    parts = look(view, x, y, centre, rows)
    for name in ("total", "largest", "scatter"):
        one, other = getattr(whole, name), getattr(parts, name)
        assert one.tolist() == pytest.approx(other.tolist(), rel=1e-13)


# A sample at the origin has no direction: it is counted, there and only there.
def test_lost() -> None:
    x, y, centre, to = cloud(0.5, 0.5, torch.float32)
    zero = torch.zeros(9).double()
    x[5], x[17] = 0.0, 0.0
    assert look(View(zero, to), x, y, centre).lost == 2
    assert look(View(zero, to), x, y, centre, rows=9).lost == 2
    assert look(View(x[8].double(), to), x, y, centre).lost == 1
    assert look(View(x[8].double() + 1e-9, to), x, y, centre).lost == 0


# A class whose mean is at the origin has distances to its anchor like any other.
def test_mean_without_direction() -> None:
    x = torch.tensor([[1.0, 2.0], [-1.0, -2.0], [3.0, 0.0], [-3.0, 0.0]])
    y, centre = torch.zeros(4, dtype=torch.int64), torch.zeros(1, 2)
    to = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    found = look(View(torch.zeros(2).double(), to), x, y, centre)
    wanted = chords(x, torch.zeros(2).double(), to)
    assert found.total is not None
    assert float(found.total) == pytest.approx(wanted.sum(), rel=1e-6)
    assert float(found.scatter) == 8.0


# The scatter of unit features is about their own mean, also where the class mean is zero.
def test_unit_scatter() -> None:
    random = torch.Generator().manual_seed(9)
    x = torch.randn(20, 5, generator=random, dtype=torch.float64)
    x[5:10] = -2 * x[:5]
    x[10:] += 3
    y = torch.arange(20) // 10
    unit = x / x.norm(dim=1, keepdim=True)
    own = torch.stack([unit[:10].mean(0), unit[10:].mean(0)])
    mean = torch.stack([torch.zeros(5).double(), x[10:].mean(0)])
    count = torch.full((2,), 10.0, dtype=torch.float64)
    near = look(View(torch.zeros(5).double()), x, y, mean)
    wanted = (unit - own[y]).square().sum(1).view(2, 10).sum(1)
    assert unit_scatter(near, mean, own, count).tolist() == pytest.approx(
        wanted.tolist(), rel=1e-13
    )


# The numbers behind a choice are splitmix64's, bit by bit, on every machine.
@pytest.mark.parametrize("seed", [0, 1, 2**63 + 5, -3])
def test_scrambled(seed: int) -> None:
    mask = 2**64 - 1

    def plain(start: int, step: int) -> int:
        state = (start + (step + 1) * 0x9E3779B97F4A7C15) & mask
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
        return state ^ state >> 31

    assert plain(0, 0) == 0xE220A8397B1DCDAF  # as published
    start = plain(seed & mask, 0)
    found = scrambled(np.array([0, 1, 2, 10**9]), seed).tolist()
    assert found == [plain(start, row) for row in (0, 1, 2, 10**9)]


def chosen(labels: torch.Tensor, seed: int = 0, memory: int = 1 << 30) -> Choice:
    found = choose(labels, 8, memory, seed)
    assert found is not None
    return found


# Small classes are kept whole, of large ones 256 rows; samples without a class are not counted.
def test_choice() -> None:
    labels = torch.tensor([0] * 300 + [-1] * 50 + [3] * 256 + [5] * 2 + [4] * 1000)
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(3))]
    found = chosen(labels)
    assert found.most == 256 and found.limit is None
    kept = labels[labels >= 0][found.rows]
    assert torch.bincount(kept).tolist() == [256, 0, 0, 256, 256, 2]
    assert bool((found.rows.diff() > 0).all())


# The choice follows the position of a sample and the seed, not the name of its class.
def test_choice_is_seeded() -> None:
    labels = torch.arange(2000) % 3
    first = chosen(labels)
    assert torch.equal(first.rows, chosen(labels).rows)
    assert torch.equal(first.rows, chosen((labels + 1) % 3).rows)
    assert not torch.equal(first.rows, chosen(labels, seed=1).rows)


# Over many seeds every row is as likely as any other, and so is every pair.
def test_choice_is_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_samples, "MOST_KEPT", 5)
    seeds, size = 4000, 12
    inside = np.zeros((seeds, size))
    for seed in range(seeds):
        inside[seed, chosen(torch.zeros(size, dtype=torch.int64), seed).rows.numpy()] = 1
    assert (inside.sum(1) == 5).all()
    for shares, chance in ((inside.mean(0), 5 / 12), (_together(inside), 5 * 4 / (12 * 11))):
        error = np.sqrt(chance * (1 - chance) / seeds)
        assert np.abs(shares - chance).max() < 4.5 * error


def _together(inside: Array) -> Array:
    both: Array = (inside.T @ inside / len(inside))[np.triu_indices(inside.shape[1], 1)]
    return both


# Rows that are kept fit the memory; more would not; and what limits them is said.
@pytest.mark.parametrize("memory", [100 * 8, 205 * 8, 1000 * 8])
def test_choice_fits(memory: int) -> None:
    labels = torch.cat([torch.zeros(400), torch.ones(7), torch.full((90,), 2.0)]).long()
    found = chosen(labels, memory=memory)
    assert len(found.rows) * 8 <= memory
    assert found.limit == ("memory" if found.most < 256 else None)
    more = sum(min(size, found.most + 1) for size in (400, 7, 90))
    assert more * 8 > memory or found.most == 256


# Below four rows of a class there is no telling how far off its mean is; a class of two has two.
def test_choice_is_hopeless() -> None:
    labels = torch.arange(600) % 30
    assert choose(labels, 8, 30 * 3 * 8, 0) is None
    assert len(chosen(labels, memory=30 * 4 * 8).rows) == 120
    assert len(chosen(torch.arange(60) % 30, memory=60 * 8).rows) == 60


# So many classes that factors of 256 rows would take too long keep fewer.
def test_choice_is_timely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_samples, "MOST_WORK", 10 * 20**3 / 3 + 1)
    found = chosen(torch.arange(1000) % 10)
    assert found.most == 20 and found.limit == "time"


# Rows are kept as they come, in blocks of any size, and found again class by class.
@pytest.mark.parametrize("rows", [1, 13, 1000])
def test_keeper(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_samples, "MOST_KEPT", 6)
    x, y, _, _ = cloud(1.0, 1.0, torch.float32)
    keep = torch.ones(len(y), dtype=torch.bool)
    keep[y == 2] = torch.arange(30) < 3
    x, y = x[keep], y[keep]
    choice = chosen(y)
    keeper = Keeper(choice, 9, torch.float32, torch.device("cpu"), 4)
    for block in blocks_of(x, y, rows):
        keeper.add(block)
    groups = keeper.finish()
    assert groups.sizes.tolist() == [6, 6, 3, 6]
    met = []
    for classes, index in groups.stacks(2 * 6 * 9):
        assert len(classes) <= 2
        for one, places in zip(classes.tolist(), index, strict=True):
            own_rows = choice.rows[y[choice.rows] == one]
            assert torch.equal(groups.rows[places[places >= 0]], x[own_rows])
            met.append(one)
    assert sorted(met) == [0, 1, 2, 3]


def kept_whole(x: torch.Tensor, y: torch.Tensor, centre: torch.Tensor) -> Stacks:
    choice = Choice(torch.arange(len(y)), 256, None)
    keeper = Keeper(choice, x.shape[1], x.dtype, x.device, len(centre))
    keeper.take(x, y, 0)
    return Stacks(keeper.finish(), centre)


def counts(y: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    return torch.bincount(y, minlength=len(centre)).double()


def pair_chords(x: torch.Tensor, origin: torch.Tensor) -> Array:
    """(n, n) distances of directions in the widest arithmetic there is."""
    return np.stack([chords(x, origin, _unit(x, origin)[one][None]) for one in range(len(x))])


def _unit(x: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
    wide: torch.Tensor = x.double() - origin
    unit: torch.Tensor = wide / wide.norm(dim=1, keepdim=True)
    return unit


SHAPES = ("even", "twins", "rays", "nearly rays", "wide", "short")


def shaped(shape: str, spread: float, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Samples of three classes of different sizes whose pairs are hard in one way."""
    x, y, centre, _ = cloud(spread, 1.0, torch.float64, classes=3)
    random = torch.Generator().manual_seed(4)
    if shape == "twins":
        x[45:] = x[:45]
    elif shape in ("rays", "nearly rays"):
        tilt = 0.0 if shape == "rays" else 1e-6
        stretched = centre[y] * (1 + 0.3 * torch.rand(len(y), 1, generator=random))
        x = stretched + tilt * spread * (x - centre[y])
    elif shape == "wide":
        x[::7] = centre[y[::7]] + 300 * (x[::7] - centre[y[::7]])
    elif shape == "short":
        x[::7] *= 1e-5
    keep = (y != 1) | (torch.arange(len(y)) < 50)
    x, y = x[keep].to(dtype), y[keep]
    means = torch.stack([x[y == one].double().mean(0) for one in range(3)]).to(dtype)
    return x, y, means


# Distances of pairs keep their digits: tight classes, identical samples, samples along a ray.
@pytest.mark.parametrize("many_near", [0, 64, 10**9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("shape", SHAPES)
def test_pairs(
    shape: str,
    spread: float,
    dtype: torch.dtype,
    many_near: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(within_class, "MANY_NEAR", many_near)
    x, y, centre = shaped(shape, spread, dtype)
    zero = torch.zeros(9).double()
    sums = PairSums(zero, centre, counts(y, centre))
    feed(kept_whole(x, y, centre), {"pairs": sums})
    found = sums.finish()
    for one in range(3):
        apart = pair_chords(x[y == one], zero)
        wanted = apart.sum() / (apart.size - len(apart))
        # Unit vectors in float64 differ by 1e-16 from what they stand for; those of samples 1e-5
        # of the class mean long, from residuals, by that much more.
        known = 2e-11 if shape == "short" else 2e-16
        assert float(found.mean[one]) == pytest.approx(wanted, rel=1e-9, abs=known)
    assert not found.variance.any()


# Kernels of the samples of a class and its anchor, from any origin; classes of one sample too.
@pytest.mark.parametrize("stack", [1, 1 << 20])
@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("shape", SHAPES)
def test_kernels(shape: str, spread: float, stack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(within_class, "STACK", stack)
    x, y, centre = shaped(shape, spread, torch.float32)
    x, y = torch.cat([x, x[:1]]), torch.cat([y, torch.tensor([3])])
    centre = torch.cat([centre, x[:1]])
    random = torch.Generator().manual_seed(6)
    to = torch.randn(4, 9, generator=random, dtype=torch.float64)
    to /= to.norm(dim=1, keepdim=True)
    origins = {"zero": torch.zeros(9).double(), "other": centre.double().mean(0) / 2}
    sums = {
        name: KernelSums(View(origin, to), centre, counts(y, centre))
        for name, origin in origins.items()
    }
    feed(kept_whole(x, y, centre), sums)
    found = {name: kernels.finish() for name, kernels in sums.items()}
    for name, origin in origins.items():
        for one in range(4):
            points = torch.cat([_unit(x[y == one], origin), to[one : one + 1]]).numpy()
            square = ((points[:, None] - points[None]) ** 2).sum(2)
            kernel = np.exp(-square) + within_class.JITTER * np.eye(len(points))
            wanted = np.linalg.slogdet(kernel)[1]
            # An eigenvalue near the jitter is known to 1e-16 / 1e-6 of itself.
            assert float(found[name][one]) == pytest.approx(wanted, abs=len(points) * 1e-7)


# The mean over chosen pairs is right on average, and so is what is said of its variance: over all
# choices of six from nine.
def test_variance_of_chosen_pairs() -> None:
    random = np.random.default_rng(7)
    points = random.standard_normal((9, 3)) * np.array([1.0, 1.0, 4.0])
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    means, variances = [], []
    for rows in combinations(range(9), 6):
        part = torch.from_numpy(apart[np.ix_(rows, rows)])[None]
        mean, variance = mean_of_pairs(part, torch.tensor([6.0]).double(), torch.tensor([9.0]))
        means.append(float(mean))
        variances.append(float(variance))
    assert np.mean(means) == pytest.approx(apart.sum() / 72, rel=1e-12)
    assert np.mean(variances) == pytest.approx(np.var(means), rel=1e-12)


# The interval holds the mean over all pairs in 95 of 100 choices.
@pytest.mark.parametrize(("size", "kept"), [(60, 20), (200, 64), (2000, 64)])
def test_coverage(size: int, kept: int) -> None:
    random = np.random.default_rng(8)
    points = random.standard_normal((size, 4)) * np.array([3.0, 1.0, 1.0, 0.3])
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    truth = apart.sum() / (size * (size - 1))
    tries = 1500
    rows = np.stack([random.permutation(size)[:kept] for _ in range(tries)])
    parts = torch.from_numpy(apart[rows[:, :, None], rows[:, None, :]])
    full = torch.ones(tries, dtype=torch.float64)
    mean, variance = mean_of_pairs(parts, kept * full, size * full)
    inside = ((mean - truth).abs() <= 1.959964 * variance.sqrt()).double().mean()
    # Three standard errors of such a share are 0.017; few points make the interval a bit short.
    assert 0.92 < float(inside) < 0.97
    assert float(mean.mean()) == pytest.approx(truth, rel=0.005)
