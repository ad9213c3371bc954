"""How many of the hidden units of a coordinate a sum may use: by the sign of their weight, and by the edges there are.

A sum of a target weight has one candidate for each unit that may serve it. The number of these is random, but shared by
all outputs of the coordinate; only edges of the second layer may be missing for each output apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from slt.errors import InputError
from slt.laws.arguments import finite

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Group = tuple[int, tuple[float, ...]]
_NEGLIGIBLE: Final = 1e-30


class UnitCounts(ABC):
    """The law of the number of units that may serve a sum; its concrete classes are the kinds of sources.

    `share`: units of a branch for each unit of width; `chance`: that such a unit serves a given sum.
    """

    name: str
    share: float
    chance: float

    @property
    def second(self) -> float:
        """The chance that the edge of the second layer is there, for each output apart."""
        return 1.0

    @property
    def most_width(self) -> int:
        """The largest width for which tables are affordable."""
        return 1 << 22

    @abstractmethod
    def groups(self, width: int, branches: int) -> list[Group]:
        """Independent groups of sums: a number of units, and for each branch of the group the chance that a unit serves
        it (for all outputs at once). A unit serves one branch of its group at most."""

    def usable(self, width: int, branches: int) -> list[tuple[Counts, Array]]:
        """For each group: all counts of usable units (P, branches in the group), and their probabilities (P,).

        Counts less likely than 1e-30 are left out. Counts of a group are multinomial.
        """
        return [_multinomial(units, chances) for units, chances in self.groups(width, branches)]

    def thinned(self, misses: Array) -> Array:
        """P(miss) for n = 0 .. N shared units (N + 1, ...), from that for n items: the mean over the second edges."""
        if self.second == 1.0:
            return misses
        n = np.arange(len(misses))
        return np.asarray(binomial(n[:, None], n, self.second) @ misses)


@final
@dataclass(frozen=True, slots=True)
class Split(UnitCounts):
    """Which units may serve a branch; a unit that may has the right sign with probability 1/2.

    `share` 1: the sign of u decides alone. `share` 1/2: even units are reserved for the positive and odd units for the
    negative branch, and those of the wrong sign are lost.
    """

    name: str
    share: float
    chance: float = field(default=0.5, init=False)

    def __post_init__(self) -> None:
        if self.share not in (0.5, 1.0):
            raise InputError(f"split of units: a share of {self.share} was given; 1 or 1/2 is needed.")

    def groups(self, width: int, branches: int) -> list[Group]:
        """Sign-optimal: one group, the second branch has what the first has not. Paper: a group for each branch."""
        if self.share == 1.0:
            return [(width, (0.5,) * branches)]
        return [(half, (0.5,)) for half in ((width + 1) // 2, width // 2)[:branches]]


@final
@dataclass(frozen=True, slots=True)
class EveryUnit(UnitCounts):
    """Every unit serves every sum, and one sum serves both signs of the input: looks-linear sources, where a unit is a
    mirrored pair (P13), attention, and single weights behind replicated rows (P14)."""

    name: str = "every_unit"
    share: float = field(default=1.0, init=False)
    chance: float = field(default=1.0, init=False)

    def groups(self, width: int, branches: int) -> list[Group]:
        """One group with one branch, however many there are: its sums are the same."""
        return [(width, (1.0,))]


SIGN_OPTIMAL: Final = Split("sign_optimal", 1.0)
PAPER: Final = Split("paper", 0.5)
EVERY_UNIT: Final = EveryUnit()


@final
@dataclass(frozen=True, slots=True)
class ThinnedUnits(UnitCounts):
    """`units` in an Erdos-Renyi source (P17): an edge of the first layer, shared by all outputs, is there with
    probability `first_density`, one of the second layer, for each output apart, with `second_density`.

    Both lie in [0, 1]. A unit needs both edges, so a sum has a binomial number of candidates of mean
    share * chance * first_density * second_density * width.
    """

    units: UnitCounts
    first_density: float
    second_density: float

    def __post_init__(self) -> None:
        for name in ("first_density", "second_density"):
            density = float(finite(name, getattr(self, name), "units of a random graph"))
            if not 0 <= density <= 1:
                raise InputError(f"units of a random graph: {name} = {density} was given; it has to lie in [0, 1].")

    @property
    def name(self) -> str:  # type: ignore[override]
        """As those of `units`, with the densities."""
        return f"{self.units.name} thinned {self.first_density:g} {self.second_density:g}"

    @property
    def share(self) -> float:  # type: ignore[override]
        """As of `units`."""
        return self.units.share

    @property
    def chance(self) -> float:  # type: ignore[override]
        """That a unit serves, times both densities."""
        return self.units.chance * self.first_density * self.second

    @property
    def second(self) -> float:
        """The second density, times that of `units`."""
        return self.units.second * self.second_density

    @property
    def most_width(self) -> int:
        """Thinning takes a table of width^2."""
        return min(self.units.most_width, 4096)

    def groups(self, width: int, branches: int) -> list[Group]:
        """Those of `units`, with the first density in every chance."""
        return [
            (units, tuple(chance * self.first_density for chance in chances))
            for units, chances in self.units.groups(width, branches)
        ]


def binomial(trials: Counts | int, successes: Counts, chance: float) -> Array:
    """P(Bin(`trials`, chance) = `successes`), broadcast; 0 where there are more successes than trials."""
    from scipy.special import gammaln, xlog1py, xlogy

    n, k = np.broadcast_arrays(np.asarray(trials, np.float64), np.asarray(successes, np.float64))
    left = np.maximum(n - k, 0.0)
    log_chance = gammaln(n + 1) - gammaln(k + 1) - gammaln(left + 1) + xlogy(k, chance) + xlog1py(left, -chance)
    return np.where(k <= n, np.exp(log_chance), 0.0)


def _multinomial(units: int, chances: tuple[float, ...]) -> tuple[Counts, Array]:
    """All likely counts of 1 or 2 branches among `units`, (P, branches), and their probabilities."""
    first = np.arange(units + 1)
    likely = binomial(units, first, chances[0])
    first, likely = first[likely > _NEGLIGIBLE], likely[likely > _NEGLIGIBLE]
    if len(chances) == 1:
        return first[:, None], likely
    rest = 1 - chances[0]
    if chances[1] == rest:
        return np.stack([first, units - first], axis=1), likely
    second = np.arange(units + 1)
    joint = likely[:, None] * binomial(units - first[:, None], second, chances[1] / rest)
    kept = np.nonzero(joint > _NEGLIGIBLE)
    return np.stack([first[kept[0]], second[kept[1]]], axis=1), joint[kept]
