"""How much two masks have in common by chance.

Similarities of masks mean nothing without what independent masks of the same densities have: at density 1/2 that is a
Jaccard index of 1/3, a cosine of 1/2 and a Hamming distance of 1/2. The functions take densities and hold for large
layers; ``ChanceOverlap`` takes exact counts and is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import finite

Array = NDArray[np.float64]

_NEGLIGIBLE: Final = 1e-25
"""Probabilities below it are left out of sums over layers."""


def chance_jaccard(first: ArrayLike, second: ArrayLike | None = None) -> Array:
    """|A and B| / |A or B| of independent masks of densities k1 and k2: k1 k2 / (k1 + k2 - k1 k2), which is
    k / (2 - k) where they are equal.

    Densities in (0, 1] broadcast; ``second`` is ``first`` where it is None. Raises `InputError` for others.
    """
    a, b = _densities(first, second)
    return np.asarray(a * b / (a + b - a * b))


def chance_cosine(first: ArrayLike, second: ArrayLike | None = None) -> Array:
    """|A and B| / sqrt(|A| |B|) of independent masks: sqrt(k1 k2), the density itself for equal ones.

    Densities in (0, 1] broadcast; ``second`` is ``first`` where it is None. Raises `InputError` for others.
    """
    a, b = _densities(first, second)
    return np.asarray(np.sqrt(a * b))


def chance_hamming(first: ArrayLike, second: ArrayLike | None = None) -> Array:
    """The share of places where independent masks differ: k1 + k2 - 2 k1 k2, 2 k (1 - k) for equal densities.

    Densities in (0, 1] broadcast; ``second`` is ``first`` where it is None. Raises `InputError` for others.
    """
    a, b = _densities(first, second)
    return np.asarray(a + b - 2 * a * b)


@final
@dataclass(frozen=True)
class ChanceOverlap:
    """The law of |A and B| where, in each layer of ``sizes[i]`` places, mask B keeps a uniformly random set of
    ``second[i]`` places and A any ``first[i]``, independently: a sum of hypergeometric numbers, worked out exactly.

    Jaccard index, cosine and Hamming distance are monotone in |A and B| when the counts are given, so their quantiles
    are those of it. Masks that keep the counts of their layers and nothing else of one another have this law.

    Raises `InputError` for counts that no masks have.
    """

    sizes: tuple[int, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("sizes", "first", "second"):
            object.__setattr__(self, name, _counts(name, getattr(self, name)))
        if not self.sizes or not len(self.sizes) == len(self.first) == len(self.second):
            raise InputError(
                "overlap of masks by chance: one size and two counts a layer are needed, for at least one layer; "
                f"{len(self.sizes)} sizes and {len(self.first)} and {len(self.second)} counts were given"
            )
        for number, (size, a, b) in enumerate(zip(self.sizes, self.first, self.second, strict=True)):
            if max(a, b) > size:
                raise InputError(
                    f"overlap of masks by chance: layer {number} has {size} places, of which {a} and {b} are said to "
                    "be kept; no layer keeps more than it has"
                )
        if not any(self.first) and not any(self.second):
            raise InputError(
                "overlap of masks by chance: both masks keep nothing; masks that keep something are needed"
            )

    @property
    def mean(self) -> float:
        """Of |A and B|: the sum over layers of first x second / size."""
        return float(sum(a * b / n for n, a, b in zip(self.sizes, self.first, self.second, strict=True) if n))

    @property
    def variance(self) -> float:
        """Of |A and B|: the sum over layers of first second (size - first) (size - second) / (size^2 (size - 1))."""
        return float(
            sum(
                a * b * (n - a) * (n - b) / (n * n * (n - 1))
                for n, a, b in zip(self.sizes, self.first, self.second, strict=True)
                if n > 1
            )
        )

    @cached_property
    def probabilities(self) -> tuple[int, Array]:
        """(least, p): p[i] is the probability that |A and B| = least + i. Of each layer, values less likely than 1e-25
        are left out."""
        least, total = 0, np.ones(1)
        for size, a, b in zip(self.sizes, self.first, self.second, strict=True):
            start, layer = _hypergeometric(size, a, b)
            least, total = least + start, np.convolve(total, layer)
        return least, total

    def quantile(self, probability: float) -> int:
        """The least count that |A and B| does not exceed with this probability, in (0, 1)."""
        if not 0 < probability < 1:
            raise InputError(
                f"overlap of masks by chance: a probability strictly between 0 and 1 is needed, not {probability!r}"
            )
        least, p = self.probabilities
        return least + min(int(np.searchsorted(np.cumsum(p), probability)), len(p) - 1)

    def at_least(self, shared: int) -> float:
        """P(|A and B| >= shared)."""
        least, p = self.probabilities
        return float(min(1.0, p[max(0, shared - least) :][::-1].sum()))

    def band(self, level: float = 0.99) -> tuple[int, int]:
        """(low, high): |A and B| is below low with probability (1 - level) / 2 at most, and so above high."""
        if not 0 < level < 1:
            raise InputError(f"overlap of masks by chance: a level strictly between 0 and 1 is needed, not {level!r}")
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def jaccard(self, shared: ArrayLike) -> Array:
        """The Jaccard index of masks of these counts that have ``shared`` places in common."""
        both = np.asarray(shared, dtype=np.float64)
        return np.asarray(both / (sum(self.first) + sum(self.second) - both))

    def cosine(self, shared: ArrayLike) -> Array:
        """Their cosine; NaN where one of them keeps nothing."""
        product = float(sum(self.first)) * float(sum(self.second))
        return np.asarray(np.asarray(shared, dtype=np.float64) / (np.sqrt(product) if product else np.nan))

    def hamming(self, shared: ArrayLike) -> Array:
        """The share of places where they differ."""
        differing = sum(self.first) + sum(self.second) - 2 * np.asarray(shared, dtype=np.float64)
        return np.asarray(differing / sum(self.sizes))

    @property
    def expected_jaccard(self) -> float:
        """The exact mean of the Jaccard index; for large layers of one density k, k / (2 - k)."""
        least, p = self.probabilities
        return float(p @ self.jaccard(least + np.arange(len(p))) / p.sum())


def _hypergeometric(size: int, a: int, b: int) -> tuple[int, Array]:
    from scipy.stats import hypergeom

    low, high = max(0, a + b - size), min(a, b)
    if low == high:
        return low, np.ones(1)
    # 12 deviations: by Hoeffding's bound what is left out weighs less than 1e-25
    reach = 12 * np.sqrt(min(a, b, size - a, size - b) / 4) + 40
    middle = a * b / size
    low, high = max(low, int(middle - reach)), min(high, int(middle + reach) + 1)
    values = np.asarray(hypergeom.pmf(np.arange(low, high + 1), size, a, b))
    likely = np.flatnonzero(values >= _NEGLIGIBLE)
    return low + int(likely[0]), values[likely[0] : likely[-1] + 1]


def _densities(first: ArrayLike, second: ArrayLike | None) -> tuple[Array, Array]:
    pair = []
    for name, value in (("first", first), ("second", first if second is None else second)):
        array = finite(name, value, "overlap of masks by chance")
        if np.any((array <= 0) | (array > 1)):
            bad = array[(array <= 0) | (array > 1)].flat[0]
            raise InputError(f"overlap of masks by chance: {name} = {bad!s} was given; a density in (0, 1] is needed")
        pair.append(array)
    return pair[0], pair[1]


def _counts(name: str, values: Sequence[int]) -> tuple[int, ...]:
    array = finite(name, values, "overlap of masks by chance")
    if array.ndim != 1 or np.any(array < 0) or np.any(array != np.floor(array)):
        raise InputError(
            f"overlap of masks by chance: {name} = {values!r} was given; whole numbers of at least 0, one a layer, "
            "are needed"
        )
    return tuple(int(value) for value in array)
