"""How tight the classes are on the sphere: what the second sweep gathers beside everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from nctool.statistics.anchors import Closeness, Sight, View
from nctool.statistics.crowding import Crowding, PairDistances
from nctool.statistics.keepsake import Choice, Keeper
from nctool.statistics.moments import Moments


@dataclass(frozen=True, slots=True)
class Asked:
    """What to gather; nothing by default."""

    views: Mapping[str, View] = field(default_factory=dict)
    """``means`` from the global mean; ``weights`` from zero, without anchors if only the features
    matter."""
    spread: bool = False
    """The scatter of features of length one."""
    pairs: bool = False
    """Distances between samples of a class, features of length one."""
    kernels: bool = False
    """Determinants of a class's samples together with each anchor."""
    choice: Choice | None = None
    """The rows that pairs and kernels are taken from."""


@dataclass(frozen=True, slots=True)
class Within:
    """Per class, float64."""

    closeness: Mapping[str, Closeness]
    """Under the names of the views."""
    unit_scatter: Tensor | None  # (K,) sum of |x/|x| - their mean|^2
    pairs: PairDistances | None
    log_determinants: Mapping[str, Tensor]  # (K,)
    choice: Choice | None


class WithinSweep:
    """Feed it with ``add``, in order; read it once with ``finish``."""

    def __init__(self, asked: Asked, moments: Moments, centre: Tensor) -> None:
        self.asked, self.moments, self.centre = asked, moments, centre
        self.sights = {
            name: Sight(view, centre, spread=asked.spread and name == "weights")
            for name, view in asked.views.items()
        }
        self.keeper = None
        if asked.choice is not None:
            self.keeper = Keeper(asked.choice, centre.shape[1], centre.dtype, centre.device)

    def add(self, x: Tensor, y: Tensor, z: Tensor, square: Tensor) -> None:
        """Samples (B, D), classes (B,), residuals (B, D) and their squared lengths (B,)."""
        for sight in self.sights.values():
            sight.add(x, y, z, square)
        if self.keeper is not None:
            self.keeper.add(x, y)

    def finish(self) -> Within:
        asked, views = self.asked, self.asked.views
        pairs: PairDistances | None = None
        kernels: dict[str, Tensor] = {}
        if self.keeper is not None:
            count = self.moments.count
            plain = views["weights"] if asked.pairs else None
            anchored = {name: view for name, view in views.items() if view.anchors is not None}
            groups = self.keeper.groups(len(count))
            crowding = Crowding(groups, self.centre, count)
            pairs, kernels = crowding.look(plain, anchored if asked.kernels else {})
        closeness = {name: sight.finish() for name, sight in self.sights.items()}
        return Within(closeness, self._unit_scatter(), pairs, kernels, asked.choice)

    def _unit_scatter(self) -> Tensor | None:
        """About the mean of the unit features: from that about the direction of the class mean.

        Where a class mean is zero its direction is taken as zero, and every square then counts one
        too much (see Closeness).
        """
        if not self.asked.spread:
            return None
        sight, mean = self.sights["weights"], self.moments.unit_mean
        assert mean is not None
        missing = sight.length == 0
        own = self.centre.double() / sight.length.masked_fill(missing, 1.0)[:, None]
        offset = (mean - own).square().sum(1) + missing
        scatter: Tensor = sight.scatter - self.moments.count * offset
        return scatter.clamp(min=0)
