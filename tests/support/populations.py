"""Named populations: small, seeded, each one way in which features, labels and heads can be.

``POPULATIONS`` have a value for nearly every metric; ``DEGENERATE`` ones take some away, and sit
on a grid of eighths, so that they survive every storage type and every order of summation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64] | npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Population:
    """Features before storage rounding, their labels, and a head where there is one."""

    name: str
    features: Array  # (N, D)
    labels: Labels  # (N,)
    weight: Array | None  # (R, D)
    bias: Array | None  # (R,)
    note: str


# Parts


def _orthonormal(random: np.random.Generator, rows: int, dim: int) -> Array:
    """Rows of a random orthonormal frame, rows <= D."""
    frame: Array = np.linalg.qr(random.standard_normal((dim, rows)))[0].T  # (rows, D)
    return frame


def _contrasts(classes: int) -> Array:
    """Orthonormal columns orthogonal to the vector of ones."""
    start = np.column_stack([np.ones(classes), np.eye(classes)[:, 1:]])  # (K, K)
    columns: Array = np.linalg.qr(start)[0][:, 1:]  # (K, K-1)
    return columns


def simplex(random: np.random.Generator, classes: int, dim: int) -> Array:
    """K unit rows with every cosine -1/(K-1), randomly turned; D >= K-1."""
    length = np.sqrt(classes / (classes - 1))
    rows: Array = length * _contrasts(classes) @ _orthonormal(random, classes - 1, dim)  # (K, D)
    return rows


def _draw(
    random: np.random.Generator, means: Array, counts: Sequence[int], length: float
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Normal samples about each mean, root mean square distance ``length``, in class order."""
    labels = np.repeat(np.arange(len(means)), counts)  # (N,)
    noise = random.standard_normal((len(labels), means.shape[1]))  # (N, D)
    return means[labels] + length / np.sqrt(means.shape[1]) * noise, labels


def _shuffle(random: np.random.Generator, population: Population) -> Population:
    order = random.permutation(len(population.labels))  # (N,)
    return replace(population, features=population.features[order], labels=population.labels[order])


def _cloud(
    name: str,
    note: str,
    *,
    seed: int,
    classes: int = 10,
    dim: int = 24,
    counts: Sequence[int] = (30,),
    radius: float = 8.0,
    offset: float = 3.0,
    irregular: float = 0.05,
    spread: float = 0.1,
    self_dual: float = 0.1,
) -> Population:
    """Noisy simplex (or, for K > D+1, random) means about a common offset, and a rough head.

    ``irregular``, ``spread`` and ``self_dual`` are lengths as fractions: of the means about the
    simplex, of the features about the means, and of the head's rows about the centred means.
    """
    random = np.random.default_rng(seed)
    fits = dim >= classes - 1
    shape = simplex(random, classes, dim) if fits else random.standard_normal((classes, dim))
    shape = shape / np.linalg.norm(shape, axis=1)[:, None]  # (K, D)
    shape = shape + irregular / np.sqrt(dim) * random.standard_normal((classes, dim))
    centre = offset * _orthonormal(random, 1, dim)[0]  # (D,)
    sizes = tuple(counts) * classes if len(counts) == 1 else counts
    features, labels = _draw(random, centre + radius * shape, sizes, spread * radius)
    rough = self_dual / np.sqrt(dim) * random.standard_normal((classes, dim))  # (K, D)
    weight = 0.5 * (shape - shape.mean(axis=0) + rough)  # (K, D)
    bias = radius / 80 * random.standard_normal(classes) - weight @ centre  # (K,)
    whole = Population(name, features, labels, weight, bias, note)
    return _shuffle(random, whole)


# Ordinary


def perfect_simplex() -> Population:
    random = np.random.default_rng(1)
    means = 8 * simplex(random, 10, 16)  # (10, 16)
    labels = random.permutation(np.repeat(np.arange(10), 20))  # (200,)
    note = "exactly collapsed: identical samples, means a simplex about 0, head proportional"
    return Population("perfect_simplex", means[labels], labels, 0.25 * means, np.zeros(10), note)


def random_features() -> Population:
    random = np.random.default_rng(3)
    features = 2 * random.standard_normal((400, 32))  # (400, 32)
    labels = random.permutation(np.repeat(np.arange(10), 40))  # (400,)
    weight = random.standard_normal((10, 32))  # (10, 32)
    note = "structureless: features, labels and head independent"
    return Population("random_features", features, labels, weight, np.zeros(10), note)


