"""How many subsets hit the target: exact counts for quantised items, by meet in the middle with multiplicities.

With items drawn from {-M .. M}, as quantised weights are, exact solutions appear once 2**n outgrows the reach of the
sums (Kumar and Natale 2025, who take the moments of their number from number partitioning, Borgs, Chayes and Pittel
2001). Each half of the items makes a sorted list of distinct partial sums and of how many subsets have each; two
windows slide over the lists and multiply. A count is at most 2**44.
"""

from __future__ import annotations

from fractions import Fraction

import numba as nb
import numpy as np

from slt.errors import LimitError
from slt.subset_sum.memory import require_memory
from slt.subset_sum.problem import LARGEST, Int64Array, Problem
from slt.subset_sum.tolerance import exact_number

LIMIT = 44
_FEW = 2**13  # sums that one thread has walked before a second is awake: on a busy machine that takes milliseconds


def count_solutions(problem: Problem, tolerance: float = 0.0) -> Int64Array:
    """How many subsets of the usable items sum to the target, or within ``tolerance`` of it; shape (N,).

    The tolerance is a number >= 0 in the units of the targets and counts from the targets as given: with tolerance 0
    a target off the lattice has no solution. The empty subset counts, locked items are in every subset, and items
    that are zero double the count. InputError for a tolerance that is none; LimitError beyond 44 usable items and
    when the lists would not fit into memory (256 MiB a thread at 44 items, half of it for two items less).
    """
    within = exact_number(tolerance, "counting subset sums")
    counts = problem.usable_counts()
    most = int(counts.max(initial=0))
    if most > LIMIT:
        raise LimitError(
            f"counting subset sums by meet in the middle takes at most {LIMIT} usable items; "
            f"{int((counts > LIMIT).sum())} of {problem.count} instances have more (up to {most}). Lock items out"
        )
    solutions = np.zeros(problem.count, dtype=np.int64)
    if problem.count:
        threads = min(problem.count, nb.get_num_threads())
        require_memory(
            threads * 4 * 16 * 2 ** ((most + 1) // 2),
            f"counting the subset sums of {most} items on {threads} threads",
            "lock items out or use fewer threads",
        )
        low, high = _windows(problem, within)
        given = (problem.items, problem.targets, problem.usable, low, high)
        if problem.count * 2 ** (most // 2) <= _FEW:
            _count_rows(*given, 0, problem.count, solutions)
        else:
            _count(*given, min(problem.count, 8 * threads), solutions)
    return solutions


def _windows(problem: Problem, tolerance: Fraction) -> tuple[Int64Array, Int64Array]:
    """Sum minus target, in lattice units, must lie from low to high: exact, with the rounding of the targets."""
    unit = Fraction(2) ** problem.exponent
    widest = min(int(tolerance * unit), LARGEST)
    low = np.full(problem.count, -widest, dtype=np.int64)
    high = np.full(problem.count, widest, dtype=np.int64)
    for i in np.flatnonzero(problem.rounding):
        # sum - given = (sum - target) + rounding
        lost = Fraction(float(problem.rounding[i]))
        low[i] = max(-((tolerance + lost) * unit // 1), -LARGEST)
        high[i] = min((tolerance - lost) * unit // 1, LARGEST)
    # no sum lies beyond all positive or all negative items: target + low and target + high stay within 64 bits
    taken = np.where(problem.usable, problem.items, 0)
    bottom, top = np.minimum(taken, 0).sum(axis=1), np.maximum(taken, 0).sum(axis=1)
    return np.maximum(low, bottom - problem.targets), np.minimum(high, top - problem.targets)


@nb.njit(cache=True, nogil=True)
def _extend(sums, ways, count, x, new_sums, new_ways):  # type: ignore[no-untyped-def]
    """Merges the sorted distinct sums with themselves plus x (not zero), adding ways; returns how many there are."""
    low = x if x < 0 else np.int64(0)
    high = np.int64(0) if x < 0 else x
    i, j, k = 0, 0, 0
    while i < count:  # the list shifted up runs out last
        a = sums[i] + low
        b = sums[j] + high
        new_sums[k] = min(a, b)
        new_ways[k] = (ways[i] if a <= b else 0) + (ways[j] if b <= a else 0)
        i += a <= b
        j += b <= a
        k += 1
    while j < count:
        new_sums[k] = sums[j] + high
        new_ways[k] = ways[j]
        j += 1
        k += 1
    return k


@nb.njit(cache=True, nogil=True)
def _count_rows(items, targets, usable, low, high, first, last, solutions):  # type: ignore[no-untyped-def]
    n = items.shape[1]
    largest = 0
    for r in range(first, last):
        largest = max(largest, usable[r if usable.shape[0] > 1 else 0].sum())
    capacity = 1 << ((largest + 1) // 2)
    sums = np.empty((4, capacity), dtype=np.int64)
    ways = np.empty((4, capacity), dtype=np.int64)
    for r in range(first, last):
        row = items[r if items.shape[0] > 1 else 0]
        open_ = usable[r if usable.shape[0] > 1 else 0]
        # the lists are in rows 0 or 1, and 2 or 3
        at = np.array((0, 2))
        size = np.ones(2, dtype=np.int64)
        sums[0, 0] = 0
        sums[2, 0] = 0
        ways[0, 0] = 1
        ways[2, 0] = 1
        top, bottom = np.int64(0), np.int64(0)
        half, zeros = 0, 0
        for p in range(n):
            x = row[p]
            if not open_[p]:
                continue
            if x == 0:
                zeros += 1
                continue
            top += max(x, 0)
            bottom += min(x, 0)
            old, new = at[half], at[half] ^ 1
            size[half] = _extend(sums[old], ways[old], size[half], x, sums[new], ways[new])
            at[half] = new
            half ^= 1
        # clamped first: target + low and target + high then lie within the reach and cannot overflow
        least = targets[r] + low[r] if low[r] > bottom - targets[r] else bottom
        most = targets[r] + high[r] if high[r] < top - targets[r] else top
        if least > most:
            continue
        even, even_ways = sums[at[0]], ways[at[0]]
        odd, odd_ways = sums[at[1]], ways[at[1]]
        # the window over the odd list: positions from .. to - 1, both moving down as the even sum goes up
        to = size[1]
        start = size[1]
        inside = np.int64(0)
        total = np.int64(0)
        for i in range(size[0]):
            while start > 0 and even[i] + odd[start - 1] >= least:
                start -= 1
                inside += odd_ways[start]
            while to > 0 and even[i] + odd[to - 1] > most:
                to -= 1
                inside -= odd_ways[to]
            total += even_ways[i] * inside
        solutions[r] = total << zeros


@nb.njit(parallel=True, cache=True, nogil=True)
def _count(items, targets, usable, low, high, chunks, solutions):  # type: ignore[no-untyped-def]
    count = len(targets)
    for chunk in nb.prange(chunks):
        first, last = chunk * count // chunks, (chunk + 1) * count // chunks
        _count_rows(items, targets, usable, low, high, first, last, solutions)
