"""Golden-ratio greedy (Orseau, Hutter and Rivasplata 2020): O(n log n), with a bound from the sizes alone.

Items of the target's sign are gone through from the largest down, and taken where they still fit. Let
gamma = (sqrt 5 - 1) / 2 and let bin i of a scale hold the sizes from gamma**(i + 1) * scale to gamma**i * scale. If
bins 1 to k hold an item each, every target of size up to the scale is met from below within gamma**k * scale:

    What is left never grows and never falls below 0. Let it be at most gamma**(i - 1) * scale, as it is for i = 1, when
    the first item of bin i comes up. If that fits, at most (gamma**(i - 1) - gamma**(i + 1)) * scale =
    gamma**i * scale are left, as 1 - gamma**2 = gamma; if not, less than the item, so less than gamma**i * scale.

So items beyond one a bin, between bins or above the scale do no harm: they only make what is left smaller. The bound
is sharp: with all items at the lower edges of their bins, and the scale as the target, it is attained but for the
lattice. And no smaller base does: below gamma, 1 - base**2 > base, and one item at the lower edge of bin 1 breaks it.

Powers of gamma are irrational; items are compared with them in integers, through Fibonacci numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any, final

import numba as nb
import numpy as np

from slt.errors import InputError
from slt.subset_sum.problem import LARGEST, Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status

_NONE, _BEYOND, _GREEDY = int(Status.NO_ITEMS), int(Status.OUT_OF_REACH), int(Status.GREEDY)


@final
@dataclass(frozen=True, eq=False)
class GoldenRatio:
    """What the greedy found, and what the sizes of the items promised.

    result  one subset an instance; its residuals point from the target towards 0
    bins    (N,) int64: k, how many bins in a row, from bin 1 on, hold a usable item of the target's sign
    scale   (N,) int64: where the bins begin, in lattice units
    """

    result: Result
    bins: Int64Array
    scale: Int64Array

    @property
    def bound(self) -> Int64Array:
        """(N,) int64: floor(gamma**bins * scale), exact, in lattice units; no residual is larger."""
        pairs = zip(self.bins.tolist(), self.scale.tolist(), strict=True)
        return np.array([golden_power(k, scale) for k, scale in pairs], dtype=np.int64)


def golden_ratio(problem: Problem, scale: Any = None) -> GoldenRatio:
    """Takes the usable items of the target's sign that fit, from the largest down; ties in size go to the lowest index.

    scale  where the bins begin: an integer or (N,) of them, in lattice units, at least |target| (locked items counted
           off). The bins and the bound then hold for every target up to it. None: |target| of each instance itself

    Items of the other sign are never taken, and for the target 0 none is. Any number of items. Status GREEDY, unless
    there is no usable item or the target lies beyond all items of its sign, which are then the answer.

    Raises InputError for a scale that is no integer, below a target or beyond 63 bits.

    Source: Orseau, Hutter and Rivasplata, "Logarithmic pruning is all you need" (NeurIPS 2020), the decomposition in
    base gamma; there every bin gives one item, here all items take part, by the proof above.

    >>> found = golden_ratio(Problem.of([500, 320, 200, 120], [999]), scale=1000)
    >>> found.result.mask.astype(int).tolist(), found.result.residual_lattice.tolist()
    ([[1, 1, 0, 1]], [-59])
    >>> found.bins.tolist(), found.bound.tolist()
    ([4], [145])
    """
    from_scale = _scale(problem, scale)
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    residual = np.zeros(count, dtype=np.int64)
    status = np.zeros(count, dtype=np.int8)
    bins = np.zeros(count, dtype=np.int64)
    if count:
        signs = np.where(problem.targets < 0, -1, 1)
        if len(problem.items) == 1:  # sorted once for either sign
            sizes, row = np.concatenate([problem.items, -problem.items]), (problem.targets < 0).astype(np.int64)
        else:
            sizes, row = problem.items * signs[:, None], np.arange(count)
        order = np.argsort(-sizes, axis=1, kind="stable")
        chunks = min(count, 8 * nb.get_num_threads())
        wanted = np.abs(problem.targets)
        _all(sizes, order, row, wanted, from_scale, problem.usable, _FIBONACCI, chunks, mask, residual, status, bins)
        residual *= signs
    prefix = np.full(count, n, dtype=np.int64)
    return GoldenRatio(Result.of(mask, residual, status, prefix, problem), bins, from_scale)


def golden_ratio_plain(problem: Problem, scale: Any = None) -> GoldenRatio:
    """As ``golden_ratio``, to the bit, instance by instance in Python integers."""
    from_scale = _scale(problem, scale)
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    residual = np.zeros(count, dtype=np.int64)
    status = np.full(count, Status.GREEDY, dtype=np.int8)
    bins = np.zeros(count, dtype=np.int64)
    for i in range(count):
        target = int(problem.targets[i])
        sign = -1 if target < 0 else 1
        usable = np.flatnonzero(problem.usable[i if len(problem.usable) > 1 else 0]).tolist()
        row = problem.items[i if len(problem.items) > 1 else 0].tolist()
        sizes = {p: sign * row[p] for p in usable if sign * row[p] > 0}
        left = abs(target)
        for p in sorted(sizes, key=lambda p: -sizes[p]):
            if sizes[p] <= left:
                left -= sizes[p]
                mask[i, p] = True
        residual[i] = -sign * left
        if not usable:
            status[i] = Status.NO_ITEMS
        elif abs(target) > sum(sizes.values()):
            status[i] = Status.OUT_OF_REACH
        start, k = int(from_scale[i]), 0
        low, high = golden_power(2, start), golden_power(1, start)
        while any(low < size <= high for size in sizes.values()):
            k += 1
            low, high = golden_power(k + 2, start), low
        bins[i] = k
    prefix = np.full(count, n, dtype=np.int64)
    return GoldenRatio(Result.of(mask, residual, status, prefix, problem), bins, from_scale)


def golden_power(i: int, scale: int) -> int:
    """floor(gamma**i * scale), exactly, for integers i, scale >= 0.

    gamma**i = |L_i - F_i sqrt 5| / 2 with the numbers of Lucas and Fibonacci; positive for even i. An integer lies
    strictly above gamma**i * scale (i, scale > 0), which is irrational, if and only if it lies above the floor.
    """
    if i == 0 or scale == 0:
        return scale
    f, following = 0, 1
    for _ in range(i):
        f, following = following, f + following
    lucas = 2 * following - f
    root = isqrt(5 * (scale * f) ** 2)  # of no square number: the root lies strictly between root and root + 1
    above = scale * lucas - root if i % 2 == 0 else root + 1 - scale * lucas
    return (above - 1) // 2


def _scale(problem: Problem, scale: Any) -> Int64Array:
    wanted = np.abs(problem.targets)
    if scale is None:
        return wanted
    given = np.asarray(scale)
    if given.dtype.kind not in "iu" or given.shape not in ((), (problem.count,)):
        raise InputError(
            f"golden-ratio greedy: scale has shape {given.shape} and dtype {given.dtype}; needed is an integer or "
            f"({problem.count},) of them, in units of 2**-{problem.exponent}"
        )
    if given.size and int(given.max()) > LARGEST:
        raise InputError(f"golden-ratio greedy: scale {int(given.max())} is beyond 63 bits")
    starts = np.ascontiguousarray(np.broadcast_to(given.astype(np.int64), wanted.shape))
    below = int(np.count_nonzero(starts < wanted))
    if below:
        raise InputError(
            f"golden-ratio greedy: the scale is below {below} of {problem.count} targets, for which the bound would "
            f"not hold; give at least {int(wanted.max())}, the largest |target|, or leave scale out"
        )
    return starts


def _fibonacci() -> Int64Array:
    numbers = [0, 1]
    while numbers[-1] + numbers[-2] <= LARGEST:
        numbers.append(numbers[-1] + numbers[-2])
    return np.array(numbers, dtype=np.int64)


_FIBONACCI = _fibonacci()


@nb.njit(cache=True)
def _reaches(w, i, scale, fibonacci):  # type: ignore[no-untyped-def]
    """w > gamma**i * scale, for w, i >= 1, without rounding.

    With phi = 1 / gamma, phi**i = F_i phi + F_(i-1): is a phi > b for a = w F_i and b = scale - w F_(i-1)? As
    phi = 1 + 1 / phi, for b > a that is the opposite of (b - a) phi > a: Euclid's algorithm.
    """
    if w > scale // fibonacci[i]:
        return True
    a, b = w * fibonacci[i], scale - w * fibonacci[i - 1]
    answer = True
    while b > a:
        a, b = b - a, a
        answer = not answer
    return answer


@nb.njit(cache=True)
def _one(sizes, order, wanted, scale, usable, fibonacci, mask):  # type: ignore[no-untyped-def]
    """(what is left, status, bins in a row that hold an item); marks the items taken."""
    left, reach, k, some, counting = wanted, np.int64(0), 0, False, True
    for p in order:
        w = sizes[p]
        if not usable[p]:
            continue
        some = True
        if w <= 0:
            break
        reach += w
        if w <= left:
            left -= w
            mask[p] = True
        # not above bin k + 1: an item of it, or the first after a gap. Edges below 1 lie below every item, so that
        # k + 2 is at most 92, the last Fibonacci number of 63 bits
        if counting and not _reaches(w, k + 1, scale, fibonacci):
            counting = _reaches(w, k + 2, scale, fibonacci)
            k += counting
    return left, (_BEYOND if wanted > reach else _GREEDY) if some else _NONE, k


@nb.njit(cache=True, nogil=True)
def _chunk(first, last, sizes, order, row, wanted, scale, usable, fibonacci, mask, residual, status, bins):  # type: ignore[no-untyped-def]
    for i in range(first, last):
        left, status[i], bins[i] = _one(
            sizes[row[i]], order[row[i]], wanted[i], scale[i], usable[i if len(usable) > 1 else 0], fibonacci, mask[i]
        )
        residual[i] = -left


@nb.njit(parallel=True, cache=True, nogil=True)
def _all(sizes, order, row, wanted, scale, usable, fibonacci, chunks, mask, residual, status, bins):  # type: ignore[no-untyped-def]
    count = len(wanted)
    for c in nb.prange(chunks):
        first, last = c * count // chunks, (c + 1) * count // chunks
        _chunk(first, last, sizes, order, row, wanted, scale, usable, fibonacci, mask, residual, status, bins)
