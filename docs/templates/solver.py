"""An exact solver of your own: copy this file, rename the function, change what happens in ``_best``.

A solver takes a ``Problem``, a batch of N instances of n integers each, and returns a ``Result``. The suite asks for
the optimum with ties decided as everywhere: fewest items, then the smallest mask read as an integer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slt.errors import LimitError
from slt.subset_sum import Problem, Result, Status

LIMIT = 16  # usable items: 2**16 sums an instance


def every_subset(problem: Problem) -> Result:
    """The optimum of every instance, by looking at all 2**n subsets. LimitError beyond 16 usable items where the
    target is in reach."""
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    status = np.full(count, Status.OPTIMAL, dtype=np.int8)

    # what needs no search: targets beyond all sums, and instances without items
    usable = problem.usable_counts()
    items = np.where(problem.usable, problem.items, 0)
    high = problem.targets > np.maximum(items, 0).sum(axis=1)
    low = problem.targets < np.minimum(items, 0).sum(axis=1)
    mask |= (high[:, None] & (items > 0)) | (low[:, None] & (items < 0))
    status[high | low] = Status.OUT_OF_REACH
    status[usable == 0] = Status.NO_ITEMS
    left = ~(high | low) & (usable > 0)

    refused = int(np.count_nonzero(left & (usable > LIMIT)))
    if refused:
        raise LimitError(
            f"looking at every subset takes at most {LIMIT} usable items; {refused} of {count} instances have more "
            f"(up to {int(usable.max())}). Use subset_sum.solve, with tolerance= for any number"
        )
    for i in np.flatnonzero(left):
        one = problem.rows(np.array([i]))
        where = np.flatnonzero(one.usable[0])
        mask[i, where] = _best(one.items[0, where], int(one.targets[0]))

    # locked items are subtracted from the targets already; Result.of puts them into the masks
    taken = np.where(mask, np.broadcast_to(problem.items, mask.shape), 0).sum(axis=1)
    return Result.of(mask, taken - problem.targets, status, np.full(count, n, dtype=np.int64), problem)


def _best(items: npt.NDArray[np.int64], target: int) -> npt.NDArray[np.bool_]:
    """The subset whose sum is nearest, shape (n,). No sum overflows: ``Problem`` has seen to it."""
    numbers = np.arange(2 ** len(items))
    subsets = (numbers[:, None] >> np.arange(len(items))) & 1
    errors = np.abs(subsets @ items - target)
    nearest = np.flatnonzero(errors == errors.min())
    fewest = nearest[subsets[nearest].sum(axis=1).argmin()]  # the first of equals is the smallest mask
    return np.asarray(subsets[fewest] == 1)