def anisotropic() -> Population:
    random = np.random.default_rng(9)
    spectrum = 8 * np.geomspace(1, 1e-4, 7)  # (7,)
    means = (_contrasts(8) * spectrum) @ _orthonormal(random, 7, 20)  # (8, 20)
    features, labels = _draw(random, means, [25] * 8, 8e-5 * np.sqrt(20))
    weight = means + 0.05 * random.standard_normal(means.shape)  # (8, 20)
    bias = 0.1 * random.standard_normal(8)  # (8,)
    note = "centred means with singular values 1 ... 1e-4, coordinates 1e-5 wide, all times 8"
    whole = Population("anisotropic", features, labels, weight, bias, note)
    return _shuffle(random, whole)


def one_dimension() -> Population:
    random = np.random.default_rng(11)
    means = np.array([[-3.0], [1.0], [5.5]])  # (3, 1)
    features, labels = _draw(random, means, [40, 30, 20], 0.5)
    weight, bias = np.array([[-1.0], [0.1], [1.2]]), np.array([0.0, 1.0, -2.5])
    whole = Population("one_dimension", features, labels, weight, bias, "D = 1, K = 3")
    return _shuffle(random, whole)


def class_sorted() -> Population:
    whole = shuffled()
    order = np.argsort(whole.labels, kind="stable")  # (N,)
    return Population(
        "class_sorted", whole.features[order], whole.labels[order], whole.weight, whole.bias,
        "the samples of shuffled, class by class",
    )  # fmt: skip


def shuffled() -> Population:
    return _cloud("shuffled", "the samples of class_sorted, mixed", seed=12, spread=0.5)


def _renamed(name: str, note: str, names: npt.ArrayLike) -> Population:
    whole = _cloud(name, note, seed=13, classes=5, dim=9, spread=0.4)
    return replace(whole, labels=np.asarray(names)[whole.labels.astype(np.int64)])


def non_contiguous_labels() -> Population:
    note = "labels 3, 7, 10, 42, 1000; head rows in that order"
    return _renamed("non_contiguous_labels", note, [3, 7, 10, 42, 1000])


def string_labels() -> Population:
    note = "labels are words; head rows in sorted order"
    return _renamed("string_labels", note, ["ant", "bee", "cat", "dog", "eel"])


def unbiased_head() -> Population:
    whole = _cloud("unbiased_head", "a head without bias", seed=14, offset=0.5)
    return replace(whole, bias=None)


def one_sample_class() -> Population:
    note = "class 2 has one sample, so its variance is 0"
    return _cloud("one_sample_class", note, seed=15, classes=5, dim=9, counts=(30, 20, 1, 40, 25))


def empty_class() -> Population:
    note = "the head's row 3 belongs to no sample"
    return _cloud(
        "empty_class", note, seed=16, classes=6, dim=10, counts=(30, 20, 25, 0, 40, 35), spread=0.7
    )


def relu_features() -> Population:
    note = "features are positive parts: far from centred, with many zeros"
    whole = _cloud("relu_features", note, seed=17, spread=0.5)
    return replace(whole, features=np.maximum(whole.features, 0.0))


def wrong_head() -> Population:
    whole = _cloud("wrong_head", "collapsed features, a random head", seed=18)
    random = np.random.default_rng(19)
    return replace(whole, weight=random.standard_normal((10, 24)), bias=random.standard_normal(10))


def no_head() -> Population:
    whole = _cloud("no_head", "features and labels only", seed=20)
    return replace(whole, weight=None, bias=None)


def _near_collapse(exponent: int) -> Population:
    """The same draw at every width."""
    width = "1" if exponent == 0 else f"1e-{exponent}"
    note = f"root mean square residual {width} of the mean norm; the same draw at every width"
    return _cloud(f"near_collapse_{width}", note, seed=5, spread=10.0**-exponent)


def _named(name: str, note: str, **changes: object) -> tuple[str, Callable[[], Population]]:
    return name, partial(_cloud, name, note, **changes)  # type: ignore[arg-type]


