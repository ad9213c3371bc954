"""What is made of the items of a weight: subset sums of them, or (`single_match`) the best single one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.laws.item_laws import UNIFORM, UNIFORM_PRODUCT, ItemLaw
from slt.laws.random_subset_sum import miss_probability

Array = NDArray[np.float64]


class SumLaw(ABC):
    """The chance that what can be made of n random items misses a weight; 0 where keeping nothing is near enough."""

    most_width: ClassVar[int]
    """Widths beyond which a search gives up."""

    @abstractmethod
    def miss_probability(self, error: float, n: ArrayLike, target: ArrayLike) -> Array:
        """P(missed by more than `error` > 0); `n` >= 0 and `target` >= 0 broadcast. 0 where target <= error."""


@final
@dataclass(frozen=True, slots=True)
class SubsetSums(SumLaw):
    """The best subset of the items, each of law `items`: `random_subset_sum.miss_probability`, a heuristic."""

    most_width: ClassVar[int] = 4096
    items: ItemLaw = UNIFORM_PRODUCT

    def miss_probability(self, error: float, n: ArrayLike, target: ArrayLike) -> Array:
        """Mixture and reach."""
        sizes = np.abs(np.asarray(target, np.float64))
        return np.where(sizes <= error, 0.0, miss_probability(error, n, sizes, self.items))


SUMS_OF_PRODUCTS: Final = SubsetSums(UNIFORM_PRODUCT)
SUMS_OF_UNIFORMS: Final = SubsetSums(UNIFORM)
