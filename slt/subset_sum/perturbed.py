"""Subset sums of items that may be moved a little (Xiong, Liao and Kyrillidis 2023): exact, by meet in the middle.

Item i may become any lattice value within slack_i of itself, so a subset covers every sum between A, the sum of its
x_i - slack_i, and B, the sum of its x_i + slack_i. Its distance from the target t is max(0, A - t, t - B).

What decides is counting. A subset that misses t lies below it (B < t) or above it (A > t), so the number of those that
cover t is the number with A <= t less the number with B < t, and each of these is a count over pairs of half-sums,
sorted apart by A and by B, that two pointers walk through. No pair of windows is ever gone through, so many exact
hits cost nothing; neither do slacks of very different sizes. Sums are kept by their number of items: the first number
with a hit, or with the nearest miss, is the fewest.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import final

import numba as nb
import numpy as np

from slt.errors import InputError, LatticeError, LimitError
from slt.subset_sum.memory import require_memory
from slt.subset_sum.problem import LARGEST, BoolArray, FloatArray, Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status
from slt.subset_sum.tolerance import exact_number

LIMIT = 44
_LARGEST = np.int64(LARGEST)
_OPTIMAL, _BEYOND, _NONE = int(Status.OPTIMAL), int(Status.OUT_OF_REACH), int(Status.NO_ITEMS)


@final
@dataclass(frozen=True, eq=False)
class PerturbedResult:
    """One subset an instance, and where its items were moved to.

    unmoved           the subset with its items where they were: masks, statuses, residuals before moving
    moved             (N, n) int64: the items taken, moved; locked ones as they were, 0 where none was taken
    residual_lattice  (N,) int64: sum of ``moved`` minus target, exact, in units of 2**-exponent; 0 where met exactly
    slack             (N, n) or (1, n) int64: how far each usable item may be moved, in lattice units
    """

    unmoved: Result
    moved: Int64Array
    residual_lattice: Int64Array
    slack: Int64Array

    @property
    def problem(self) -> Problem:
        return self.unmoved.problem

    @property
    def mask(self) -> BoolArray:
        """(N, n) bool: the items taken, locked ones included."""
        return self.unmoved.mask

    @property
    def status(self) -> np.ndarray:
        """(N,) int8: ``Status`` codes."""
        return self.unmoved.status

    @property
    def residual(self) -> FloatArray:
        """(N,) float64: sum of the moved items minus target as given (the rounding of targets is counted)."""
        view = np.ldexp(self.residual_lattice.astype(np.float64), -self.problem.exponent)
        return np.asarray(view + self.problem.rounding)

    @property
    def error(self) -> FloatArray:
        """(N,) float64: |residual|."""
        return np.abs(self.residual)


def perturbed(problem: Problem, relative: float = 0.0, absolute: float = 0.0) -> PerturbedResult:
    """For every target the subset whose sum comes nearest when each item taken may be moved a little.

    relative  items may be moved by this share of their size, at least 0
    absolute  and by this much besides, at least 0, in the units of the items

    Together: by up to slack = floor((relative |x| + absolute) 2**exponent) lattice units, the two numbers being
    taken as the binary fractions they are. Least is first the distance max(0, |sum - target| - sum of slacks), then
    the number of items, then the mask read as an integer (bit i = item i). The move needed is shared out in proportion
    to the slacks, its running total rounded down, so that no item moves by a larger share of its slack than it must,
    but for one lattice unit. Locked items are in and are not moved.

    At most 44 usable items, in about 2 n 2**(n/2) steps, unless the target is out of reach of all items, moved: any
    number.

    Raises InputError (negative, infinite or NaN numbers), LatticeError (moved sums that leave 64 bits), LimitError.

    Law: for uniform items on [-1, 1], a target near 0 but not 0, and slacks of e each, P(exact) =
    E_u[1 - exp(-2**n e n f exp(-u**2 / 2))], u normal, f = 1 / sqrt(2 pi n / 12). Slacks e |x| count as e / 2 each, as
    E|x| = 1/2. (A Poisson heuristic for large n, from simulation a few hundredths high.) The problem: Xiong, Liao and
    Kyrillidis, "Strong lottery ticket hypothesis with epsilon-perturbation" (AISTATS 2023).

    >>> found = perturbed(Problem.of([100, 250, -40], [340]), relative=0.05)
    >>> found.moved.tolist(), found.residual_lattice.tolist(), found.unmoved.residual_lattice.tolist()
    ([[98, 242, 0]], [0], [10])
    """
    slack = _slack(problem, relative, absolute)
    unmoved = nearest_within_slack(problem, slack)
    items = np.broadcast_to(problem.items, unmoved.mask.shape)
    own = unmoved.mask if problem.locked is None else unmoved.mask & ~problem.locked
    gap = unmoved.residual_lattice
    moves = _moves(gap, np.where(own, slack, 0))
    moved = np.where(unmoved.mask, items, 0) + moves
    return PerturbedResult(unmoved, moved, gap + moves.sum(axis=1), slack)


def nearest_within_slack(problem: Problem, slack: Int64Array) -> Result:
    """For every target the subset that ``perturbed`` takes, its items where they were, when item i may be moved by up
    to ``slack``, int64 >= 0 of the shape of ``problem.items``, in lattice units.

    At most 44 usable items. InputError for another shape or slacks below 0; LatticeError and LimitError as there.
    """
    count, n = problem.count, problem.n
    if slack.shape != problem.items.shape or slack.dtype != np.int64 or (slack.size and int(slack.min()) < 0):
        raise InputError(
            f"perturbed subset sum: slacks of shape {slack.shape} and dtype {slack.dtype} were given; needed are whole "
            f"numbers >= 0 of the items' shape {problem.items.shape}, int64"
        )
    reach = np.abs(problem.items.astype(np.float64)) + 2 * slack.astype(np.float64)
    if count and n and float(reach.sum(axis=1).max()) + float(np.abs(problem.targets.astype(np.float64)).max()) > 2**62:
        _require_room(problem, slack)  # in exact numbers, as this estimate is not
    chosen = np.zeros((count, n), dtype=np.bool_)
    status = np.zeros(count, dtype=np.int8)
    if count:
        usable_counts = problem.usable_counts()
        most = min(int(usable_counts.max()), LIMIT)
        capacity = 2 ** ((most + 1) // 2)
        threads = min(count, nb.get_num_threads())
        require_memory(
            threads * 9 * 8 * capacity, f"perturbed subset sum of {most} items", "use fewer items or threads"
        )
        low, high = problem.items - slack, problem.items + slack
        refused = _all(
            low, high, problem.targets, problem.usable, _starts(), capacity, min(count, 16 * threads), chosen, status
        )
        if refused:
            raise LimitError(
                f"exact perturbed subset sum takes at most {LIMIT} usable items; {refused} of {count} instances have "
                f"more (up to {int(usable_counts.max())}). Lock items out with usable, or leave the slack out and give "
                "subset_sum.solve a tolerance"
            )
    gap = np.where(chosen, problem.items, 0).sum(axis=1) - problem.targets
    return Result.of(chosen, gap, status, np.full(count, n, dtype=np.int64), problem)


def _slack(problem: Problem, relative: float, absolute: float) -> Int64Array:
    """floor(relative |x| + absolute 2**exponent), exactly; 0 for items that no instance may use."""
    share = exact_number(relative, "perturbed subset sum", "relative")
    beside = exact_number(absolute, "perturbed subset sum", "absolute") * Fraction(2) ** problem.exponent
    if not problem.count or not (share or beside):
        return np.zeros(problem.items.shape, dtype=np.int64)
    # one denominator; products leave 64 bits, so Python integers
    whole = share.denominator * beside.denominator
    one_row = len(problem.items) == 1 and len(problem.usable) > 1
    open_ = problem.usable.any(axis=0, keepdims=True) if one_row else problem.usable
    sizes = np.where(open_, np.abs(problem.items), 0).astype(object)
    slack = (sizes * (share.numerator * beside.denominator) + beside.numerator * share.denominator) // whole * open_
    _require_room(problem, slack)
    return np.asarray(slack, dtype=np.int64)


def _require_room(problem: Problem, slack: np.ndarray) -> None:
    """LatticeError unless no sum of moved items can leave 64 bits; ``slack`` int64 or Python integers."""
    one_row = len(problem.items) == 1 and len(problem.usable) > 1
    open_ = problem.usable.any(axis=0, keepdims=True) if one_row else problem.usable
    sizes = np.where(open_, np.abs(problem.items), 0).astype(object)
    reach = np.broadcast_to((sizes + 2 * slack).sum(axis=1), (problem.count,)) + np.abs(problem.targets).astype(object)
    if problem.count and problem.n and reach.max() > LARGEST:
        raise LatticeError(
            f"perturbed subset sum: the sum of |items| plus twice their slacks plus |target| must stay below 2**63 on "
            f"lattice 2**-{problem.exponent}, so that no sum overflows; use a coarser lattice or smaller slacks"
        )


def _moves(gap: Int64Array, slack: Int64Array) -> Int64Array:
    """Shares out min(|gap|, sum of slacks) against the gap, (N, n): each item the step of the rounded total."""
    so_far = np.cumsum(slack, axis=1)
    total = slack.sum(axis=1)
    shift = np.minimum(np.abs(gap), total)
    rows = np.flatnonzero(shift > 0)
    moves = np.zeros(slack.shape, dtype=np.int64)
    if rows.size:
        # products of two 63-bit numbers
        parts = so_far[rows].astype(object) * shift[rows, None].astype(object) // total[rows, None].astype(object)
        steps = np.diff(np.asarray(parts, dtype=np.int64), axis=1, prepend=0)
        moves[rows] = np.where(gap[rows] > 0, -1, 1)[:, None] * steps
    return moves


@lru_cache(maxsize=1)
def _starts() -> Int64Array:
    """starts[m, k]: how many subsets of m items have fewer than k: where those of k begin in a list by size."""
    most = (LIMIT + 1) // 2
    table = [[sum(comb(m, i) for i in range(k)) for k in range(most + 2)] for m in range(most + 1)]
    return np.array(table, dtype=np.int64)


@nb.njit(cache=True)
def _by_size(values, m, starts, out, spare):  # type: ignore[no-untyped-def]
    """Fills ``out`` with the sums of all subsets of values[:m], by number of items, sorted within each number."""
    now, new = (out, spare) if m % 2 == 0 else (spare, out)
    now[0] = 0
    for j in range(m):
        x = values[j]
        for k in range(j + 2):
            # without item j: k of the j before; with it: k - 1 of them
            a, a_end = starts[j, k], starts[j, k + 1]
            b, b_end = (starts[j, k - 1], starts[j, k]) if k else (0, 0)
            at = starts[j + 1, k]
            while a < a_end and b < b_end:
                with_ = now[b] + x
                if now[a] <= with_:
                    new[at] = now[a]
                    a += 1
                else:
                    new[at] = with_
                    b += 1
                at += 1
            while a < a_end:
                new[at] = now[a]
                a += 1
                at += 1
            while b < b_end:
                new[at] = now[b] + x
                b += 1
                at += 1
        now, new = new, now


@nb.njit(cache=True)
def _by_mask(values, m, out):  # type: ignore[no-untyped-def]
    out[0] = 0
    for j in range(m):
        for mask in range(1 << j):
            out[1 << j | mask] = out[mask] + values[j]


@nb.njit(cache=True)
def _walk(left, right, limit, strict):  # type: ignore[no-untyped-def]
    """Over all pairs of two sorted lists: how many sums are at most ``limit`` (below, if strict), and what is nearest.

    (count, the smallest limit - sum of those, the smallest sum - limit of the others), 2**63 - 1 where there is none.
    """
    least = np.int64(0 if strict else 1)
    pairs, below, above = 0, _LARGEST, _LARGEST
    j = len(right)
    for i in range(len(left)):
        start = left[i] - limit
        while j > 0 and start + right[j - 1] >= least:
            j -= 1
        pairs += j
        if j:
            below = min(below, -(start + right[j - 1]))
        if j < len(right):
            above = min(above, start + right[j])
    return pairs, below, above


@nb.njit(cache=True)
def _at_most(values, limit, strict):  # type: ignore[no-untyped-def]
    """How many of the sorted values are at most ``limit``; below, if strict."""
    first, last = 0, len(values)
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < limit or (values[middle] == limit and not strict):
            first = middle + 1
        else:
            last = middle
    return first


@nb.njit(cache=True)
def _size(mask):  # type: ignore[no-untyped-def]
    size = 0
    while mask:
        mask &= mask - 1
        size += 1
    return size


@nb.njit(cache=True)
def _search(low, high, m, target, starts, space):  # type: ignore[no-untyped-def]
    """The best mask over m items that cover [low, high] each, for a target that all of them reach."""
    p = m // 2  # items of the left half, the low bits
    q = m - p
    left_low, left_high, right_low, right_high = space[0], space[1], space[2], space[3]
    _by_size(low, p, starts, left_low, space[4])
    _by_size(high, p, starts, left_high, space[4])
    _by_size(low[p:], q, starts, right_low, space[4])
    _by_size(high[p:], q, starts, right_high, space[4])
    distance, size = _LARGEST, 0
    for k in range(m + 1):
        hits, nearest = 0, _LARGEST
        for i in range(max(0, k - q), min(k, p) + 1):
            a, a_end, b, b_end = starts[p, i], starts[p, i + 1], starts[q, k - i], starts[q, k - i + 1]
            from_left, _, above = _walk(left_low[a:a_end], right_low[b:b_end], target, False)
            missing, below, _ = _walk(left_high[a:a_end], right_high[b:b_end], target, True)
            hits += from_left - missing
            nearest = min(nearest, above, below)
        if hits:
            distance, size = np.int64(0), k
            break
        if nearest < distance:
            distance, size = nearest, k
    # of that many items: the smallest mask that covers a value within the distance. No overflow: the distance is at
    # most |target|, that of the empty sum, and one side reaches the target, so 2 |target| and the other side's sum fit
    most, least = target + distance, target - distance
    left_lows, left_highs, right_lows, right_highs = space[5], space[6], space[7], space[8]
    _by_mask(low, p, left_lows)
    _by_mask(high, p, left_highs)
    _by_mask(low[p:], q, right_lows)
    _by_mask(high[p:], q, right_highs)
    for right in range(1 << q):
        i = size - _size(right)
        if i < 0 or i > p:
            continue
        a, a_end = starts[p, i], starts[p, i + 1]
        highest, lowest = most - right_lows[right], least - right_highs[right]
        if _at_most(left_low[a:a_end], highest, False) > _at_most(left_high[a:a_end], lowest, True):
            for left in range(1 << p):
                if _size(left) == i and left_lows[left] <= highest and left_highs[left] >= lowest:
                    return left | right << p
    return 0


@nb.njit(cache=True, nogil=True)
def _chunk(first, last, low, high, targets, usable, starts, capacity, mask, status):  # type: ignore[no-untyped-def]
    n = low.shape[1]
    lows, highs, where = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    space = np.empty((9, capacity), dtype=np.int64)
    refused = 0
    for i in range(first, last):
        row, open_ = i if len(low) > 1 else 0, usable[i if len(usable) > 1 else 0]
        m, top, bottom, target = 0, np.int64(0), np.int64(0), targets[i]
        for p in range(n):
            if open_[p]:
                lows[m], highs[m], where[m] = low[row, p], high[row, p], p
                top += max(highs[m], 0)
                bottom += min(lows[m], 0)
                m += 1
        if target > top or target < bottom:
            for k in range(m):
                mask[i, where[k]] = highs[k] > 0 if target > top else lows[k] < 0
            status[i] = _BEYOND if m else _NONE
        elif m > LIMIT:
            refused += 1
        else:
            best = _search(lows, highs, m, target, starts, space)
            for k in range(m):
                if best >> k & 1:
                    mask[i, where[k]] = True
            status[i] = _OPTIMAL if m else _NONE
    return refused


@nb.njit(parallel=True, cache=True, nogil=True)
def _all(low, high, targets, usable, starts, capacity, chunks, mask, status):  # type: ignore[no-untyped-def]
    count = len(targets)
    refused = 0
    for c in nb.prange(chunks):
        first, last = c * count // chunks, (c + 1) * count // chunks
        refused += _chunk(first, last, low, high, targets, usable, starts, capacity, mask, status)
    return refused
