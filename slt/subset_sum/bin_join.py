"""Bin join: the fast way to the exact optimum for 12 to 28 items, with a proof in every answer.

The partial sums of the first items, rounded to 32 bits, mark the bins of a table; what the other items would leave of
the target looks itself up in it. Every pair whose sum comes within half a bin of the target meets in a marked bin, so
if the best pair found is nearer than that (rounding included), no other can be better: a proof. Pairs that are near
are summed again exactly, in int64, and ties decided as everywhere. What is not proved is left to
``meet_in_the_middle``.

32-bit numbers wrap around here on purpose: the whole reach spans less than 2**31 units, so the difference of two
numbers is right even where they are not, and bins need no edges.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from slt.subset_sum.problem import BoolArray, Int64Array, Problem

_CANDIDATES = 256  # near pairs that are summed again exactly; more of them are ties, for the other solver


def bin_join(problem: Problem, mask: BoolArray, residual: Int64Array) -> BoolArray:
    """Fills the rows of ``mask`` (N, n) and ``residual`` (N,) whose optimum it proves, and says which, (N,) bool.

    Other rows are left as they are: fewer than 12 or more than 28 usable items, targets out of reach, many ties, or a
    best sum too far from its target.
    """
    count = problem.count
    proved = np.zeros(count, dtype=np.bool_)
    if count:
        chunks = min(count, max(8 * nb.get_num_threads(), count // 256))
        _join(problem.items, problem.targets, problem.usable, chunks, mask, residual, proved)
    return proved


@nb.njit(cache=True, inline="always")
def _sums(items, first, last, start, out):  # type: ignore[no-untyped-def]
    """start plus all sums of items[first:last]; bit k of the position says that item first + k is in."""
    out[0] = start
    size = 1
    for k in range(first, last):
        x = items[k]
        for j in range(size):
            out[size + j] = out[j] + x
        size *= 2
    return size


@nb.njit(cache=True, inline="always")
def _mark(table, at, shift, value):  # type: ignore[no-untyped-def]
    """Writes the bin of ``at`` and the next one."""
    p = np.uint32(at) >> shift
    table[p] = value
    table[np.uint32(np.uint32(at) + (np.uint32(1) << shift)) >> shift] = value


@nb.njit(cache=True, inline="always")
def _marked(table, values, size, shift, hits):  # type: ignore[no-untyped-def]
    """Positions of values[:size] whose bin is marked, into ``hits``; how many."""
    found = 0
    for j in range(size):
        hits[found] = j
        found += table[np.uint32(values[j]) >> shift]
    return found


@nb.njit(cache=True, inline="always")
def _closest(values, size, goal):  # type: ignore[no-untyped-def]
    """The smallest |value - goal|."""
    smallest = np.int32(2**31 - 1)
    for b in range(size):
        d = np.int32(values[b] - goal)
        smallest = min(smallest, max(d, np.int32(-d)))
    return smallest


@nb.njit(cache=True)
def _exact(items, n, mask, target):  # type: ignore[no-untyped-def]
    total = -target
    size = 0
    for k in range(n):
        if mask >> k & 1:
            total += items[k]
            size += 1
    return total, size


@nb.njit(cache=True)
def _join_rows(items, targets, usable, first, last, mask, residual, proved):  # type: ignore[no-untyped-def]
    n = mask.shape[1]
    here = np.empty(n, dtype=np.int64)
    where = np.empty(n, dtype=np.int64)
    rough = np.empty(32, dtype=np.int32)
    low = np.empty(8, dtype=np.int32)
    high = np.empty(8, dtype=np.int32)
    low_hits = np.empty(8, dtype=np.int32)
    high_hits = np.empty(8, dtype=np.int32)
    low_near = np.empty(8, dtype=np.int32)
    high_near = np.empty(8, dtype=np.int32)
    table = np.zeros(8, dtype=np.uint8)
    candidates = np.empty(_CANDIDATES, dtype=np.int64)
    for i in range(first, last):
        row = items[i if items.shape[0] > 1 else 0]
        open_ = usable[i if usable.shape[0] > 1 else 0]
        m = 0
        top, bottom = np.int64(0), np.int64(0)
        for p in range(n):
            where[m] = p
            here[m] = row[p]
            if open_[p]:
                m += 1
                top += max(row[p], 0)
                bottom += min(row[p], 0)
        target = targets[i]
        if m < 12 or m > 28 or target > top or target < bottom:
            continue
        # units of 2**cut: the reach spans less than 2**31 of them, and m more for rounding
        cut = 0
        while (top >> cut) - (bottom >> cut) + m >= 2**31 - 1:
            cut += 1
        # measured: the fewer partners by chance, the better, while the table stays in the cache
        half = m // 2 - 1
        bins = half + (8 if m < 20 else 9)
        shift = np.uint32(32 - bins)
        width = 1 << (32 - bins)
        if low.shape[0] < (1 << half):
            low = np.empty(1 << half, dtype=np.int32)
            low_hits = np.empty((1 << half) + 1, dtype=np.int32)
            low_near = np.empty(1 << half, dtype=np.int32)
            high = np.empty(1 << (half + 3), dtype=np.int32)
            high_hits = np.empty((1 << (half + 3)) + 1, dtype=np.int32)
            high_near = np.empty(1 << (half + 3), dtype=np.int32)
            table = np.zeros(1 << bins, dtype=np.uint8)
        for k in range(m):
            rough[k] = here[k] >> cut
        lows = _sums(rough, 0, half, np.int32(0), low)
        for j in range(lows):
            _mark(table, low[j] - (width >> 1), shift, np.uint8(1))
        for k in range(half, m):
            rough[k] = -rough[k]
        highs = _sums(rough, half, m, np.int32(target >> cut), high)
        high_found = _marked(table, high, highs, shift, high_hits)
        for j in range(lows):
            _mark(table, low[j] - (width >> 1), shift, np.uint8(0))
        if high_found == 0 or high_found > highs // 2:
            continue
        # and back: which of the first sums have a partner
        for j in range(high_found):
            _mark(table, high[high_hits[j]] - (width >> 1), shift, np.uint8(1))
        low_found = _marked(table, low, lows, shift, low_hits)
        for j in range(high_found):
            _mark(table, high[high_hits[j]] - (width >> 1), shift, np.uint8(0))
        for b in range(low_found):
            low_near[b] = low[low_hits[b]]
        nearest = np.int32(2**31 - 1)
        for a in range(high_found):
            high_near[a] = _closest(low_near, low_found, high[high_hits[a]])
            nearest = min(nearest, high_near[a])
        if nearest > width:
            continue
        # rounding moves a difference by less than m units: the optimum is among the pairs this near
        near = nearest + 2 * m
        listed = 0
        for a in range(high_found):
            if high_near[a] <= near:
                goal = high[high_hits[a]]
                for b in range(low_found):
                    if abs(np.int32(low_near[b] - goal)) <= near:
                        if listed < _CANDIDATES:
                            candidates[listed] = (np.int64(high_hits[a]) << half) | np.int64(low_hits[b])
                        listed += 1
        if listed > _CANDIDATES:
            continue
        best, best_size, best_total = np.int64(2**63 - 1), 0, np.int64(0)
        chosen = np.int64(-1)
        for c in range(listed):
            total, size = _exact(here, m, candidates[c], target)
            distance = abs(total)
            if distance < best or (
                distance == best and (size < best_size or (size == best_size and candidates[c] < chosen))
            ):
                best, best_size, best_total, chosen = distance, size, total, candidates[c]
        if (best >> cut) + 1 + m > (width >> 1):
            continue
        for k in range(m):
            if chosen >> k & 1:
                mask[i, where[k]] = True
        residual[i] = best_total
        proved[i] = True


@nb.njit(parallel=True, cache=True, nogil=True)
def _join(items, targets, usable, chunks, mask, residual, proved):  # type: ignore[no-untyped-def]
    count = len(targets)
    for chunk in nb.prange(chunks):
        first, last = chunk * count // chunks, (chunk + 1) * count // chunks
        _join_rows(items, targets, usable, first, last, mask, residual, proved)
