"""The nearest sum of exactly k items: meet in the middle over size classes, up to 44 items.

Random fixed-size subset sums are what sparse tickets rest on (Natale, Ferre, Giambartolomei, Giroire and
Mallmann-Trenn 2024, "On the sparsity of the strong lottery ticket hypothesis", Theorem 2). Each half of the items
makes one list of partial sums for every size, sorted and free of duplicates: an item joins by merging the list of
size c with that of size c - 1 shifted up, in place. Then for every c two pointers walk the lists of size c of the one
half and of size k - c of the other. Of equal sums of one size only the smallest mask is kept.
"""

from __future__ import annotations

from math import comb

import numba as nb
import numpy as np

from slt.errors import InputError, LimitError
from slt.subset_sum.memory import require_memory
from slt.subset_sum.problem import Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status

LIMIT = 44
_HALF = LIMIT // 2
_ENTRY = 12  # bytes: a sum of 64 bits, a mask of 32
_CHOOSE = np.array([[comb(h, c) for c in range(_HALF + 1)] for h in range(_HALF + 1)])
_OPTIMAL, _BEYOND, _NONE = int(Status.OPTIMAL), int(Status.OUT_OF_REACH), int(Status.NO_ITEMS)


def fixed_size(problem: Problem, size: int) -> Result:
    """The sum of exactly ``size`` usable items nearest to the target; ties go to the smallest mask as an integer.

    Locked items come in addition: masks hold ``size`` items plus the locked ones. Status:
      OPTIMAL        no sum of so many items comes nearer
      OUT_OF_REACH   the target lies beyond the sum of the ``size`` largest or smallest items, which is the answer
      TOO_FEW_ITEMS  fewer usable items than ``size``: all of them are taken
      NO_ITEMS       none is usable and none was asked for

    Time and memory grow as the number of subsets of at most ``size`` items of one half; memory beyond what is free is
    refused. InputError unless ``size`` is an integer >= 0; LimitError beyond 44 usable items, unless the target is
    out of reach or the items are too few.

    >>> result = fixed_size(Problem.of([3, 5, 9, 14], [12, 9]), 2)
    >>> result.mask.astype(int).tolist(), result.residual.tolist()
    ([[1, 0, 1, 0], [1, 1, 0, 0]], [0.0, -1.0])
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
        raise InputError(f"subset sums of fixed size: size must be an integer >= 0; {size!r} was given")
    size = int(size)
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    residual = np.zeros(count, dtype=np.int64)
    status = np.zeros(count, dtype=np.int8)
    counts = problem.usable_counts()
    few = np.flatnonzero(counts < size)
    if few.size:
        short = problem.rows(few)
        mask[few] = short.usable
        residual[few] = np.where(short.usable, short.items, 0).sum(axis=1) - short.targets
        status[few] = Status.TOO_FEW_ITEMS
    many = np.flatnonzero((counts >= size) & (counts > LIMIT))
    refused = sum(not _end_point(problem, int(i), size, mask, residual, status) for i in many)
    if refused:
        raise LimitError(
            f"exact subset sums of fixed size take at most {LIMIT} usable items; {refused} of {count} instances have "
            f"more (up to {int(counts.max())}). Lock items out, or leave the size open: subset_sum.solve with "
            "tolerance= takes any number"
        )
    rows = np.flatnonzero((counts >= size) & (counts <= LIMIT))
    if rows.size:
        most = int(counts[rows].max())
        threads = min(len(rows), nb.get_num_threads())
        require_memory(
            threads * _ENTRY * (_entries(most // 2, size) + _entries(most - most // 2, size)),
            f"the nearest sum of {size} of {most} items, {threads} at a time,",
            "lock items out or ask for a smaller size",
        )
        chunks = min(len(rows), max(8 * threads, len(rows) // 256))
        _solve(problem.items, problem.targets, problem.usable, rows, size, most, chunks, mask, residual, status)
    return Result.of(mask, residual, status, np.full(count, n, dtype=np.int64), problem)


def _entries(half: int, size: int) -> int:
    """How many subsets of at most ``size`` items a half has."""
    return sum(comb(half, c) for c in range(min(half, size) + 1))


def _end_point(problem: Problem, i: int, size: int, mask: np.ndarray, residual: Int64Array, status: np.ndarray) -> bool:
    """Whether target i lies beyond all sums of ``size`` items; if so the answer, whatever the number of items."""
    where = np.flatnonzero(problem.usable[i if len(problem.usable) > 1 else 0])
    items = problem.items[i if len(problem.items) > 1 else 0][where]
    target = int(problem.targets[i])
    for sign in (1, -1):
        # largest first; of equal items the first
        taken = np.argsort(-sign * items, kind="stable")[:size]
        total = int(items[taken].sum())
        if sign * (target - total) > 0:
            mask[i, where[taken]] = True
            residual[i] = total - target
            status[i] = Status.OUT_OF_REACH
            return True
    return False


@nb.njit(cache=True)
def _merge(sums, masks, length, lower_sums, lower_masks, lower_length, x, bit):  # type: ignore[no-untyped-def]
    """Merges a list with a lower one plus x, in place, from the top; returns its length now.

    Of equal sums the first list's mask is the smaller one: ``bit`` is the highest so far. Which sum is larger is a
    coin toss: written without a branch, and with indices that cannot be negative, it takes half the time.
    """
    i, j, w = length, lower_length, length + lower_length
    while i > 0 and j > 0:
        a = sums[np.uint64(i - 1)]
        b = lower_sums[np.uint64(j - 1)] + x
        mask_a = masks[np.uint64(i - 1)]
        mask_b = lower_masks[np.uint64(j - 1)] | bit
        from_a = np.int64(a >= b)
        w -= 1
        sums[np.uint64(w)] = max(a, b)
        masks[np.uint64(w)] = mask_b ^ ((mask_a ^ mask_b) & np.uint32(-from_a))
        i -= from_a
        j -= np.int64(b >= a)
    while j > 0:
        j -= 1
        w -= 1
        sums[w] = lower_sums[j] + x
        masks[w] = lower_masks[j] | bit
    gap = w - i  # one for every pair of equal sums
    if gap:
        for p in range(w, length + lower_length):
            sums[p - gap] = sums[p]
            masks[p - gap] = masks[p]
    return length + lower_length - gap


@nb.njit(cache=True)
def _classes(items, first, last, size, sums, masks, starts, lengths):  # type: ignore[no-untyped-def]
    """Sorted distinct sums of every c <= size of items[first:last]: class c starts at starts[c], lengths[c] long."""
    half = last - first
    starts[0] = 0
    for c in range(min(half, size)):
        starts[c + 1] = starts[c] + _CHOOSE[half, c]
    lengths[:] = 0
    sums[0] = 0
    masks[0] = 0
    lengths[0] = 1
    for k in range(half):
        x = items[first + k]
        bit = np.uint32(1) << np.uint32(k)
        # from the top, so that class c - 1 does not hold item k yet
        for c in range(min(k + 1, size), 0, -1):
            at, lower = starts[c], starts[c - 1]
            lengths[c] = _merge(
                sums[at:], masks[at:], lengths[c], sums[lower:], masks[lower:], lengths[c - 1], x, bit
            )  # fmt: skip


@nb.njit(cache=True)
def _scan(low, low_masks, high, high_masks, half, target, error, mask):  # type: ignore[no-untyped-def]
    """Walks two lists for the sum nearest to ``target``; every pair that attains the minimum lies on the walk."""
    i, j = 0, len(high) - 1
    while i < len(low) and j >= 0:
        difference = low[i] + high[j] - target
        distance = abs(difference)
        if distance <= error:
            full = np.int64(high_masks[j]) << half | np.int64(low_masks[i])
            if distance < error or full < mask:
                error, mask = distance, full
        below = difference < 0
        i += below
        j -= not below
    return error, mask


@nb.njit(cache=True)
def _solve_rows(items, targets, usable, rows, size, most, mask, residual, status):  # type: ignore[no-untyped-def]
    n = mask.shape[1]
    here = np.empty(n, dtype=np.int64)
    where = np.empty(n, dtype=np.int64)
    room = np.zeros(2, dtype=np.int64)
    for c in range(size + 1):
        room[0] += _CHOOSE[most // 2, c] if c <= most // 2 else 0
        room[1] += _CHOOSE[most - most // 2, c] if c <= most - most // 2 else 0
    low, low_masks = np.empty(room[0], dtype=np.int64), np.empty(room[0], dtype=np.uint32)
    high, high_masks = np.empty(room[1], dtype=np.int64), np.empty(room[1], dtype=np.uint32)
    low_starts, low_lengths = np.zeros(_HALF + 1, dtype=np.int64), np.zeros(_HALF + 1, dtype=np.int64)
    high_starts, high_lengths = np.zeros(_HALF + 1, dtype=np.int64), np.zeros(_HALF + 1, dtype=np.int64)
    for i in rows:
        row = items[i if items.shape[0] > 1 else 0]
        open_ = usable[i if usable.shape[0] > 1 else 0]
        m = 0
        for p in range(n):
            if open_[p]:
                here[m] = row[p]
                where[m] = p
                m += 1
        half = m // 2
        target = targets[i]
        _classes(here, 0, half, size, low, low_masks, low_starts, low_lengths)
        _classes(here, half, m, size, high, high_masks, high_starts, high_lengths)
        error, chosen = np.int64(2**63 - 1), np.int64(2**63 - 1)  # a sum may be as far away: any mask is smaller
        above, beneath = True, True  # the target is beyond all sums so far
        for c in range(max(0, size - (m - half)), min(size, half) + 1):
            s, t = low_starts[c], high_starts[size - c]
            a, b = low_lengths[c], high_lengths[size - c]
            above &= target > low[s + a - 1] + high[t + b - 1]
            beneath &= target < low[s] + high[t]
            error, chosen = _scan(
                low[s : s + a], low_masks[s : s + a], high[t : t + b], high_masks[t : t + b],
                half, target, error, chosen,
            )  # fmt: skip
        total = np.int64(0)
        for k in range(m):
            if chosen >> k & 1:
                mask[i, where[k]] = True
                total += here[k]
        residual[i] = total - target
        status[i] = _NONE if m == 0 else (_BEYOND if above or beneath else _OPTIMAL)


@nb.njit(parallel=True, cache=True, nogil=True)
def _solve(items, targets, usable, rows, size, most, chunks, mask, residual, status):  # type: ignore[no-untyped-def]
    count = len(rows)
    for chunk in nb.prange(chunks):
        first, last = chunk * count // chunks, (chunk + 1) * count // chunks
        _solve_rows(items, targets, usable, rows[first:last], size, most, mask, residual, status)
