"""``slt.subset_sum.solve``: one call for every batch of subset sums."""

from __future__ import annotations

from typing import Any

from slt.subset_sum.problem import Problem
from slt.subset_sum.result import Result
from slt.subset_sum.tolerance import lattice_tolerance


def solve(
    items: Any,
    targets: Any,
    tolerance: float | None = None,
    usable: Any = None,
    lattice: int | None = None,
    locked: Any = None,
) -> Result:
    """For every target the subset of its items whose sum is nearest.

    items      (N, n), or (n,) shared by all targets; integers, or floats that a lattice 2**-k holds exactly
    targets    (N,), or one number; floats off the lattice are rounded to it and the rounding is part of the residual
    tolerance  None: the exact optimum, at most 44 usable items. A number >= 0, in the units of the targets: the
               optimum of the shortest prefix of the items that has a sum within it (any n), best found otherwise. What
               rounding a target to the lattice took off counts against it
    usable     (N, n) or (n,) bool: False locks an item out
    lattice    k: insist on lattice 2**-k; integers are then multiples of 2**-k, and so are tolerance and residuals
    locked     (N, n) or (n,) bool: True keeps an item in whatever happens (also where usable is False)

    Returns a ``Result``: ``.mask`` (N, n) bool, ``.residual`` (N,) sum minus target, ``.error``, ``.status``.
    Ties go to the fewest items, then to the smallest mask read as an integer (bit i = item i), so the answer does not
    depend on the machine, the number of threads or the algorithm.

    Raises InputError (NaN, shapes), LatticeError (values that no 64-bit lattice holds), LimitError (too many items).

    >>> result = solve([3, 5, 9, 14], [12, 17, 100])
    >>> result.mask.astype(int).tolist(), result.residual.tolist()
    ([[1, 0, 1, 0], [1, 0, 0, 1], [1, 1, 1, 1]], [0.0, 0.0, -69.0])
    """
    from slt.subset_sum.first_within import first_within
    from slt.subset_sum.optimum import optimum

    problem = Problem.of(items, targets, usable, lattice, locked)
    if tolerance is None:
        return optimum(problem)
    return first_within(problem, lattice_tolerance(problem, tolerance))
