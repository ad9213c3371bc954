"""The exact optimum of every instance, by whichever exact solver is fastest for it."""

from __future__ import annotations

import numpy as np

from slt.subset_sum.problem import Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status


def optimum(problem: Problem) -> Result:
    """As ``meet_in_the_middle(problem)``, to the bit, but five to twelve times faster for 12 to 32 items.

    LimitError for instances of more than 44 usable items whose target is not out of reach.
    """
    from slt.subset_sum.bin_join import bin_join
    from slt.subset_sum.meet_in_the_middle import meet_in_the_middle

    mask = np.zeros((problem.count, problem.n), dtype=np.bool_)
    residual = np.zeros(problem.count, dtype=np.int64)
    proved = bin_join(problem, mask, residual)
    status = np.full(problem.count, Status.OPTIMAL, dtype=np.int8)
    rest = np.flatnonzero(~proved)
    if rest.size:
        found = meet_in_the_middle(problem.rows(rest))
        mask[rest], residual[rest], status[rest] = found.mask, found.residual_lattice, found.status
    prefix = np.full(problem.count, problem.n, dtype=np.int64)
    return Result.of(mask, residual, status, prefix, problem)