POPULATIONS: dict[str, Callable[[], Population]] = dict(
    [
        ("perfect_simplex", perfect_simplex),
        _named("noisy_simplex", "means and head near a simplex", seed=2, spread=0.3),
        ("random_features", random_features),
        _named(
            "huge_offset", "a common offset 1000 times the radius of the means",
            seed=4, dim=16, radius=0.02, offset=20.0, spread=0.2,
        ),
        *((f"near_collapse_{'1' if e == 0 else f'1e-{e}'}", partial(_near_collapse, e))
          for e in range(9)),
        _named("wide_noise_4", "root mean square residual 4 times the mean norm", seed=6,
               radius=2.0, spread=4.0),
        _named("long_tail", "class sizes from 1000 down to 1", seed=7, classes=6, dim=16,
               counts=(1000, 251, 63, 16, 4, 1), spread=0.4),
        _named("many_classes", "K = 40 classes in D = 12, no simplex fits", seed=8, classes=40,
               dim=12, counts=(12,)),
        _named("k_equals_d_plus_1", "K = 9 and D = 8, the simplex just fits", seed=10, classes=9,
               dim=8, spread=0.2),
        ("anisotropic", anisotropic),
        _named("two_classes", "K = 2", seed=21, classes=2, dim=6, counts=(60, 45), spread=0.5),
        ("one_dimension", one_dimension),
        ("class_sorted", class_sorted),
        ("shuffled", shuffled),
        ("non_contiguous_labels", non_contiguous_labels),
        ("string_labels", string_labels),
        ("unbiased_head", unbiased_head),
        ("one_sample_class", one_sample_class),
        ("empty_class", empty_class),
        ("relu_features", relu_features),
        ("wrong_head", wrong_head),
        ("no_head", no_head),
    ]
)  # fmt: skip


# Degenerate


def _grid(random: np.random.Generator, *shape: int, reach: int = 32) -> Array:
    """Multiples of 1/8 within +-reach/8."""
    eighths: Array = random.integers(-reach, reach + 1, shape) / 8
    return eighths


def _on_grid(name: str, note: str, seed: int) -> Population:
    """Four classes of 16 samples in six dimensions, everything a multiple of 1/8."""
    random = np.random.default_rng(seed)
    means = np.array([[6, 0, 1, 0, -2, 3], [0, 6, -1, 2, 0, 3], [-5, -4, 3, 1, 1, 3],
                      [1, -2, -6, 4, 2, 3]], dtype=np.float64)  # fmt: skip
    labels = np.repeat(np.arange(4), 16)  # (64,)
    features = means[labels] + _grid(random, 64, 6, reach=8)  # (64, 6)
    weight = means + _grid(random, 4, 6, reach=4)  # (4, 6)
    return Population(name, features, labels, weight, _grid(random, 4), note)


def all_zero() -> Population:
    whole = _on_grid("all_zero", "every feature is 0", 30)
    return replace(whole, features=np.zeros_like(whole.features))


def coincident_means() -> Population:
    whole = _on_grid("coincident_means", "classes 1 and 2 have the same samples", 31)
    features = whole.features.copy()  # (64, 6)
    features[whole.labels == 2] = features[whole.labels == 1]
    return replace(whole, features=features)


def all_means_coincide() -> Population:
    whole = _on_grid("all_means_coincide", "every class has the same samples", 32)
    return replace(whole, features=np.tile(whole.features[whole.labels == 0], (4, 1)))


def one_class() -> Population:
    whole = _on_grid("one_class", "a single class and a single head row", 33)
    own = whole.labels == 0  # (64,)
    return Population(
        whole.name, whole.features[own], whole.labels[own], np.ones((1, 6)), np.zeros(1), whole.note
    )


def zero_row() -> Population:
    whole = _on_grid("zero_row", "one feature row is all zeros", 34)
    features = whole.features.copy()  # (64, 6)
    features[21] = 0.0
    return replace(whole, features=features)


def zero_weight_row() -> Population:
    whole = _on_grid("zero_weight_row", "one head row is all zeros", 35)
    kept = np.array([1.0, 1.0, 0.0, 1.0])  # (4,)
    return replace(whole, weight=None if whole.weight is None else whole.weight * kept[:, None])


DEGENERATE: dict[str, Callable[[], Population]] = {
    "all_zero": all_zero,
    "coincident_means": coincident_means,
    "all_means_coincide": all_means_coincide,
    "one_class": one_class,
    "zero_row": zero_row,
    "zero_weight_row": zero_weight_row,
}


# Storage


def stored(population: Population, dtype: str) -> Array:
    """The features as read back from a file of that type, in float64."""
    return rounded(population.features, dtype)


def rounded(values: Array, dtype: str) -> Array:
    """To float64, float32, float16 or bfloat16 (all to nearest, ties to even) and back."""
    if dtype == "bfloat16":
        return _bfloat16(values)
    if dtype not in ("float64", "float32", "float16"):
        raise ValueError(f"no storage type {dtype!r}")
    return values.astype(dtype).astype(np.float64)


def _bfloat16(values: Array) -> Array:
    """Add half a unit of the 16 bits to drop, less one where the kept part is even; cut."""
    bits = values.astype(np.float32).view(np.uint32)
    bits = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (bits & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)
