"""The first sum within a tolerance, looking at as few items as it can.

The first items, about half of those needed, are enumerated: the sums of k + 1 items are those of k and the same plus
one item, and all are compared with the target as they are made. If none is within the tolerance they mark the bins of a
table, and the items after them look up what they leave of the target, again one item at a time: in the order of
prefixes, so that the first sum found is in the shortest one. Bins are wider than the tolerance on both sides, so no sum
is overlooked; each one found is compared exactly, in int64.

Sums in the table are 32-bit numbers that wrap around on purpose, as in ``bin_join``. What needs more items than the
work space holds is left to ``meet_in_the_middle``, and what no prefix satisfies to ``optimum``.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from slt.subset_sum.problem import Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status
from slt.threads import torch_threads_kept

_FEWEST_MARKING, _MOST_MARKING = 5, 13  # items whose sums mark
_MOST_LOOKING = 12  # items whose sums look up
_BEFORE = 1  # measured: items that mark, beyond half of those expected
_FEW = 64  # instances that one thread has solved before a second is awake
_MOST_PAIRS = 2**14  # pairs that one item may bring
_ROOM = 6  # bins a marking sum, as a power of two


@torch_threads_kept()
def first_within(problem: Problem, tolerance: Int64Array) -> Result:
    """As ``meet_in_the_middle(problem, tolerance)``, to the bit, but several times faster.

    ``tolerance`` (N,) int64 in lattice units. The answer is the optimum of the shortest prefix of the usable items that
    has a sum within it, best found otherwise.
    """
    from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
    from slt.subset_sum.optimum import optimum

    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    residual = np.zeros(count, dtype=np.int64)
    prefix = np.full(count, -1, dtype=np.int64)
    known = np.zeros(count, dtype=np.int64)
    allowed = np.ascontiguousarray(tolerance)
    if count < _FEW:
        _first_rows(problem.items, problem.targets, problem.usable, allowed, 0, count, mask, residual, prefix, known)
    else:
        chunks = min(count, max(8 * nb.get_num_threads(), count // 256))
        _first(problem.items, problem.targets, problem.usable, allowed, chunks, mask, residual, prefix, known)
    status = np.full(count, Status.WITHIN_TOLERANCE, dtype=np.int8)

    def take(rows: Int64Array, found: Result) -> None:
        mask[rows], residual[rows] = found.mask, found.residual_lattice
        status[rows], prefix[rows] = found.status, found.prefix

    if (prefix < 0).any():
        none = known >= problem.usable_counts()
        rows = np.flatnonzero((prefix < 0) & none)
        if rows.size:
            take(rows, optimum(problem.rows(rows)))
            status[rows[status[rows] == Status.OPTIMAL]] = Status.BEST_FOUND
        rows = np.flatnonzero((prefix < 0) & ~none)
        if rows.size:
            take(rows, meet_in_the_middle(problem.rows(rows), tolerance[rows], known[rows]))
    return Result.of(mask, residual, status, prefix, problem)


@nb.njit(cache=True)
def _double(sums, size, x):  # type: ignore[no-untyped-def]
    """Appends sums[:size] + x; the smallest magnitude among the new ones."""
    nearest = np.int64(2**63 - 1)
    for j in range(size):
        s = sums[j] + x
        sums[size + j] = s
        nearest = min(nearest, abs(s))
    return nearest


@nb.njit(cache=True)
def _round(sums, first, last, cut, out):  # type: ignore[no-untyped-def]
    """Sums in units of 2**cut, rounded down; 32 bits of them."""
    for j in range(first, last):
        out[j] = sums[j] >> cut


@nb.njit(cache=True)
def _mark(table, link, sums, count, half_width, shift, base):  # type: ignore[no-untyped-def]
    """Enters every sum into the two bins around it; ``link`` keeps what was there before.

    Entry base + 2j (below) or base + 2j + 1 (above) stands for sums[j]; entries under ``base`` are those of others.
    """
    for j in range(count):
        p = np.uint32(sums[j] - half_width) >> shift
        link[2 * j] = table[p]
        table[p] = base + 2 * j
        p = np.uint32(sums[j] + half_width) >> shift
        link[2 * j + 1] = table[p]
        table[p] = base + 2 * j + 1


@nb.njit(cache=True)
def _marked(table, values, first, last, shift, base, hits):  # type: ignore[no-untyped-def]
    """Positions of those values[first:last] whose opposite has a marked bin, into ``hits``; how many."""
    found = 0
    for j in range(first, last):
        hits[found] = j
        found += table[np.uint32(-values[j]) >> shift] >= base
    return found


@nb.njit(cache=True)
def _size(x):  # type: ignore[no-untyped-def]
    size = 0
    while x:
        x &= x - 1
        size += 1
    return size


@nb.njit(cache=True)
def _met(table, link, low, high, rough, hits, found, shift, base, half):  # type: ignore[no-untyped-def]
    """(distance, mask) of the best of all pairs that met: nearest, fewest items, smallest mask. (-1, 0) if there are
    too many of them: sums that differ by whole turns of 2**32 units all meet.
    """
    best, chosen, fewest = np.int64(2**63 - 1), np.int64(0), 65
    steps = 0
    for a in range(found):
        g = hits[a]
        entry = table[np.uint32(-rough[g]) >> shift]
        while entry >= base:
            f = (np.int64(entry) - base) >> 1
            distance = abs(low[f] + high[g])
            if distance <= best:
                mask = (np.int64(g) << half) | f
                size = _size(mask)
                if distance < best or size < fewest or (size == fewest and mask < chosen):
                    best, chosen, fewest = distance, mask, size
            entry = link[entry - base]
            steps += 1
        if steps > _MOST_PAIRS:
            return np.int64(-1), np.int64(0)
    return best, chosen


@nb.njit(cache=True)
def _first_rows(items, targets, usable, allowed, first, last, mask, residual, prefix, known):  # type: ignore[no-untyped-def]
    n = mask.shape[1]
    where = np.empty(_MOST_MARKING + _MOST_LOOKING, dtype=np.int64)
    here = np.empty(_MOST_MARKING + _MOST_LOOKING, dtype=np.int64)
    low = np.empty(1 << _MOST_MARKING, dtype=np.int64)
    high = np.empty(1 << _MOST_LOOKING, dtype=np.int64)
    rough = np.empty(1 << max(_MOST_MARKING, _MOST_LOOKING), dtype=np.int32)
    hits = np.empty((1 << (_MOST_LOOKING - 1)) + 1, dtype=np.int32)
    link = np.empty(1 << (_MOST_MARKING + 1), dtype=np.uint16)
    table = np.zeros(1 << (_MOST_MARKING + _ROOM), dtype=np.uint16)
    free = 1  # entries from here on have not been used since the table was empty
    for i in range(first, last):
        row = items[i if items.shape[0] > 1 else 0]
        open_ = usable[i if usable.shape[0] > 1 else 0]
        within = allowed[i]
        target = targets[i]
        if abs(target) <= within:
            residual[i] = -target
            prefix[i] = 0
            continue
        m, kept = 0, 0
        top, bottom, square = np.int64(0), np.int64(0), 0.0
        for p in range(n):
            if open_[p]:
                x = row[p]
                if kept < here.shape[0]:
                    here[kept] = x
                    where[kept] = p
                    kept += 1
                m += 1
                top += max(x, 0)
                bottom += min(x, 0)
                square += float(x) * float(x)
        if target - top > max(within, 0) or bottom - target > max(within, 0) or within < 0:
            known[i] = m if within >= 0 or m <= 44 else 0
            continue
        # 2**k sums of k items lie about a width w apart when 2**k = size / w
        expected = math.frexp(math.sqrt(square / m) / (float(within) + 1))[1]
        half = min(max(expected // 2 + _BEFORE, _FEWEST_MARKING), _MOST_MARKING, kept)
        low[0] = -target
        size, k = 1, 0
        nearest = np.int64(2**63 - 1)
        while k < half:
            nearest = _double(low, size, here[k])
            k += 1
            if nearest <= within:
                break
            size *= 2
        if nearest <= within:
            # none of the shorter prefixes came within: the optimum is among the new sums
            chosen, fewest = np.int64(0), 65
            for j in range(size, 2 * size):
                if abs(low[j]) == nearest and _size(j) < fewest:
                    chosen, fewest = np.int64(j), _size(j)
            for q in range(k):
                mask[i, where[q]] = chosen >> q & 1
            residual[i] = low[chosen]
            prefix[i] = where[k - 1] + 1
            continue
        if k < kept:
            bins = half + _ROOM
            shift = np.uint32(32 - bins)
            half_width = np.int64(1) << (31 - bins)
            # both sums are rounded down by less than a unit
            cut = 0
            while (within >> cut) + 3 > half_width:
                cut += 1
            base = free
            if base + 2 * size > 1 << 16:
                table[:] = 0
                base = 1
            free = base + 2 * size
            _round(low, 0, size, cut, rough)
            _mark(table, link, rough, size, half_width, shift, base)
            high[0] = 0
            reach = 1
            while k < kept and reach < high.shape[0]:
                _double(high, reach, here[k])
                k += 1
                _round(high, reach, 2 * reach, cut, rough)
                found = _marked(table, rough, reach, 2 * reach, shift, np.uint16(base), hits)
                reach *= 2
                if found:
                    nearest, chosen = _met(table, link, low, high, rough, hits, found, shift, base, half)
                    if nearest < 0:
                        k -= 1  # what this item brings is not known
                        break
                    if nearest <= within:
                        for q in range(k):
                            mask[i, where[q]] = chosen >> q & 1
                        residual[i] = low[chosen & (size - 1)] + high[chosen >> half]
                        prefix[i] = where[k - 1] + 1
                        break
        known[i] = k


@nb.njit(parallel=True, cache=True, nogil=True)
def _first(items, targets, usable, allowed, chunks, mask, residual, prefix, known):  # type: ignore[no-untyped-def]
    count = len(targets)
    for chunk in nb.prange(chunks):
        first, last = chunk * count // chunks, (chunk + 1) * count // chunks
        _first_rows(items, targets, usable, allowed, first, last, mask, residual, prefix, known)
