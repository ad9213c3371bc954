"""Selections: which of the usable items of a sum are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, LimitError
from slt.subset_sum import Problem, Result, Status

Int64Array = npt.NDArray[np.int64]
LIMIT = 44  # usable items that exact searches take


class Selection(ABC):
    """One way to choose; ``shortest``: within a tolerance, it says how few leading items would have done."""

    shortest: ClassVar[bool] = False

    @abstractmethod
    def solve(self, problem: Problem, allowed: Int64Array | None) -> Result:
        """One subset an instance. ``allowed`` (N,): the largest |residual| wanted, in lattice units, -1 where none is
        small enough; None where the request has no tolerance."""

    def check(self, tolerance: float | None, max_items: int) -> None:
        """Raises InputError or LimitError for requests that this selection cannot serve."""
        if tolerance is None and max_items > LIMIT:
            raise LimitError(
                f"find_ticket: the exact optimum is possible over at most {LIMIT} usable units; max_items={max_items} "
                "was given. Lower it, or give a tolerance to use all units"
            )

    def capped(self, tolerance: float | None) -> bool:
        """Whether only the first ``max_items`` usable items of a sum are looked at."""
        return tolerance is None

    @property
    def searched_within(self) -> int | None:
        """How many leading items of a sum the search within a tolerance looks at exhaustively; None for all."""
        return None


@final
@dataclass(frozen=True)
class NearestSum(Selection):
    """The exact optimum without a tolerance; with one the first sum within it, best found otherwise."""

    shortest: ClassVar[bool] = True

    def solve(self, problem: Problem, allowed: Int64Array | None) -> Result:
        from slt.subset_sum.first_within import first_within
        from slt.subset_sum.optimum import optimum

        return optimum(problem) if allowed is None else first_within(problem, allowed)

    @property
    def searched_within(self) -> int | None:
        return LIMIT


@final
@dataclass(frozen=True)
class NearestItem(Selection):
    """The one item nearest to the target (Malach et al. 2020), or none where that is nearer. With a tolerance the first
    item within it. Any number of items."""

    shortest: ClassVar[bool] = True

    def solve(self, problem: Problem, allowed: Int64Array | None) -> Result:
        count, n = problem.count, problem.n
        items = np.broadcast_to(problem.items, (count, n))
        usable = np.broadcast_to(problem.usable, (count, n))
        away = np.where(usable, np.abs(items - problem.targets[:, None]), np.iinfo(np.int64).max)
        nothing = np.abs(problem.targets)
        best = away.argmin(axis=1) if n else np.zeros(count, dtype=np.int64)
        rows = np.arange(count)
        least = away[rows, best] if n else np.full(count, np.iinfo(np.int64).max)
        prefix = np.full(count, n, dtype=np.int64)
        status = np.full(count, Status.OPTIMAL, dtype=np.int8)
        if allowed is not None:
            within = away <= allowed[:, None]
            first = within.argmax(axis=1) if n else best
            hit = within.any(axis=1) & (nothing > allowed)
            best, least = np.where(hit, first, best), np.where(hit, away[rows, first] if n else least, least)
            prefix = np.where(hit, first + 1, prefix)
            prefix = np.where(nothing <= allowed, 0, prefix)
            status = np.where(np.minimum(least, nothing) <= allowed, Status.WITHIN_TOLERANCE, Status.BEST_FOUND)
            status = status.astype(np.int8)
        taken = least < nothing  # on a tie nothing is kept
        if allowed is not None:
            taken &= nothing > allowed
        mask = np.zeros((count, n), dtype=np.bool_)
        mask[rows[taken], best[taken]] = True
        got = np.where(taken, items[rows, best] if n else 0, 0)
        return Result.of(mask, got - problem.targets, status, prefix, problem)

    def check(self, tolerance: float | None, max_items: int) -> None:
        """All requests can be served."""

    def capped(self, tolerance: float | None) -> bool:
        return False


@final
@dataclass(frozen=True)
class Greedy(Selection):
    """The golden-ratio greedy (Orseau et al. 2020): items of the target's sign, from the largest down, where they fit.
    Time linear in the items but for sorting; more items can make a sum worse, its bound never."""

    def solve(self, problem: Problem, allowed: Int64Array | None) -> Result:
        from slt.subset_sum.golden_ratio import golden_ratio

        return golden_ratio(problem).result

    def check(self, tolerance: float | None, max_items: int) -> None:
        """All requests can be served."""

    def capped(self, tolerance: float | None) -> bool:
        return False


@final
@dataclass(frozen=True)
class FixedSize(Selection):
    """The nearest sum of exactly ``size`` items: a ticket whose density is chosen (Natale et al. 2024, theorem 2).
    Sums with fewer usable items take all of them."""

    size: int = 4

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, (int, np.integer)) or self.size < 1:
            raise InputError(f"FixedSize: the size must be a whole number >= 1; {self.size!r} was given")

    def solve(self, problem: Problem, allowed: Int64Array | None) -> Result:
        from slt.subset_sum.fixed_size import fixed_size

        return fixed_size(problem, self.size)

    def check(self, tolerance: float | None, max_items: int) -> None:
        # all sums are exact searches, a tolerance only counts the misses
        super().check(None, max_items)

    def capped(self, tolerance: float | None) -> bool:
        return True


@final
@dataclass(frozen=True)
class FewestItems(Selection):
    """Within the tolerance with as few items as any subset that is; the optimum where none is. Needs a tolerance."""

    def solve(self, problem: Problem, allowed: Int64Array | None) -> Result:
        from slt.subset_sum.fewest_items import fewest_within

        assert allowed is not None
        return fewest_within(problem, allowed)

    def check(self, tolerance: float | None, max_items: int) -> None:
        if tolerance is None:
            raise InputError("find_ticket: FewestItems needs a tolerance; none was given. Give one, such as 0.01")
        super().check(None, max_items)

    def capped(self, tolerance: float | None) -> bool:
        return True
