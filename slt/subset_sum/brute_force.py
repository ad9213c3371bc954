"""Every subset, one after the other: the oracle that all solvers are compared with."""

from __future__ import annotations

import numpy as np

from slt.errors import LimitError
from slt.subset_sum.problem import Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status

LIMIT = 22  # usable items: 2**22 sums at a time


def brute_force(problem: Problem, tolerance: np.ndarray | None = None) -> Result:
    """The optimum, or with ``tolerance`` ((N,) int64, lattice units) that of the shortest prefix that is within it.

    Ties: fewest items, then the smallest mask as an integer (bit i = item i). LimitError beyond 22 usable items.
    """
    most = int(problem.usable_counts().max(initial=0))
    if most > LIMIT:
        raise LimitError(f"brute force is limited to {LIMIT} usable items; {most} were given. Use subset_sum.solve")
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=bool)
    residual = np.zeros(count, dtype=np.int64)
    status = np.zeros(count, dtype=np.int8)
    prefix = np.zeros(count, dtype=np.int64)
    for i in range(count):
        usable = np.flatnonzero(problem.usable[i if len(problem.usable) > 1 else 0])
        items = problem.items[i if len(problem.items) > 1 else 0][usable]
        target = int(problem.targets[i])
        allowed = None if tolerance is None else int(tolerance[i])
        chosen, looked = _best(items, target, allowed)
        taken = [p for k, p in enumerate(usable) if chosen >> k & 1]
        mask[i, taken] = True
        residual[i] = int(items[[bool(chosen >> k & 1) for k in range(len(items))]].sum()) - target
        prefix[i] = n
        top, bottom = int(items[items > 0].sum()), int(items[items < 0].sum())
        beyond = max(target - top, bottom - target)
        if allowed is not None and abs(int(residual[i])) <= allowed:
            status[i] = Status.WITHIN_TOLERANCE
            prefix[i] = usable[looked - 1] + 1 if looked else 0
        elif not len(usable):
            status[i] = Status.NO_ITEMS
        elif beyond > 0:
            status[i] = Status.OUT_OF_REACH
        else:
            status[i] = Status.OPTIMAL if allowed is None else Status.BEST_FOUND
    return Result.of(mask, residual, status, prefix, problem)


def _best(items: np.ndarray, target: int, allowed: int | None) -> tuple[int, int]:
    """(mask over the items as an integer, how many items were looked at)."""
    sums = np.zeros(1, dtype=np.int64)
    sizes = np.zeros(1, dtype=np.int64)
    for m in range(len(items) + 1):
        if m:
            sums = np.concatenate([sums, sums + items[m - 1]])
            sizes = np.concatenate([sizes, sizes + 1])
        if m == len(items) or allowed is not None:
            errors = np.abs(sums - target)
            # lexsort's last key is the first criterion; masks are the positions themselves
            nearest = np.flatnonzero(errors == errors.min())
            best = int(nearest[np.lexsort((nearest, sizes[nearest]))[0]])
            if allowed is not None and int(errors[best]) <= allowed:
                return best, m
    return best, len(items)
