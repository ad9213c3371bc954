"""Meet in the middle (Horowitz and Sahni 1974): exact subset sums of up to 44 items in time and memory 2**(n/2).

Even items make one list of partial sums, odd items the other; both are kept sorted and free of duplicates by merging
one item at a time, and two pointers walk through them. Equal partial sums are merged at once (fewest items, then the
smallest mask), so 44 equal items make lists of 23. All arithmetic is int64 and ``Problem`` has made sure that it
cannot overflow. Batches run over all cores; results do not depend on how many there are.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from slt.errors import LimitError
from slt.subset_sum.memory import require_memory
from slt.subset_sum.problem import Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status

LIMIT = 44
_SMALL = 2**26  # bytes that are not worth asking the machine about
_FEW = 2**13  # sums that one thread has walked before a second is awake
_ATTEMPTS = 8  # searches with items beyond the 44th, each of which may cost as much as the first
_LARGEST = np.int64(2**63 - 1)
# kernels see plain integers
_OPTIMAL, _WITHIN, _BEST = int(Status.OPTIMAL), int(Status.WITHIN_TOLERANCE), int(Status.BEST_FOUND)
_BEYOND, _NONE = int(Status.OUT_OF_REACH), int(Status.NO_ITEMS)


def meet_in_the_middle(
    problem: Problem, tolerance: Int64Array | None = None, known: Int64Array | None = None
) -> Result:
    """The optimum of every instance, or with ``tolerance`` ((N,) int64, lattice units) the first sum within it.

    Without a tolerance every instance needs at most 44 usable items, unless its target is out of reach; LimitError
    otherwise. With one, any number: the shortest prefix of the usable items that holds a sum within the tolerance is
    found, up to 44 items, and its optimum returned. If there is none, items beyond the 44th are taken where they bring
    the target nearer to the middle of what the first 44 reach; the search is made again after each of the first 8
    takings that leave a sum within the tolerance likely, and after the last. ``known`` (N,) int64: the first so many
    usable items hold no such sum, as the caller has found out.
    """
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    residual = np.zeros(count, dtype=np.int64)
    status = np.zeros(count, dtype=np.int8)
    prefix = np.zeros(count, dtype=np.int64)
    if count:
        exact = tolerance is None
        allowed = np.zeros(0, dtype=np.int64) if tolerance is None else np.ascontiguousarray(tolerance)
        looked = np.zeros(count, dtype=np.int64) if known is None else np.ascontiguousarray(known)
        most = int(problem.usable_counts().max())
        # chunks for the cores: small enough to balance the load, large enough to share their work space
        chunks = (
            min(count, max(4 * nb.get_num_threads(), count // 64)) if most <= 26 else min(count, nb.get_num_threads())
        )
        # four lists of sums and masks a thread, and as much again while they grow
        needed = min(chunks, nb.get_num_threads()) * 2 * 4 * 12 * 2 ** ((min(most, LIMIT) + 1) // 2)
        if needed > _SMALL:
            require_memory(
                needed,
                f"meet in the middle over {min(most, LIMIT)} items",
                "lock items out, lower the number of threads (numba.set_num_threads), or use "
                "subset_sum.schroeppel_shamir, which needs less",
            )
        given = (problem.items, problem.targets, problem.usable, exact, allowed, looked)
        found = (mask, residual, status, prefix)
        if count << min(most // 2, 30) < _FEW:
            refused = _solve_rows(*given, 0, count, *found)
        else:
            refused = _solve(*given, chunks, *found)
        if refused:
            raise LimitError(
                f"exact subset sum by meet in the middle takes at most {LIMIT} usable items; {refused} of {count} "
                f"instances have more (up to {most}). Lock items out, use subset_sum.schroeppel_shamir for up to 64, "
                "or give tolerance= to take any number"
            )
    return Result.of(mask, residual, status, prefix, problem)


@nb.njit(cache=True)
def _size(mask):  # type: ignore[no-untyped-def]
    size = 0
    while mask:
        mask &= mask - np.uint64(1)
        size += 1
    return size


@nb.njit(cache=True)
def _interleave(even, odd):  # type: ignore[no-untyped-def]
    """The mask over all items from the masks of the even and the odd ones."""
    full = np.uint64(0)
    for i in range(22):
        full |= (np.uint64(even) >> np.uint64(i) & np.uint64(1)) << np.uint64(2 * i)
        full |= (np.uint64(odd) >> np.uint64(i) & np.uint64(1)) << np.uint64(2 * i + 1)
    return full


@nb.njit(cache=True)
def _extend(sums, masks, count, x, bit, new_sums, new_masks):  # type: ignore[no-untyped-def]
    """Merges the sorted distinct sums with themselves plus x (not zero); returns how many there are now."""
    # one list is the other shifted up: the lower one runs out first
    shift_low = x if x < 0 else np.int64(0)
    shift_high = np.int64(0) if x < 0 else x
    bit_low = bit if x < 0 else np.uint32(0)
    bit_high = np.uint32(0) if x < 0 else bit
    i, j, k = 0, 0, 0
    while i < count:
        a = sums[i] + shift_low
        b = sums[j] + shift_high
        mask_a = masks[i] | bit_low
        mask_b = masks[j] | bit_high
        if a == b:
            size_a, size_b = _size(np.uint64(mask_a)), _size(np.uint64(mask_b))
            if size_b < size_a or (size_b == size_a and mask_b < mask_a):
                mask_a = mask_b
            else:
                mask_b = mask_a
        new_sums[k] = min(a, b)
        new_masks[k] = mask_b if b < a else mask_a
        i += a <= b
        j += b <= a
        k += 1
    while j < count:
        new_sums[k] = sums[j] + shift_high
        new_masks[k] = masks[j] | bit_high
        j += 1
        k += 1
    return k


@nb.njit(cache=True)
def _scan(even, even_masks, n_even, odd, odd_masks, n_odd, target, extra, error, size, mask):  # type: ignore[no-untyped-def]
    """Walks the two lists for the sum nearest to ``target`` and returns the best (error, size, mask).

    Every pair that attains the minimum lies on the walk, so ties are seen. ``extra``: bits of items that are in.
    """
    i, j = 0, n_odd - 1
    while i < n_even and j >= 0:
        difference = even[i] + odd[j] - target
        distance = abs(difference)
        if distance <= error:
            full = _interleave(even_masks[i], odd_masks[j]) | extra
            full_size = _size(full)
            if distance < error or full_size < size or (full_size == size and full < mask):
                error, size, mask = distance, full_size, full
        below = difference < 0
        i += below
        j -= not below
    return error, size, mask


@nb.njit(cache=True)
def _grow(sums, masks, needed):  # type: ignore[no-untyped-def]
    if sums.shape[1] >= needed:
        return sums, masks
    capacity = max(needed, 4 * sums.shape[1]) if needed <= 2**18 else needed
    new_sums = np.empty((4, capacity), dtype=np.int64)
    new_masks = np.empty((4, capacity), dtype=np.uint32)
    new_sums[:, : sums.shape[1]] = sums
    new_masks[:, : sums.shape[1]] = masks
    return new_sums, new_masks


@nb.njit(cache=True)
def _search(items, n, target, allowed, known, sums, masks):  # type: ignore[no-untyped-def]
    """(error, mask, items looked at, sums, masks) over the first n <= 44 items.

    ``allowed`` < 0: the optimum. Otherwise the optimum of the shortest prefix that comes within ``allowed``, and of
    all n if none does; the first ``known`` items do not. ``sums`` and ``masks``: work space, grown as needed and
    handed back.
    """
    zero = np.uint64(0)
    error, size, mask = abs(target), 0, zero
    if error <= allowed:
        return error, mask, 0, sums, masks
    top, bottom = np.int64(0), np.int64(0)
    for k in range(n):
        top += max(items[k], 0)
        bottom += min(items[k], 0)
    if target - top > max(allowed, 0) or bottom - target > max(allowed, 0):
        # beyond every sum: the end point is the nearest
        high = target > top
        for k in range(n):
            if items[k] > 0 if high else items[k] < 0:
                mask |= np.uint64(1) << np.uint64(k)
        return target - top if high else bottom - target, mask, n, sums, masks
    sums[0, 0] = 0
    masks[0, 0] = 0
    sums[2, 0] = 0
    masks[2, 0] = 0
    counts = np.ones(2, dtype=np.int64)
    at = np.array((0, 2))  # the rows that hold the even and the odd list now
    top, bottom = np.int64(0), np.int64(0)  # of the items looked at
    for k in range(n):
        x = items[k]
        if x == 0:
            continue  # a zero item only adds ties with more items
        half = k & 1
        top += max(x, 0)
        bottom += min(x, 0)
        if k >= known and allowed >= 0 and target - top <= allowed and bottom - target <= allowed:
            # only sums that hold item k are new
            error, size, mask = _scan(
                sums[at[0]], masks[at[0]], counts[0], sums[at[1]], masks[at[1]], counts[1],
                target - x, np.uint64(1) << np.uint64(k), error, size, mask,
            )  # fmt: skip
            if error <= allowed:
                return error, mask, k + 1, sums, masks
        sums, masks = _grow(sums, masks, 2 * counts[half])
        old = at[half]
        new = old ^ 1
        counts[half] = _extend(sums[old], masks[old], counts[half], x, np.uint32(1 << (k >> 1)), sums[new], masks[new])
        at[half] = new
    error, size, mask = _scan(
        sums[at[0]], masks[at[0]], counts[0], sums[at[1]], masks[at[1]], counts[1], target, zero, error, size, mask
    )
    return error, mask, n, sums, masks


@nb.njit(cache=True)
def _take(mask, n, where, row):  # type: ignore[no-untyped-def]
    for k in range(n):
        if mask >> np.uint64(k) & np.uint64(1):
            row[where[k]] = True


@nb.njit(cache=True, nogil=True)
def _solve_rows(items, targets, usable, exact, allowed, known, first_row, last_row, mask, residual, status, prefix):  # type: ignore[no-untyped-def]
    n = mask.shape[1]
    refused = 0
    here = np.empty(n, dtype=np.int64)
    where = np.empty(n, dtype=np.int64)
    sums = np.empty((4, 256), dtype=np.int64)
    masks = np.empty((4, 256), dtype=np.uint32)
    for i in range(first_row, last_row):
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
        target = targets[i]
        within = np.int64(-1) if exact else allowed[i]
        prefix[i] = n
        if target - top > max(within, 0) or bottom - target > max(within, 0):
            # beyond every sum: the end point is the optimum, whatever n; zeros stay out (fewest items)
            high = target > top
            for k in range(m):
                mask[i, where[k]] = here[k] > 0 if high else here[k] < 0
            residual[i] = (top if high else bottom) - target
            status[i] = _BEYOND if m else _NONE
            continue
        if exact and m > 44:
            refused += 1
            continue
        first = min(m, 44)
        error, best, looked, sums, masks = _search(here, first, target, within, known[i], sums, masks)
        _take(best, first, where, mask[i])
        found = not exact and error <= within
        if found:
            prefix[i] = where[looked - 1] + 1 if looked else 0
        status[i] = _WITHIN if found else (_OPTIMAL if exact else _BEST)
        if m == 0 and not found:
            status[i] = _NONE
        if not exact and not found and m > first:
            # bring the target to the middle of what the first items reach, by the others
            middle, square = np.int64(0), 0.0
            for k in range(first):
                middle += here[k] // 2
                square += float(here[k]) * float(here[k])
            # the logarithm of how many sums come within at the middle, by the normal approximation
            expected = first * math.log(2.0) + math.log(2.0 * within + 1) - math.log(square + 1) / 2
            rest = target
            taken = np.zeros(m, dtype=np.bool_)
            attempts, searched = 0, True
            for k in range(first, m + 1):
                if k < m:
                    if abs(rest - here[k] - middle) >= abs(rest - middle):
                        continue
                    rest -= here[k]
                    taken[k] = True
                    searched = False
                away = float(rest - middle)
                likely = expected - 2 * away * away / (square + 1) > 0
                if searched or (k < m and (attempts == _ATTEMPTS or not likely)):
                    continue
                again, second, looked, sums, masks = _search(here, first, rest, within, 0, sums, masks)
                attempts += 1
                searched = True
                if again < error:
                    error = again
                    for q in range(m):
                        bit = q < first and (second >> np.uint64(q) & np.uint64(1)) == 1
                        mask[i, where[q]] = taken[q] or bit
                if again <= within:
                    status[i] = _WITHIN
                    prefix[i] = where[k if k < m else m - 1] + 1
                    break
        total = np.int64(0)
        for p in range(n):
            if mask[i, p]:
                total += row[p]
        residual[i] = total - target
    return refused


@nb.njit(parallel=True, cache=True, nogil=True)
def _solve(items, targets, usable, exact, allowed, known, chunks, mask, residual, status, prefix):  # type: ignore[no-untyped-def]
    count = len(targets)
    refused = 0
    for chunk in nb.prange(chunks):
        first, last = chunk * count // chunks, (chunk + 1) * count // chunks
        refused += _solve_rows(
            items, targets, usable, exact, allowed, known, first, last, mask, residual, status, prefix
        )
    return refused
