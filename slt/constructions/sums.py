"""What constructions share: solving a batch of their sums as the request says, counting what came out, scales."""

from __future__ import annotations

import math
from typing import final

import numpy as np
import numpy.typing as npt

from slt.constructions.construction import Findings, Request
from slt.errors import InputError, LimitError
from slt.subset_sum import Problem, Result, Status
from slt.tickets.blocks import LARGEST_SCALE
from slt.tickets.residuals import allowed

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
LIMIT = 44  # items that the search within a tolerance looks at exhaustively, and of the exact optimum


def check_items(request: Request) -> None:
    """LimitError for exact optima over more units than any solver takes."""
    if request.tolerance is None and request.max_items > LIMIT:
        raise LimitError(
            f"find_ticket: the exact optimum is possible over at most {LIMIT} usable units; max_items="
            f"{request.max_items} was given. Lower it, or give a tolerance to use all units"
        )


@final
class Tally:
    """Counts over all batches; tells the caller about progress."""

    def __init__(self, total: int, request: Request) -> None:
        self.total, self.request = total, request
        self.done = self.missed = self.kept = self.prefix = 0
        self.exhaustive = True

    def add(self, result: Result, usable: BoolArray) -> None:
        """``usable``: the units of each coordinate of the batch, (coordinates, width)."""
        within = result.status == Status.WITHIN_TOLERANCE
        self.done += len(within)
        self.missed += int(np.count_nonzero(~within))
        self.kept += int(np.count_nonzero(result.mask))
        # every coordinate needs a usable unit, even one whose sums all are empty
        self.prefix = max(self.prefix, int(result.prefix.max(initial=0)), int(usable.argmax(axis=1).max(initial=0)) + 1)
        if usable.shape[1] > LIMIT:
            many = np.flatnonzero(within & (result.problem.usable_counts() > LIMIT))
            looked = result.problem.rows(many).usable & (np.arange(result.problem.n) < result.prefix[many, None])
            self.exhaustive &= not np.any(looked.sum(axis=1) > LIMIT)
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
    items: Int64Array, targets: Int64Array, rounding: FloatArray, usable: BoolArray, scale: int, tally: Tally
) -> BoolArray:
    """The masks of ``items`` (rows, coordinates, width), products on the lattice of the tally's law.

    ``targets`` and ``rounding`` (rows, coordinates), in units of the products and of the target, which are 2**scale
    apart; ``usable`` (coordinates, width). The exact optimum without a tolerance, else the first sum within it.
    """
    from slt.subset_sum.first_within import first_within
    from slt.subset_sum.optimum import optimum

    request, width = tally.request, items.shape[2]
    exponent = 2 * request.law.exponent
    flat, wanted = items.reshape(-1, width), np.ascontiguousarray(targets).ravel()
    open_ = np.broadcast_to(usable, items.shape).reshape(-1, width)
    if width * request.law.largest**2 + int(np.abs(wanted).max(initial=0)) < 2**63:
        # no sum can overflow, so the check of every one is left out
        problem = Problem(flat, wanted, open_, exponent, np.zeros(len(wanted)))
    else:
        problem = Problem.of(flat, wanted, open_, lattice=exponent)
    if request.tolerance is None:
        result = optimum(problem)
    else:
        result = first_within(problem, allowed(request.tolerance, rounding.ravel(), exponent - scale))
    tally.add(result, usable)
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
