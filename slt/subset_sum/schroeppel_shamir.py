"""Four lists (Schroeppel and Shamir 1981): exact subset sums of up to 64 items, time 2**(n/2), memory 2**(n/4).

The items are dealt into four quarters and only the quarters' sums are stored, sorted. The sums of quarters 1 and 2 are
one side, the target minus those of quarters 3 and 4 the other, and the nearest pair of the two sides is wanted. Where
the paper walks through both sides in order with two heaps, here the axis of values is cut into slices that each hold
some 2**18 sums a side. In a slice each sum of quarter 1 goes with one run of the sorted quarter 2, so a slice can be
listed again and again without being stored: first one side marks its bins in a table, then the sums of the other that
meet no mark are dropped, and so on in turns with finer bins until few are left, which are sorted and compared. Pairs
farther apart than the best so far are lost, nearer ones and ties never. Slices are independent: all cores share them.

Pairs that lie in two slices. Let (a, b) with a < b be a nearest pair. No sum of either side lies strictly between (it
would be nearer to one of them), so at every cut v with a < v <= b, a is the last of its side below v and b the first
of its side from v on. These two pairs of neighbours are looked at at every cut.

Ties. Write a subset's key as (items, mask). Keys of subsets of different quarters add, and their order is kept when
the same key is added to both: fewer items stay fewer, and among as many the masks, which share no bits, add like
integers. So of all subsets with given sums in the four quarters the smallest key is the sum of the smallest keys of
each: equal sums of a quarter are merged when its list is made, the smallest key staying. Likewise the smallest key
among all pairs (i, j) of a side that have the same sum is all that side needs. The answer is the minimum of a total
order over subsets, so it depends neither on the slices nor on the number of threads.

Overflow: ``Problem`` has made sure that sum |items| + |target| < 2**63, which bounds every sum, every target minus a
sum and every difference of the two sides. The values that both sides reach span at most 2**62.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba as nb
import numpy as np

from slt.errors import LimitError
from slt.subset_sum.memory import require_memory
from slt.subset_sum.problem import Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.schroeppel_shamir_kernel import KEPT, PIECE, TABLE, Side, sums_below, sweep
from slt.subset_sum.status import Status

LIMIT = 64
_CHUNKS = 8  # stretches of the axis of values a thread, so that all end at about the same time


def memory_needed(n: int, workers: int) -> int:
    """Bytes that one instance of ``n`` items allocates, at most."""
    quarter = 1 << -(-n // 4)
    lists, merging = 4 * quarter * 16, quarter * 128
    worker = TABLE + 3 * KEPT * 12 + quarter * 16 + lists  # its own shorter lists when only ties are left
    return lists + merging + workers * worker


def schroeppel_shamir(problem: Problem) -> Result:
    """The optimum of every instance, one after the other, as ``meet_in_the_middle(problem)`` to the bit.

    Every instance needs at most 64 usable items, unless its target is out of reach; LimitError otherwise, or if the
    memory is not free. Measured times and memory: ``experiments/schroeppel-shamir``. Source: Schroeppel and Shamir, A
    T = O(2**(n/2)), S = O(2**(n/4)) algorithm for certain NP-complete problems, SIAM J. Comput. 10(3), 1981.
    """
    usable = problem.usable
    counts = problem.usable_counts()
    top = np.where(usable, np.maximum(problem.items, 0), 0).sum(axis=1)
    bottom = np.where(usable, np.minimum(problem.items, 0), 0).sum(axis=1)
    above, below = problem.targets > top, problem.targets < bottom
    refused = ~above & ~below & (counts > LIMIT)
    if refused.any():
        raise LimitError(
            f"exact subset sum by Schroeppel and Shamir takes at most {LIMIT} usable items; "
            f"{np.count_nonzero(refused)} of {problem.count} instances have more (up to {counts[refused].max()}). "
            "Lock items out, or use subset_sum.solve(..., tolerance=), which takes any number"
        )
    workers = int(nb.get_num_threads())
    most = int(counts[~above & ~below].max(initial=0))
    require_memory(
        memory_needed(most, workers),
        f"exact subset sum of {most} items by Schroeppel and Shamir",
        "use fewer threads or fewer items",
    )
    mask = np.zeros((problem.count, problem.n), dtype=np.bool_)
    status = np.full(problem.count, Status.OPTIMAL, dtype=np.int8)
    status[above | below] = Status.OUT_OF_REACH
    status[counts == 0] = Status.NO_ITEMS
    residual = np.zeros(problem.count, dtype=np.int64)
    for i in range(problem.count):
        row = problem.items[i if len(problem.items) > 1 else 0]
        open_ = usable[i if len(usable) > 1 else 0]
        if above[i] or below[i]:
            # beyond every sum: the end point is the optimum, whatever n; zeros stay out (fewest items)
            mask[i] = open_ & ((row > 0) if above[i] else (row < 0))
        else:
            # zeros only add ties with more items
            where = np.flatnonzero(open_ & (row != 0))
            best = _search(row[where], int(problem.targets[i]), workers)
            mask[i, where] = [best >> k & 1 for k in range(len(where))]
        residual[i] = row[mask[i]].sum() - problem.targets[i]
    prefix = np.full(problem.count, problem.n, dtype=np.int64)
    return Result.of(mask, residual, status, prefix, problem)


def _quarter(items: Int64Array, start: int) -> tuple[Int64Array, np.ndarray]:
    """The sorted distinct subset sums of items[start::4], and the masks of their smallest keys."""
    sums, masks, sizes = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.int8)
    for k in range(start, len(items), 4):
        sums = np.concatenate([sums, sums + items[k]])
        masks = np.concatenate([masks, masks | np.uint64(1 << k)])
        sizes = np.concatenate([sizes, sizes + np.int8(1)])
    order = np.lexsort((masks, sizes, sums))
    sums = sums[order]
    new = np.ones(len(sums), dtype=np.bool_)
    np.not_equal(sums[1:], sums[:-1], out=new[1:])
    return sums[new], masks[order[new]]


def _sides(items: Int64Array, target: int) -> tuple[Side, Side]:
    (x, x_masks), (y, y_masks), (u, u_masks), (w, w_masks) = (_quarter(items, start) for start in range(4))
    return (
        Side(x, y, x_masks, y_masks),
        Side(*(np.ascontiguousarray(x) for x in (target - u[::-1], -w[::-1], u_masks[::-1], w_masks[::-1]))),
    )


def _search(items: Int64Array, target: int, workers: int) -> int:
    """The optimal mask over up to 64 items, none of them zero; the target is within reach."""
    a, b = _sides(items, target)
    start = max(int(a.first[0]) + int(a.second[0]), int(b.first[0]) + int(b.second[0]))
    end = min(int(a.first[-1]) + int(a.second[-1]), int(b.first[-1]) + int(b.second[-1])) + 1
    best = _Best(target, int(np.gcd.reduce(items, initial=0)))
    if len(a.first) * len(a.second) + len(b.first) * len(b.second) <= PIECE // 8:
        best.walk(a, b, start, end)
        return best.key[2]
    cuts = _cuts(a, b, start, end, workers * _CHUNKS)
    # subsets of few items have sums around 0 on side a and around the target on side b: they are met first in between
    stretches = sorted(pairwise(cuts), key=lambda stretch: abs(sum(stretch) - target))
    with ThreadPoolExecutor(workers) as pool:
        try:
            for done in [pool.submit(best.walk, a, b, *stretch) for stretch in stretches]:
                done.result()
        except BaseException:
            best.stop.set()
            raise
    return best.key[2]


class _Best:
    """The best subset so far, which all threads know: ``key`` is (error, items, mask), at first of the empty one.

    ``least``: all sums are multiples of the items' greatest common divisor, so no error is smaller than the target's
    distance from those.
    """

    def __init__(self, target: int, divisor: int) -> None:
        self.key = (abs(target), 0, 0)
        self.least = min(target % divisor, -target % divisor) if divisor else abs(target)
        self.lock, self.stop = threading.Lock(), threading.Event()

    def walk(self, a: Side, b: Side, position: int, end: int) -> None:
        """Searches the values from ``position`` up to ``end``, in pieces, until told to stop."""
        step = end - position
        while position < end and not self.stop.is_set():
            error, size, mask = self.key
            if error == self.least:
                # only ties are left: sums of a quarter that take more items by themselves cannot be part of one
                a, b = _of_size(a, size), _of_size(b, size)
            position, step, error, mask = sweep(a, b, position, end, step, error, np.uint64(mask))
            found = (int(error), int(mask).bit_count(), int(mask))
            with self.lock:
                self.key = min(self.key, found)


def _of_size(side: Side, most: int) -> Side:
    """The side without the quarters' sums that take more than ``most`` items."""
    first, second = (np.bitwise_count(masks) <= most for masks in (side.first_masks, side.second_masks))
    if first.all() and second.all():
        return side
    return Side(side.first[first], side.second[second], side.first_masks[first], side.second_masks[second])


def _cuts(a: Side, b: Side, start: int, end: int, chunks: int) -> list[int]:
    """Cuts of the values from ``start`` to ``end`` into at most ``chunks`` stretches with about as many sums each."""
    before, total = sums_below(a, b, start), sums_below(a, b, end)
    cuts = [start]
    for c in range(1, chunks):
        goal = before + (total - before) * c // chunks
        low, high = cuts[-1], end
        while high - low > 1:
            middle = (low + high) // 2
            count = sums_below(a, b, middle)
            low, high = (middle, high) if count < goal else (low, middle)
            if abs(count - goal) < (total - before) // (16 * chunks):
                high = middle
                break
        if cuts[-1] < high < end:
            cuts.append(high)
    return [*cuts, end]
