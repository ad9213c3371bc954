"""The subset sums of a source of replicated rows: posed in batches, solved, counted row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
import numpy.typing as npt

from slt.constructions.construction import Findings, Request
from slt.constructions.selections import LIMIT
from slt.constructions.sums import NEAREST_SUM
from slt.subset_sum import Problem
from slt.tickets.residuals import allowed

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

NEVER = np.iinfo(np.int64).max


@final
class RowTally:
    """Solves batches of sums and counts what came out.

    A narrower source has fewer rows, so the needed width asks row by row: the smallest width all of whose rows find
    their sums within its units.
    """

    def __init__(self, total: int, request: Request) -> None:
        self.total, self.request = total, request
        self.done = self.missed = self.kept = 0
        self.exhaustive = True
        self.always = 1
        self.of_copy = np.ones(request.width, dtype=np.int64)

    def solve(
        self,
        items: Int64Array,
        targets: Int64Array,
        rounding: FloatArray,
        usable: BoolArray,
        exponent: int,
        share: float,
        width_of: Callable[[Int64Array], Int64Array],
        copies: int,
        start: int,
        first_units: Int64Array,
    ) -> BoolArray:
        """The masks of ``items`` (rows, coordinates, units), rows from ``start`` on of neurons * ``copies``.

        ``targets``, ``rounding`` (rows, coordinates): whole numbers on the lattice of the items, and what that leaves
        out; a tolerance is in units of the target, 2**exponent of the lattice, and ``share`` of it is for each sum.
        ``usable`` broadcasts with the items. ``width_of``: the width at which so many leading units are there.
        ``first_units`` (coordinates,): how many leading units a coordinate needs, even where all its sums are empty.
        """
        request, units = self.request, items.shape[2]
        if request.tolerance is None:
            usable = usable & (np.cumsum(usable, axis=-1) <= request.max_items)
        open_ = np.ascontiguousarray(np.broadcast_to(usable, items.shape)).reshape(-1, units)
        problem = Problem.of(np.ascontiguousarray(items).reshape(-1, units), targets.ravel(), open_, lattice=exponent)
        limit = None if request.tolerance is None else allowed(request.tolerance * share, rounding.ravel(), exponent)
        result = NEAREST_SUM.solve(problem, limit)
        self.done += problem.count
        self.kept += int(np.count_nonzero(result.mask))
        if limit is not None:
            prefix = np.maximum(result.prefix.reshape(items.shape[:2]), first_units).ravel()
            looked = open_ & (np.arange(units) < result.prefix[:, None])
            self.exhaustive &= not np.any(np.count_nonzero(looked, axis=1) > LIMIT)
            within = np.abs(result.residual_lattice) <= limit
            self._count(within, prefix, items.shape[:2], width_of, copies, start)
        if request.progress is not None:
            request.progress(self.done, self.total)
        return result.mask.reshape(items.shape)

    def _count(
        self,
        within: BoolArray,
        prefix: Int64Array,
        shape: tuple[int, ...],
        width_of: Callable[[Int64Array], Int64Array],
        copies: int,
        start: int,
    ) -> None:
        self.missed += int(np.count_nonzero(~within))
        need = np.where(within, width_of(prefix), NEVER).reshape(shape).max(axis=1, initial=1)
        if copies == 1:
            self.always = max(self.always, int(need.max(initial=1)))
            return
        copy = (start + np.arange(len(need))) % copies
        np.maximum.at(self.of_copy, copy, need)

    def needed_width(self) -> int | None:
        """The smallest width at which no sum is missed; None if that is beyond the one tried, or not known."""
        if self.request.tolerance is None or not self.exhaustive:
            return None
        needed = np.maximum(np.maximum.accumulate(self.of_copy), self.always)
        enough = np.flatnonzero(needed <= np.arange(1, len(needed) + 1))
        return int(enough[0]) + 1 if enough.size else None

    def findings(self, needed_known: bool = True) -> Findings:
        return Findings(
            sums=self.done,
            missed=None if self.request.tolerance is None else self.missed,
            needed_width=self.needed_width() if needed_known else None,
            kept=self.kept,
        )
