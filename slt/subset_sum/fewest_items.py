"""The sparsest subset within a tolerance: sizes 0, 1, 2, ... in turn, until one comes near enough.

Up to four items are found among the sorted items: the outer ones by loops, the last two by two pointers, n**(k - 1)
steps for k items. Beyond that ``fixed_size`` tries one size after the other, and the optimum says where there is
nothing to find. At a tolerance of 0.01 and targets uniform on [-1/2, 1/2], 15 items uniform on [-1, 1] need 2.19 on
average and 21 need 1.91 (measured); the published run kept 9.39 of 21 (Pensia, Rajput, Nagle, Vishwakarma and
Papailiopoulos 2020, "Optimal lottery tickets via SubsetSum", experiment 1).
"""

from __future__ import annotations

import numba as nb
import numpy as np

from slt.errors import LimitError
from slt.subset_sum.fixed_size import LIMIT, fixed_size
from slt.subset_sum.optimum import optimum
from slt.subset_sum.problem import Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status
from slt.subset_sum.tolerance import lattice_tolerance

_POINTERS = 4  # items that two pointers and loops look for
_INDEX = 15  # bits of one item's number, four of which make an int64
_BEYOND, _NONE, _FEWEST = int(Status.OUT_OF_REACH), int(Status.NO_ITEMS), int(Status.FEWEST_ITEMS)
_OPEN = np.int8(-1)


def fewest_items(problem: Problem, tolerance: float) -> Result:
    """Of all subsets within ``tolerance`` of the target one with the fewest items.

    tolerance   in the units of the targets, >= 0; what rounding the targets took is taken off it

    Among subsets of the same number of items the nearest sum counts, then the smallest mask as an integer. Locked
    items are in whatever happens and not counted. Status: FEWEST_ITEMS, which is proved; where no subset is within the
    tolerance BEST_FOUND, OUT_OF_REACH or NO_ITEMS, with the optimum, as ``meet_in_the_middle`` would return it.

    Up to 44 usable items whatever the answer; beyond that (to 32767) only where four items suffice, in time n**3, or
    where the target is out of reach. LimitError otherwise; InputError for a tolerance that is no number >= 0.

    >>> result = fewest_items(Problem.of([3, 5, 9, 14], [12, 17]), 1)
    >>> result.mask.astype(int).tolist(), result.residual.tolist()
    ([[1, 0, 1, 0], [1, 0, 0, 1]], [0.0, 0.0])
    """
    return fewest_within(problem, lattice_tolerance(problem, tolerance))


