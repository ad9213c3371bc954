"""Vector subset sums: d sums at once from one choice of items, the largest residual as small as can be. Exact.

Meet in the middle: the sums of the first and of the second half of the items are kept in lexicographic order, by
merging one item at a time (equal sums once: fewest items, then the smallest mask). For every sum of the first half
those of the second are looked at that come within the best error so far in the leading coordinate; the coordinate
that leaves the fewest pairs leads. For random items that is about 2**(n - n / d) pairs, and never more than 2**n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numba as nb
import numpy as np
import numpy.typing as npt

from slt.errors import InputError, LimitError
from slt.subset_sum.memory import require_memory
from slt.subset_sum.problem import BoolArray, FloatArray, Int64Array, Problem, flags_of
from slt.subset_sum.status import Status

LIMIT = 30  # usable items: at worst 2**30 pairs an instance, seconds


@final
@dataclass(frozen=True, eq=False)
class VectorProblem:
    """N instances of n items of d coordinates each.

    items     (N, n, d) int64, or (1, n, d) when all instances share them: item = items / 2**exponent
    targets   (N, d) int64 on the same lattice: what the usable items are to sum to, locked ones subtracted already
    usable    (N, n) or (1, n) bool: the items to choose from
    exponent  the lattice is 2**-exponent
    rounding  (N, d) float64: target on the lattice minus target given
    locked    (N, n) or (1, n) bool: items that are in whatever happens, None if there are none
    """

    items: Int64Array
    targets: Int64Array
    usable: BoolArray
    exponent: int
    rounding: FloatArray
    locked: BoolArray | None = None

    @property
    def count(self) -> int:
        return len(self.targets)

    @property
    def n(self) -> int:
        return int(self.items.shape[1])

    @property
    def dimension(self) -> int:
        return int(self.items.shape[2])

    @staticmethod
    def of(
        items: Any, targets: Any, usable: Any = None, lattice: int | None = None, locked: Any = None
    ) -> VectorProblem:
        """Checks the arguments of ``vector`` and puts them on one lattice, as ``Problem.of`` does."""
        x, t = np.asarray(items), np.asarray(targets)
        if x.ndim == 2:
            x = x[None]
        if t.ndim == 1:
            t = t[None]
        if x.ndim != 3 or t.ndim != 2 or x.shape[0] not in (1, len(t)) or x.shape[2] != t.shape[1] or not x.shape[2]:
            raise InputError(
                f"vector subset sum: items of shape {np.shape(items)} with targets of shape {np.shape(targets)}; "
                "needed are items (N, n, d), or (n, d) shared by all, and targets (N, d), with d at least 1"
            )
        count, (_, n, d) = len(t), x.shape
        open_ = flags_of("usable", True if usable is None else usable, count, n)
        kept = None if locked is None else flags_of("locked", locked, count, n)
        # every coordinate of every instance is a problem of its own to the checks
        rows = np.broadcast_to(x, (count, n, d)).transpose(0, 2, 1).reshape(count * d, n)
        single = Problem.of(rows, t.reshape(-1), None, lattice)
        on_lattice = single.items.reshape(count, d, n)[: len(x)].transpose(0, 2, 1)
        wanted = single.targets.reshape(count, d)
        if kept is not None:
            # no overflow: sum |items| + |target| stays within 63 bits in every coordinate
            wanted = wanted - np.where(kept[:, :, None], on_lattice, 0).sum(axis=1)
            open_ = open_ & ~kept
        rounding = single.rounding.reshape(count, d)
        return VectorProblem(
            np.ascontiguousarray(on_lattice), np.ascontiguousarray(wanted), open_, single.exponent, rounding, kept
        )


@final
@dataclass(frozen=True, eq=False)
class VectorResult:
    """One subset an instance.

    mask              (N, n) bool: the items taken, locked ones included
    residual_lattice  (N, d) int64: sum taken minus target, exact, in units of 2**-exponent
    status            (N,) int8: ``Status`` codes
    problem           what was solved
    """

    mask: BoolArray
    residual_lattice: Int64Array
    status: npt.NDArray[np.int8]
    problem: VectorProblem

    @property
    def residual(self) -> FloatArray:
        """(N, d) float64: sum taken minus target as given."""
        view = np.ldexp(self.residual_lattice.astype(np.float64), -self.problem.exponent)
        return np.asarray(view + self.problem.rounding)

    @property
    def error(self) -> FloatArray:
        """(N,) float64: the infinity norm of the residual."""
        return np.asarray(np.abs(self.residual).max(axis=1))


def vector(
    items: Any, targets: Any, usable: Any = None, lattice: int | None = None, locked: Any = None
) -> VectorResult:
    """For every target vector the subset of its items whose sum is nearest in the infinity norm.

    items    (N, n, d), or (n, d) shared by all targets; integers, or floats that a lattice 2**-k holds exactly
    targets  (N, d), or (d,); floats off the lattice are rounded to it and the rounding is part of the residual
    usable   (N, n) or (n,) bool: False locks an item out
    lattice  k: insist on lattice 2**-k
    locked   (N, n) or (n,) bool: True keeps an item in whatever happens (also where usable is False)

    Ties go to the fewest items, then to the smallest mask read as an integer (bit i = item i).

    Raises InputError (NaN, shapes), LatticeError (values that no 64-bit lattice holds), LimitError (more than 30
    usable items, or work space beyond the free memory).

    Law: for coordinates uniform on [-1, 1] and targets near 0 the geometric mean of the error is about
    1/2 sqrt(pi n / 6) e**(1/2 - g / d) 2**(-n / d), g = 0.5772 (a Poisson heuristic, checked by simulation). The
    problem: Becchetti et al., "On the multidimensional random subset sum problem" (arXiv 2207.13944).

    >>> found = vector([[3, 1], [5, -2], [-1, 4]], [[2, 6], [7, 3]])
    >>> found.mask.astype(int).tolist(), found.residual_lattice.tolist()
    ([[1, 0, 1], [1, 1, 1]], [[0, -1], [0, 0]])
    """
    problem = VectorProblem.of(items, targets, usable, lattice, locked)
    count, n, d = problem.count, problem.n, problem.dimension
    counts = np.broadcast_to(problem.usable.sum(axis=1), (count,))
    most, refused = int(counts.max(initial=0)), int((counts > LIMIT).sum())
    if refused:
        raise LimitError(
            f"exact vector subset sum takes at most {LIMIT} usable items; {refused} of {count} instances have more (up "
            f"to {most}). Lock items out with usable, or solve the coordinates one by one with subset_sum.solve"
        )
    chosen = np.zeros((count, n), dtype=np.bool_)
    residual = -problem.targets
    if count and most:
        capacity = 2 ** ((most + 1) // 2)
        threads = min(count, nb.get_num_threads())
        require_memory(
            threads * 4 * capacity * 8 * (d + 1), f"vector subset sum of {most} items", "use fewer items or threads"
        )
        chunks = min(count, 16 * threads)
        _all(problem.items, problem.targets, problem.usable, capacity, chunks, chosen, residual)
    status = np.where(counts > 0, Status.OPTIMAL, Status.NO_ITEMS).astype(np.int8)
    mask = chosen if problem.locked is None else chosen | problem.locked
    return VectorResult(mask, residual, status, problem)


@nb.njit(cache=True)
def _size(mask):  # type: ignore[no-untyped-def]
    size = 0
    while mask:
        mask &= mask - 1
        size += 1
    return size


@nb.njit(cache=True)
def _half(items, sums, masks):  # type: ignore[no-untyped-def]
    """All distinct sums of items (m, d) in lexicographic order, and their best masks: (sums (d, ...), masks, count)."""
    m, d = items.shape
    count, now = 1, 0
    sums[0, :, 0] = 0
    masks[0, 0] = 0
    for k in range(m):
        x = items[k]
        lead = 0
        while lead < d and x[lead] == 0:
            lead += 1
        if lead == d:
            continue  # a zero item only adds ties with more items
        old, new = sums[now], sums[1 - now]
        old_masks, new_masks = masks[now], masks[1 - now]
        i, j, size = 0, 0, 0  # without and with item k
        while i < count or j < count:
            order = 0
            if i == count:
                order = 1
            elif j == count:
                order = -1
            else:
                for c in range(d):
                    a, b = old[c, i], old[c, j] + x[c]
                    if a != b:
                        order = -1 if a < b else 1
                        break
            without, with_ = old_masks[min(i, count - 1)], old_masks[min(j, count - 1)] | 1 << k
            # of two equal sums of equally many items the one without item k, the highest bit, is the smaller mask
            if order < 0 or (order == 0 and _size(without) <= _size(with_)):
                new_masks[size] = without
            else:
                new_masks[size] = with_
            for c in range(d):
                new[c, size] = old[c, i] if order <= 0 else old[c, j] + x[c]
            i += order <= 0
            j += order >= 0
            size += 1
        count, now = size, 1 - now
    return sums[now], masks[now], count


@nb.njit(cache=True)
def _pairs_within(left, count_left, right, count_right, wanted, error):  # type: ignore[no-untyped-def]
    """How many pairs come within ``error`` of ``wanted``, in the leading coordinate."""
    low, high, pairs = count_right, count_right, 0
    for i in range(count_left):
        start = left[i] - wanted
        while high > 0 and start + right[high - 1] > error:
            high -= 1
        while low > 0 and start + right[low - 1] >= -error:
            low -= 1
        pairs += high - low
    return pairs


@nb.njit(cache=True)
def _scan(left, left_masks, count_left, step, right, right_masks, count_right, shift, target, error, size, mask):  # type: ignore[no-untyped-def]
    """The best (error, size, mask) of the one given and all pairs with every step-th sum of the left half."""
    d = len(target)
    start = np.empty(d, dtype=np.int64)
    high = count_right
    for i in range(0, count_left, step):
        for c in range(d):
            start[c] = left[c, i] - target[c]
        first, second = start[0], start[d - 1]
        while high > 0 and first + right[0, high - 1] > error:
            high -= 1
        for j in range(high - 1, -1, -1):
            if first + right[0, j] < -error:
                break
            distance = abs(second + right[d - 1, j])
            if distance > error:
                continue
            for c in range(d - 1):
                distance = max(distance, abs(start[c] + right[c, j]))
            if distance > error:
                continue
            full = left_masks[i] | right_masks[j] << shift
            full_size = _size(full)
            if distance < error or full_size < size or (full_size == size and full < mask):
                error, size, mask = distance, full_size, full
    return error, size, mask


@nb.njit(cache=True)
def _search(items, target, left_space, left_masks_space, right_space, right_masks_space):  # type: ignore[no-untyped-def]
    """The best mask over items (m, d)."""
    m, d = items.shape
    shift = m // 2
    error, size, mask = np.int64(0), 0, 0  # the empty sum
    for c in range(d):
        error = max(error, abs(target[c]))
    fewest, best = np.int64(-1), 0
    rolled, wanted = np.empty((m, d), dtype=np.int64), np.empty(d, dtype=np.int64)
    for turn in range(d + 1):
        lead = turn if turn < d else best
        for c in range(d):
            rolled[:, c] = items[:, (lead + c) % d]
            wanted[c] = target[(lead + c) % d]
        left, left_masks, count_left = _half(rolled[:shift], left_space, left_masks_space)
        right, right_masks, count_right = _half(rolled[shift:], right_space, right_masks_space)
        if turn == 0:
            # a sample of pairs: an error to compare the coordinates by
            step = max(1, count_left * count_right >> 16)
            if step > 1:
                error, size, mask = _scan(
                    left,
                    left_masks,
                    count_left,
                    step,
                    right,
                    right_masks,
                    count_right,
                    shift,
                    wanted,
                    error,
                    size,
                    mask,
                )
        if turn == d:
            break
        pairs = _pairs_within(left[0], count_left, right[0], count_right, wanted[0], error)
        if fewest < 0 or pairs < fewest:
            fewest, best = pairs, lead
        # enough when looking at the pairs is cheaper than sorting again; or when this, the last, is the best
        if pairs <= 32 * (count_left + count_right) or (turn == d - 1 and best == lead):
            break
    return _scan(left, left_masks, count_left, 1, right, right_masks, count_right, shift, wanted, error, size, mask)[2]


@nb.njit(cache=True, nogil=True)
def _chunk(first, last, items, targets, usable, capacity, mask, residual):  # type: ignore[no-untyped-def]
    n, d = items.shape[1], items.shape[2]
    here = np.empty((n, d), dtype=np.int64)
    where = np.empty(n, dtype=np.int64)
    left, left_masks = np.empty((2, d, capacity), dtype=np.int64), np.empty((2, capacity), dtype=np.int64)
    right, right_masks = np.empty((2, d, capacity), dtype=np.int64), np.empty((2, capacity), dtype=np.int64)
    for i in range(first, last):
        row, open_ = items[i if len(items) > 1 else 0], usable[i if len(usable) > 1 else 0]
        m = 0
        for p in range(n):
            if open_[p]:
                here[m] = row[p]
                where[m] = p
                m += 1
        best = _search(here[:m], targets[i], left, left_masks, right, right_masks)
        for k in range(m):
            if best >> k & 1:
                mask[i, where[k]] = True
                residual[i] += here[k]


@nb.njit(parallel=True, cache=True, nogil=True)
def _all(items, targets, usable, capacity, chunks, mask, residual):  # type: ignore[no-untyped-def]
    count = len(targets)
    for c in nb.prange(chunks):
        _chunk(c * count // chunks, (c + 1) * count // chunks, items, targets, usable, capacity, mask, residual)
