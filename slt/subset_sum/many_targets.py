"""Many targets for one set of items: the partial sums are made and sorted once, and every target looks itself up.

The first k items make one sorted list of distinct partial sums with an index over it, the others a second list; for
each sum of the second, what is left of the target is looked up in the first, and its two neighbours compared. k is
chosen by cost: with many targets all 2**n sums are sorted and a target is one look-up; with few, both lists are short
(Horowitz and Sahni 1974, one list kept). Answers are those of `optimum`, to the bit.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from slt.errors import InputError, LimitError
from slt.subset_sum.memory import free_memory, require_memory
from slt.subset_sum.problem import BoolArray, Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status

LIMIT = 44
_LONGEST = 24  # items of the first list at most: 2**24 sums, 448 MiB with their index and work space
_BYTES = 28  # a sum of the first list: two copies of sum and mask, and a cell of the index
_SMALL = 2**24  # bytes that are not worth asking the machine about
_FEW = 2**12  # look-ups that one thread has done before a second is awake: on a busy machine that takes milliseconds
_LARGEST = np.int64(2**63 - 1)


def many_targets(problem: Problem) -> Result:
    """As ``optimum(problem)``, to the bit, where all instances share their items and which of them are usable.

    Faster than it from some number of targets on: see `worth_sharing`. InputError unless ``items`` and ``usable`` have
    shape (1, n); LimitError beyond 44 usable items, unless every target is out of reach, and if the lists would not
    fit into memory (at most 448 MiB up to 44 items).
    """
    count, n = problem.count, problem.n
    if len(problem.items) != 1 or len(problem.usable) != 1:
        raise InputError(
            f"many targets for one set of items: items {problem.items.shape} and usable {problem.usable.shape} must "
            f"both have shape (1, {n}), shared by all {count} targets; use subset_sum.solve for items of their own"
        )
    items, targets = problem.items[0], problem.targets
    usable = int(problem.usable.sum())
    taking = problem.usable[0] & (items != 0)  # a zero item only adds ties with more items
    top, bottom = items[taking & (items > 0)].sum(), items[taking & (items < 0)].sum()
    mask = np.zeros((count, n), dtype=np.bool_)
    residual = np.zeros(count, dtype=np.int64)
    status = np.full(count, Status.OPTIMAL if usable else Status.NO_ITEMS, dtype=np.int8)
    above, below = targets > top, targets < bottom
    for beyond, sign, end in ((above, 1, top), (below, -1, bottom)):
        mask[beyond] = taking & (items * sign > 0)
        residual[beyond] = end - targets[beyond]
        status[beyond] = Status.OUT_OF_REACH if usable else Status.NO_ITEMS
    inside = np.flatnonzero(~(above | below))
    if inside.size:
        if usable > LIMIT:
            raise LimitError(
                f"exact subset sums of many targets take at most {LIMIT} usable items; {usable} were given. Lock items "
                "out, or give tolerance= to take any number"
            )
        _share(items, np.flatnonzero(taking), targets, inside, mask, residual)
    return Result.of(mask, residual, status, np.full(count, n, dtype=np.int64), problem)


def worth_sharing(n: int, count: int) -> bool:
    """Whether to use `many_targets` rather than `optimum` for ``count`` targets and n usable items.

    Measured on one core: it breaks even at 5 to 10 targets up to 11 items and beyond 32, at 60 to 300 for 12 to 32,
    where the optimum is found by `bin_join`; with 10,000 targets it is 20 and 3.5 to 4 times as fast. The thresholds
    leave a factor of two to three, since near them little is at stake.
    """
    return count >= (500 if 12 <= n <= 32 else 30)


def _first_items(m: int, count: int) -> int:
    """How many of m items make the first list: the cheapest number that fits into a quarter of the free memory.

    The costs, in ns, were measured; they decide the time an answer takes, never the answer.
    """
    look_ups = count / min(count, nb.get_num_threads())

    def cost(k: int) -> float:
        make, look_up = 10 if k <= 20 else 18, 20 * 1.2 ** max(k - 14, 0)
        return float(make * 2**k + look_ups * look_up * 2 ** (m - k))

    k = min(range((m + 1) // 2, max(min(m, _LONGEST), (m + 1) // 2) + 1), key=cost)
    if _BYTES * 2**k > _SMALL:
        free = free_memory()
        while k > (m + 1) // 2 and _BYTES * 2**k > free // 4:
            k -= 1
    return k


def _share(
    items: Int64Array, where: Int64Array, targets: Int64Array, rows: Int64Array, mask: BoolArray, residual: Int64Array
) -> None:
    """Answers ``targets[rows]``, all in reach, into those rows of ``mask`` and ``residual``."""
    m = len(where)
    k = _first_items(m, len(rows))
    needed = _BYTES * (2**k + 2 ** (m - k))
    if needed > _SMALL:
        require_memory(needed, f"exact subset sums of {m} items for many targets", "lock items out")
    first, first_masks = _make(items[where[:k]])
    second, second_masks = _make(items[where[k:]])
    # about as many cells as sums
    shift = max((int(first[-1]) - int(first[0])).bit_length() - len(first).bit_length(), 0)
    index = _index(first, shift)
    lists = (first, first_masks, second, second_masks, index, shift, k)
    if len(rows) * 2 ** (m - k) <= _FEW:
        _look_up_rows(*lists, items, where, targets, rows, mask, residual)
    else:
        chunks = min(len(rows), 8 * nb.get_num_threads())
        _look_up(*lists, items, where, targets, rows, chunks, mask, residual)


@nb.njit(cache=True, nogil=True)
def _size(mask):  # type: ignore[no-untyped-def]
    size = 0
    while mask:
        mask &= mask - np.uint64(1)
        size += 1
    return size


@nb.njit(cache=True, nogil=True)
def _make(items):  # type: ignore[no-untyped-def]
    """All distinct sums of the items, none zero, sorted, each with the mask of fewest items, then the smallest."""
    sums = np.empty((2, 1 << len(items)), dtype=np.int64)
    masks = np.empty((2, 1 << len(items)), dtype=np.uint32)
    sums[0, 0] = 0
    masks[0, 0] = 0
    count = 1
    at = 0
    for p in range(len(items)):
        x = items[p]
        bit = np.uint32(1 << p)
        low, high = (x, np.int64(0)) if x < 0 else (np.int64(0), x)
        bit_low, bit_high = (bit, np.uint32(0)) if x < 0 else (np.uint32(0), bit)
        old, old_masks, new, new_masks = sums[at], masks[at], sums[at ^ 1], masks[at ^ 1]
        i, j, k = 0, 0, 0
        while i < count:  # the list shifted up runs out last
            a, b = old[i] + low, old[j] + high
            mask_a, mask_b = old_masks[i] | bit_low, old_masks[j] | bit_high
            if a == b:
                size_a, size_b = _size(np.uint64(mask_a)), _size(np.uint64(mask_b))
                if size_b < size_a or (size_b == size_a and mask_b < mask_a):
                    mask_a = mask_b
            new[k] = min(a, b)
            new_masks[k] = mask_b if b < a else mask_a
            i += a <= b
            j += b <= a
            k += 1
        while j < count:
            new[k] = old[j] + high
            new_masks[k] = old_masks[j] | bit_high
            j += 1
            k += 1
        count = k
        at ^= 1
    return sums[at, :count], masks[at, :count]


@nb.njit(cache=True, nogil=True)
def _index(sums, shift):  # type: ignore[no-untyped-def]
    """Position of the first sum in each cell of 2**shift, counted from the smallest sum; one more at the end."""
    cells = ((sums[-1] - sums[0]) >> shift) + 1
    index = np.empty(cells + 1, dtype=np.int32)
    filled = 0
    for p in range(len(sums)):
        cell = (sums[p] - sums[0]) >> shift
        while filled <= cell:
            index[filled] = p
            filled += 1
    index[cells] = len(sums)
    return index


@nb.njit(cache=True, nogil=True)
def _nearest(first, first_masks, second, second_masks, index, shift, k, target):  # type: ignore[no-untyped-def]
    """The mask of the nearest sum: fewest items among the nearest, then the smallest mask."""
    error, size, best = _LARGEST, 0, np.uint64(0)
    smallest, largest = first[0], first[-1]
    for b in range(len(second)):
        wanted = target - second[b]
        # the first position whose sum is not below ``wanted``
        at, end = 0, 0
        if wanted > largest:
            at = len(first)
        elif wanted > smallest:
            cell = (wanted - smallest) >> shift
            at, end = index[cell], index[cell + 1]
            while at < end:
                middle = (at + end) >> 1
                if first[middle] < wanted:
                    at = middle + 1
                else:
                    end = middle
        # with equal sums merged, whatever is nearest is one of its two neighbours
        for p in range(max(at - 1, 0), min(at + 1, len(first))):
            distance = abs(first[p] - wanted)
            if distance <= error:
                mask = np.uint64(first_masks[p]) | np.uint64(second_masks[b]) << np.uint64(k)
                mask_size = _size(mask)
                if distance < error or mask_size < size or (mask_size == size and mask < best):
                    error, size, best = distance, mask_size, mask
    return best


@nb.njit(cache=True, nogil=True)
def _look_up_rows(  # type: ignore[no-untyped-def]
    first, first_masks, second, second_masks, index, shift, k, items, where, targets, rows, mask, residual
):
    for row in rows:
        best = _nearest(first, first_masks, second, second_masks, index, shift, k, targets[row])
        total = np.int64(0)
        for p in range(len(where)):
            if best >> np.uint64(p) & np.uint64(1):
                mask[row, where[p]] = True
                total += items[where[p]]
        residual[row] = total - targets[row]


@nb.njit(parallel=True, cache=True, nogil=True)
def _look_up(  # type: ignore[no-untyped-def]
    first, first_masks, second, second_masks, index, shift, k, items, where, targets, rows, chunks, mask, residual
):
    for chunk in nb.prange(chunks):
        here = rows[chunk * len(rows) // chunks : (chunk + 1) * len(rows) // chunks]
        _look_up_rows(
            first, first_masks, second, second_masks, index, shift, k, items, where, targets, here, mask, residual
        )
