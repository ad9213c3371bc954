"""What constructions share: solving a batch of their sums as the request says, counting what came out, scales."""

from __future__ import annotations

import math
from typing import final

import numpy as np
import numpy.typing as npt

from slt.constructions.construction import Findings, Request
from slt.constructions.selections import NearestSum, Selection
from slt.errors import InputError
from slt.subset_sum import Problem, Result
from slt.tickets.blocks import LARGEST_SCALE
from slt.tickets.residuals import allowed

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BATCH = 2**21  # items of one batch of sums: 16 MiB of integers
NEAREST_SUM = NearestSum()


def check_items(request: Request) -> None:
    """LimitError for exact optima over more units than any solver takes."""
    NEAREST_SUM.check(request.tolerance, request.max_items)


@final
class Tally:
    """Counts over all batches; tells the caller about progress."""

    def __init__(self, total: int, request: Request, selection: Selection = NEAREST_SUM) -> None:
        self.total, self.request, self.selection = total, request, selection
        self.done = self.missed = self.kept = self.prefix = 0
        self.exhaustive = selection.shortest

    def require(self, units: BoolArray) -> None:
        """A coordinate needs a unit of its own, even where all its sums are empty: ``units`` (coordinates, width)."""
        self.prefix = max(self.prefix, int(units.argmax(axis=1).max(initial=0)) + 1)

    def add(self, result: Result, width: int, allowed: Int64Array | None) -> None:
        """``width``: the units of each sum, usable or not; ``allowed`` (instances,): as selections get it."""
        self.done += result.problem.count
        self.kept += int(np.count_nonzero(result.mask))
        if allowed is not None:
            within = np.abs(result.residual_lattice) <= allowed
            self.missed += int(np.count_nonzero(~within))
            limit = self.selection.searched_within
            if limit is not None and width > limit:
                many = np.flatnonzero(within & (result.problem.usable_counts() > limit))
                looked = result.problem.rows(many).usable & (np.arange(result.problem.n) < result.prefix[many, None])
                self.exhaustive &= not np.any(looked.sum(axis=1) > limit)
        self.prefix = max(self.prefix, int(result.prefix.max(initial=0)))
        if self.request.progress is not None:
            self.request.progress(self.done, self.total)

    def findings(self) -> Findings:
        exact = self.request.tolerance is None
        return Findings(
            sums=self.done,
            missed=None if exact else self.missed,
            needed_width=None if exact or self.missed or not self.exhaustive else max(1, self.prefix),
            kept=self.kept,
        )


def solve_batch(
    items: Int64Array,
    targets: Int64Array,
    rounding: FloatArray,
    usable: BoolArray,
    scale: int,
    tally: Tally,
    locked: BoolArray | None = None,
) -> BoolArray:
    """The masks of ``items`` (rows, coordinates, width), products on the lattice of the tally's law.

    ``targets`` and ``rounding`` (rows, coordinates), in units of the products and of the target, which are 2**scale
    apart; ``usable`` (coordinates, width), or (rows, coordinates, width) where outputs differ; ``locked`` of the same
    shape as ``items``: what is in whatever happens. The tally's selection chooses.
    """
    request, width = tally.request, items.shape[2]
    exponent = 2 * request.law.exponent
    flat, wanted = items.reshape(-1, width), np.ascontiguousarray(targets).ravel()
    open_ = np.broadcast_to(usable, items.shape).reshape(-1, width)
    kept = None if locked is None else locked.reshape(-1, width)
    if kept is None and width * request.law.largest**2 + int(np.abs(wanted).max(initial=0)) < 2**63:
        # no sum can overflow, so the check of every one is left out
        problem = Problem(flat, wanted, open_, exponent, np.zeros(len(wanted)))
    else:
        problem = Problem.of(flat, wanted, open_, lattice=exponent, locked=kept)
    off = rounding.ravel()
    limit = None if request.tolerance is None else allowed(request.tolerance, off, exponent - scale)
    result = tally.selection.solve(problem, limit)
    tally.add(result, width, limit)
    return result.mask.reshape(items.shape)


def scale_of(name: str, largest: float) -> int:
    """The exponent of the power of two that brings numbers up to ``largest`` into [-1, 1]: 0 unless it is above 1.

    InputError, with the ``name`` of what is too large, beyond 2**127."""
    mantissa, exponent = math.frexp(largest)
    scale = max(0, exponent - (mantissa == 0.5)) if largest > 1 else 0
    if scale > LARGEST_SCALE:
        raise InputError(
            f"find_ticket: {name} has weights up to {largest:.6g}; beyond 2**{LARGEST_SCALE} no scale "
            "reaches them in float32. Scale the target down"
        )
    return scale