def fewest_within(problem: Problem, allowed: Int64Array) -> Result:
    """``fewest_items`` with the tolerance of each instance in lattice units, (N,) int64; -1: no sum is near enough."""
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    residual = np.zeros(count, dtype=np.int64)
    status = np.full(count, _OPEN, dtype=np.int8)
    if count:
        chunks = min(count, max(8 * nb.get_num_threads(), count // 256))
        _solve(problem.items, problem.targets, problem.usable, allowed, chunks, mask, residual, status)
    rest = np.flatnonzero(status == _OPEN)
    if rest.size:
        counts = problem.usable_counts()[rest]
        if int(counts.max()) > LIMIT:
            raise LimitError(
                f"fewest items takes at most {LIMIT} usable items where more than {_POINTERS} are needed; "
                f"{np.count_nonzero(counts > LIMIT)} of {count} instances have more (up to {int(counts.max())}). Lock "
                "items out, raise the tolerance, or use subset_sum.solve with tolerance=, which takes any number"
            )
        _by_size(problem, allowed, rest, mask, residual, status)
    return Result.of(mask, residual, status, np.full(count, n, dtype=np.int64), problem)


def _by_size(
    problem: Problem, allowed: Int64Array, rest: Int64Array, mask: np.ndarray, residual: Int64Array, status: np.ndarray
) -> None:
    """Settles the instances ``rest``, which need more than four items or have no subset within the tolerance."""
    part = problem.rows(rest)
    most = int(part.usable_counts().max())
    start = _least_size(part, allowed[rest])
    compared = False  # with the optimum
    for size in range(_POINTERS + 1, max(most, _POINTERS + 1) + 1):
        # lists of sizes up to a quarter of the items cost less than the optimum, longer ones do not
        if not compared and 4 * size >= most:
            best = optimum(problem.rows(rest))
            far = np.abs(best.residual_lattice) > allowed[rest]
            mask[rest[far]], residual[rest[far]] = best.mask[far], best.residual_lattice[far]
            status[rest[far]] = Status.BEST_FOUND
            rest, start, compared = rest[~far], start[~far], True
        ready = np.flatnonzero(start <= size)
        if ready.size:
            found = fixed_size(problem.rows(rest[ready]), size)
            near = (found.status != Status.TOO_FEW_ITEMS) & (np.abs(found.residual_lattice) <= allowed[rest[ready]])
            done = rest[ready[near]]
            mask[done], residual[done], status[done] = found.mask[near], found.residual_lattice[near], _FEWEST
            kept = np.delete(np.arange(len(rest)), ready[near])
            rest, start = rest[kept], start[kept]


def _least_size(problem: Problem, allowed: Int64Array) -> Int64Array:
    """Sizes below which no subset can come within the tolerance, by the largest and the smallest items alone, (N,)."""
    items = np.where(problem.usable, problem.items, 0)
    above = np.cumsum(-np.sort(-np.maximum(items, 0), axis=1), axis=1)
    below = np.cumsum(np.sort(np.minimum(items, 0), axis=1), axis=1)
    near = (problem.targets[:, None] - above <= allowed[:, None]) & (
        below - problem.targets[:, None] <= allowed[:, None]
    )
    return np.asarray(1 + np.argmax(near, axis=1), dtype=np.int64)


@nb.njit(cache=True)
def _sort(items, order, m):  # type: ignore[no-untyped-def]
    """Sorts items[:m] and their numbers in place; equal items keep their order."""
    for k in range(m):
        order[k] = k
    for k in range(1, m):
        x = items[k]
        p = k
        while p > 0 and items[p - 1] > x:
            items[p] = items[p - 1]
            order[p] = order[p - 1]
            p -= 1
        items[p] = x
        order[p] = k


@nb.njit(cache=True)
def _first_of_equals(items, order, positions, size):  # type: ignore[no-untyped-def]
    """The smallest mask with the values of the items at ``positions`` (ascending): their numbers, largest first.

    Numbers packed like this compare as the masks do. ``positions`` is overwritten.
    """
    for k in range(size):
        p = positions[k]
        floor = positions[k - 1] + 1 if k else 0
        while p > floor and items[p - 1] == items[p]:
            p -= 1
        positions[k] = p
    for k in range(size):
        positions[k] = order[positions[k]]
    positions[:size].sort()
    packed = np.int64(0)
    for k in range(size - 1, -1, -1):
        packed = packed << _INDEX | positions[k]
    return packed


@nb.njit(cache=True)
def _walk(items, order, m, start, outer, inner, size, goal, error, best, positions):  # type: ignore[no-untyped-def]
    """Two pointers over items[start:m] for the pair nearest to ``goal``; returns the best (error, packed numbers).

    ``outer``, ``inner``: positions of the other items of a subset of ``size``. Of every set of values that attains the
    minimum one choice lies on the walk; equal items are exchanged for the first ones then, so ties are seen.
    ``positions``: work space.
    """
    i, j = start, m - 1
    while i < j:
        difference = items[np.uint64(i)] + items[np.uint64(j)] - goal
        distance = abs(difference)
        if distance <= error:
            positions[size - 1], positions[size - 2] = j, i
            if size > 2:
                positions[size - 3] = inner
            if size > 3:
                positions[0] = outer
            packed = _first_of_equals(items, order, positions, size)
            if distance < error or best < 0 or packed < best:
                error, best = distance, packed
        below = difference < 0
        i += below
        j -= not below
    return error, best


@nb.njit(cache=True)
def _up_to_four(items, order, positions, m, target, allowed):  # type: ignore[no-untyped-def]
    """(size, packed numbers) of the best subset of 1 to 4 items, -1 for the numbers if there is none within."""
    error, best = allowed, np.int64(-1)
    for k in range(m):
        distance = abs(items[k] - target)
        if distance < error or (distance == error and best < 0):
            error, best = distance, np.int64(k)
    if best >= 0:
        return 1, best
    _sort(items, order, m)
    error, best = _walk(items, order, m, 0, 0, 0, 2, target, error, best, positions)
    if best >= 0:
        return 2, best
    for p in range(m - 2):
        error, best = _walk(items, order, m, p + 1, 0, p, 3, target - items[p], error, best, positions)
    if best >= 0:
        return 3, best
    for p in range(m - 3):
        for q in range(p + 1, m - 2):
            error, best = _walk(items, order, m, q + 1, p, q, 4, target - items[p] - items[q], error, best, positions)
    return 4, best


@nb.njit(cache=True)
def _solve_rows(items, targets, usable, allowed, first, last, mask, residual, status):  # type: ignore[no-untyped-def]
    n = mask.shape[1]
    here = np.empty(n, dtype=np.int64)
    where = np.empty(n, dtype=np.int64)
    order = np.empty(n, dtype=np.int64)
    positions = np.empty(4, dtype=np.int64)
    for i in range(first, last):
        row = items[i if items.shape[0] > 1 else 0]
        open_ = usable[i if usable.shape[0] > 1 else 0]
        m = 0
        top, bottom = np.int64(0), np.int64(0)
        for p in range(n):
            if open_[p]:
                here[m] = row[p]
                where[m] = p
                m += 1
                top += max(row[p], 0)
                bottom += min(row[p], 0)
        target, within = targets[i], allowed[i]
        if abs(target) <= within:
            residual[i] = -target
            status[i] = _FEWEST
        elif target - top > max(within, 0) or bottom - target > max(within, 0) or m == 0:
            # beyond every sum: the end point is the optimum, whatever n; zeros stay out (fewest items)
            high = target > top
            for k in range(m):
                mask[i, where[k]] = here[k] > 0 if high else here[k] < 0
            residual[i] = (top if high else bottom) - target
            status[i] = _BEYOND if m else _NONE
        elif within >= 0 and m < 1 << _INDEX:
            size, packed = _up_to_four(here, order, positions, m, target, within)
            if packed >= 0:
                total = -target
                for _ in range(size):
                    p = where[packed & ((1 << _INDEX) - 1)]
                    mask[i, p] = True
                    total += row[p]
                    packed >>= _INDEX
                residual[i] = total
                status[i] = _FEWEST


@nb.njit(parallel=True, cache=True, nogil=True)
def _solve(items, targets, usable, allowed, chunks, mask, residual, status):  # type: ignore[no-untyped-def]
    count = len(targets)
    for chunk in nb.prange(chunks):
        first, last = chunk * count // chunks, (chunk + 1) * count // chunks
        _solve_rows(items, targets, usable, allowed, first, last, mask, residual, status)
