"""A construction of your own: copy this file, rename both classes, change which items of a sum are kept.

This one makes every layer from two random layers, so it says only which units serve which sign (``units``) and which
of their products a sum keeps (``chosen``). The page beside this file says what it takes to lay out another network.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.constructions import Selection, SignOptimal, Split, TwoLayerConstruction
from slt.subset_sum import Problem, Result, Status


@final
@dataclass(frozen=True)
class NearestPair(Selection):
    """Of no item, one and two the sum that is nearest; the first of equals. Any number of items, n**2 / 2 sums."""

    def solve(self, problem: Problem, allowed: npt.NDArray[np.int64] | None) -> Result:
        count, n = problem.count, problem.n
        pairs = [(), *((i,) for i in range(n)), *combinations(range(n), 2)]
        taken = np.zeros((len(pairs), n), dtype=np.bool_)
        for row, pair in enumerate(pairs):
            taken[row, list(pair)] = True
        items = np.broadcast_to(np.where(problem.usable, problem.items, 0), (count, n))
        errors = np.abs(items @ taken.T.astype(np.int64) - problem.targets[:, None])  # (count, pairs)
        mask = taken[errors.argmin(axis=1)] & np.broadcast_to(problem.usable, (count, n))
        residual = np.where(mask, items, 0).sum(axis=1) - problem.targets
        status = np.full(count, Status.BEST_FOUND, dtype=np.int8)
        if allowed is not None:
            status[np.abs(residual) <= allowed] = Status.WITHIN_TOLERANCE
        return Result.of(mask, residual, status, np.full(count, n, dtype=np.int64), problem)

    def check(self, tolerance: float | None, max_items: int) -> None:
        """All requests can be served: this search has no limit."""

    def capped(self, tolerance: float | None) -> bool:
        """Whether only the first ``max_items`` usable items are looked at; here all of them are."""
        return False


@final
@dataclass(frozen=True)
class PairMatch(TwoLayerConstruction):
    """Every target weight two products of random weights, or one, or none: between ``SingleMatch`` and ``TwoLayerSum``.

    The nearest sum of exactly two of n items is about 1 / n**2 away (``slt.laws.fixed_size`` with size 2, its law
    here), so the error falls as 1 / width**2; single items, which the law leaves out, take some 2 / n off it. Derived
    here, no published theorem.
    """

    theorem: ClassVar[str] = "none; between Malach et al. 2020, theorem 2.1 and Pensia et al. 2020, theorem 1"
    law: ClassVar[str] = "slt.laws.fixed_size"

    @property
    def units(self) -> Split:
        return SignOptimal()

    @property
    def chosen(self) -> Selection:
        return NearestPair()
