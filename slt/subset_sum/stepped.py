"""Subset sums of items that may be moved in steps of their own: what is left of ``perturbed`` where items are products.

Item i may become x_i + j step_i with |j| <= most_i, as a product u v does when v moves along its lattice: by u a step.
The subset is that of ``perturbed`` with slacks step_i * most_i, the nearest if moves could be of any size. Then the
steps are handed out, largest step first, and each item gets its share of what is left, within what the items after it
can still make up for. So the sum ends half a step of one of its items from where moves of any size would bring it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from slt.errors import InputError
from slt.subset_sum.perturbed import nearest_within_slack
from slt.subset_sum.problem import BoolArray, FloatArray, Int64Array, Problem
from slt.subset_sum.result import Result

_LARGEST_SLACK = 2**61


@final
@dataclass(frozen=True, eq=False)
class SteppedResult:
    """One subset an instance, and how its items were moved.

    unmoved           the subset with its items where they were: masks, statuses, residuals before moving
    steps             (N, n) int64: by how many steps each item was moved; 0 for those not taken and for locked ones
    residual_lattice  (N,) int64: sum of the moved items minus target, exact, in units of 2**-exponent
    """

    unmoved: Result
    steps: Int64Array
    residual_lattice: Int64Array

    @property
    def mask(self) -> BoolArray:
        """(N, n) bool: the items taken, locked ones included."""
        return self.unmoved.mask

    @property
    def residual(self) -> FloatArray:
        """(N,) float64: sum of the moved items minus target as given (the rounding of targets is counted)."""
        problem = self.unmoved.problem
        return np.asarray(np.ldexp(self.residual_lattice.astype(np.float64), -problem.exponent) + problem.rounding)


def stepped(problem: Problem, step: Any, most: Any) -> SteppedResult:
    """For every target the subset whose sum comes nearest when each item taken may be moved by whole steps.

    step  (N, n) or (1, n) int64, like the items: the size of a step of each item, in lattice units, of any sign
    most  the same shape, >= 0: how many steps it may be moved, in either direction

    With D = max(0, |sum - target| - sum of |step| most), the least over all subsets, the residual is at most D plus
    half the largest |step| of an item that was taken and can move; mostly D plus half the smallest one. Ties as in
    ``perturbed``: fewest items, then the smallest mask. Locked items are in and are not moved.

    At most 44 usable items. Raises InputError (other shapes, a negative ``most``, slacks beyond 2**61), LatticeError
    (moved sums that leave 64 bits), LimitError.

    The problem: Xiong, Liao and Kyrillidis, "Strong lottery ticket hypothesis with epsilon-perturbation" (AISTATS
    2023), where moves are real numbers.

    >>> found = stepped(Problem.of([100, 250, -40], [344]), [[6, 4, 1]], [[2, 2, 2]])
    >>> found.steps.tolist(), found.residual_lattice.tolist()
    ([[-1, 0, 0]], [0])
    """
    steps_of, most_of = _whole("step", step, problem), _whole("most", most, problem)
    if most_of.size and int(most_of.min()) < 0:
        raise InputError(f"subset sum of items that move in steps: most must be >= 0; {int(most_of.min())} was given")
    size = np.abs(steps_of)
    if float((size.astype(np.float64) * most_of.astype(np.float64)).max(initial=0.0)) > _LARGEST_SLACK:
        raise InputError("subset sum of items that move in steps: step * most goes beyond 2**61; give smaller ones")
    unmoved = nearest_within_slack(problem, np.broadcast_to(size * most_of, problem.items.shape))
    free = unmoved.mask if problem.locked is None else unmoved.mask & ~problem.locked
    gap = unmoved.residual_lattice
    steps = hand_out(-gap, np.where(free, steps_of, 0), np.where(free, most_of, 0))
    return SteppedResult(unmoved, steps, gap + (steps * steps_of).sum(axis=1))


def hand_out(wanted: Int64Array, step: Int64Array, most: Int64Array) -> Int64Array:
    """Whole numbers j, |j| <= most, with sum j * step near ``wanted`` (N,): shape (N, n), as ``step`` and ``most``.

    What is missing in the end is at most max(0, |wanted| - sum |step| most) plus half the largest |step| that can move.
    """
    size = np.abs(step)
    can = (size > 0) & (most > 0)
    # largest first; those that cannot move last, with 0 to give
    order = np.argsort(np.where(can, -size, 0), axis=1, kind="stable")
    a = np.take_along_axis(np.where(can, size, 1), order, axis=1)
    d = np.take_along_axis(np.where(can, most, 0), order, axis=1)
    after = np.cumsum((a * d)[:, ::-1], axis=1)[:, ::-1] - a * d
    taken = np.zeros(step.shape, dtype=np.int64)
    left = wanted.astype(np.int64)
    for k in range(step.shape[1]):
        unit, limit, rest = a[:, k], d[:, k], after[:, k]
        # its share by size of slack; a proposal only, so rounding does not matter
        room = np.maximum(unit * limit + rest, 1).astype(np.float64)
        share = np.rint(np.clip(left / room, -1.0, 1.0) * limit).astype(np.int64)
        low, high = -((rest - left) // unit), (left + rest) // unit
        nearest = left // unit + (2 * (left % unit) >= unit)
        j = np.where(low <= high, np.clip(share, low, np.maximum(low, high)), nearest)
        j = np.clip(j, -limit, limit)
        taken[:, k] = j
        left = left - j * unit
    steps = np.zeros_like(taken)
    np.put_along_axis(steps, order, taken, axis=1)
    return np.where(step < 0, -steps, steps)


def _whole(name: str, given: Any, problem: Problem) -> Int64Array:
    array = np.asarray(given)
    if array.dtype.kind not in "iu" or array.shape not in (problem.items.shape, (1, problem.n)):
        raise InputError(
            f"subset sum of items that move in steps: {name} has shape {array.shape} and dtype {array.dtype}; needed "
            f"are whole numbers of the items' shape {problem.items.shape}"
        )
    return array.astype(np.int64)
