"""Slices of the axis of values, compiled: the inside of ``schroeppel_shamir``, which says why it is right."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np

from slt.subset_sum.problem import Int64Array

_BITS = 20
TABLE = 1 << _BITS  # bytes, one a bin: half of a core's second-level cache
KEPT = 2**17  # sums of a side that may be left in a slice to be sorted; at least 2**(LIMIT / 4)
_MOST = TABLE // 2 * KEPT  # product of the sums of both sides in a slice: half of KEPT survive the first turn
_LONGEST = 2**24  # sums of one side in a slice
PIECE = 2**25  # sums looked at, about, in one uninterruptible call: a tenth of a second


class Side(NamedTuple):
    """Sorted distinct sums of two quarters, with the masks of the smallest keys."""

    first: Int64Array
    second: Int64Array
    first_masks: np.ndarray
    second_masks: np.ndarray


@nb.njit(cache=True, nogil=True)
def sums_below(a, b, value):  # type: ignore[no-untyped-def]
    at_a, at_b = np.empty(len(a.first), dtype=np.int32), np.empty(len(b.first), dtype=np.int32)
    return _locate(a, value, at_a)[0] + _locate(b, value, at_b)[0]


@nb.njit(cache=True, nogil=True)
def _locate(side, value, at):  # type: ignore[no-untyped-def]
    """at[i]: how many sums of the second quarter stay below ``value`` when first[i] is added.

    Returns how many sums of the side are below ``value``, the last of them, and the first that is not; these two are
    undefined where there is none.
    """
    first, second = side.first, side.second
    n = len(second)
    below, above = np.int64(-(2**63)), np.int64(2**63 - 1)
    count = 0
    j = n
    for i in range(len(first)):
        x = first[i]
        while j > 0 and x + second[j - 1] >= value:
            j -= 1
        at[i] = j
        count += j
        if j > 0:
            below = max(below, x + second[j - 1])
        if j < n:
            above = min(above, x + second[j])
    return count, below, above


@nb.njit(cache=True)
def _size(mask):  # type: ignore[no-untyped-def]
    size = 0
    while mask:
        mask &= mask - np.uint64(1)
        size += 1
    return size


@nb.njit(cache=True)
def _smaller(mask, other):  # type: ignore[no-untyped-def]
    """Whether the key of ``mask`` is the smaller one."""
    size, other_size = _size(mask), _size(other)
    return size < other_size or (size == other_size and mask < other)


@nb.njit(cache=True)
def _mask_of(side, value):  # type: ignore[no-untyped-def]
    """The mask of the smallest key among the pairs of a side that sum to ``value``, of which there is one."""
    first, second = side.first, side.second
    found = False
    best = np.uint64(0)
    j = len(second) - 1
    for i in range(len(first)):
        while j >= 0 and first[i] + second[j] > value:
            j -= 1
        if j >= 0 and first[i] + second[j] == value:
            mask = side.first_masks[i] | side.second_masks[j]
            if not found or _smaller(mask, best):
                found, best = True, mask
    return best


@nb.njit(cache=True)
def _neighbours(low, cut_low, high, cut_high, error, mask):  # type: ignore[no-untyped-def]
    """The pair around a cut: the last sum of side ``low`` before it, the first of side ``high`` from it on."""
    distance = cut_high[2] - cut_low[1]
    if cut_low[0] > 0 and cut_high[0] < len(high.first) * len(high.second) and distance <= error:
        other = _mask_of(low, cut_low[1]) | _mask_of(high, cut_high[2])
        if distance < error or _smaller(other, mask):
            return distance, other
    return error, mask


@nb.njit(cache=True)
def _at_cut(a, cut_a, b, cut_b, error, mask):  # type: ignore[no-untyped-def]
    """(error, mask), the best so far, after a look at the pairs around a cut."""
    error, mask = _neighbours(a, cut_a, b, cut_b, error, mask)
    return _neighbours(b, cut_b, a, cut_a, error, mask)


@nb.njit(cache=True)
def _bin(d, shift, factor, fold):  # type: ignore[no-untyped-def]
    """Bins are 2**shift wide; factor 1 and fold 0 leave them in order, others scatter them over a smaller table."""
    return (np.uint64(d >> shift) * factor) >> fold


@nb.njit(cache=True)
def _mark(side, low, high, origin, table, shift):  # type: ignore[no-untyped-def]
    """Marks the bins, in order, of all sums of a side within a slice, which begins at ``origin``."""
    first, second = side.first, side.second
    for i in range(len(first)):
        x = first[i] - origin
        for j in range(low[i], high[i]):
            table[(x + second[j]) >> shift] = 1


@nb.njit(cache=True)
def _keep(side, low, high, origin, last, error, table, shift, factor, fold, values, pairs):  # type: ignore[no-untyped-def]
    """Lists a side's sums in a slice whose bin, ``error`` more or less, is marked; -1 if there are too many."""
    first, second = side.first, side.second
    k = 0
    for i in range(len(first)):
        if k + high[i] - low[i] > len(values):
            return -1
        x = first[i] - origin
        for j in range(low[i], high[i]):
            d = x + second[j]
            values[k] = d
            pairs[k] = (i << 16) | j
            k += (
                table[_bin(max(d - error, 0), shift, factor, fold)]
                | table[_bin(min(d + error, last), shift, factor, fold)]
            )
    return k


@nb.njit(cache=True)
def _list(side, low, high, origin, values, pairs):  # type: ignore[no-untyped-def]
    """Lists all sums of a side in a slice."""
    k = 0
    for i in range(len(side.first)):
        for j in range(low[i], high[i]):
            values[k] = side.first[i] - origin + side.second[j]
            pairs[k] = (i << 16) | j
            k += 1
    return k


@nb.njit(cache=True)
def _keep_listed(values, pairs, count, others, other_count, last, error, table, shift, factor):  # type: ignore[no-untyped-def]
    """Of values[:count] keeps those that are near one of others[:other_count] for all that scattered bins tell."""
    bits = 10
    while bits < _BITS and (1 << bits) < 16 * other_count:
        bits += 1
    fold = np.uint64(64 - bits)
    table[: 1 << bits] = 0
    for k in range(other_count):
        table[_bin(others[k], shift, factor, fold)] = 1
    kept = 0
    for k in range(count):
        d = values[k]
        values[kept], pairs[kept] = d, pairs[k]
        kept += (
            table[_bin(max(d - error, 0), shift, factor, fold)] | table[_bin(min(d + error, last), shift, factor, fold)]
        )
    return kept


@nb.njit(cache=True)
def _sort(values, pairs, count, last, spare_values, spare_pairs):  # type: ignore[no-untyped-def]
    """Sorts values[:count], all in 0 .. last, and the pairs with them; by digits of 11 bits."""
    starts = np.empty(2048, dtype=np.int64)
    shift = 0
    while shift < 63 and (last >> shift) > 0:
        starts[:] = 0
        for k in range(count):
            starts[(values[k] >> shift) & 2047] += 1
        total = 0
        for d in range(2048):
            here = starts[d]
            starts[d] = total
            total += here
        for k in range(count):
            d = (values[k] >> shift) & 2047
            spare_values[starts[d]], spare_pairs[starts[d]] = values[k], pairs[k]
            starts[d] += 1
        values[:count] = spare_values[:count]
        pairs[:count] = spare_pairs[:count]
        shift += 11


@nb.njit(cache=True)
def _run(side, values, pairs, count, k):  # type: ignore[no-untyped-def]
    """The mask of the smallest key among the sums equal to values[k], the first of them."""
    value = values[k]
    best = side.first_masks[pairs[k] >> 16] | side.second_masks[pairs[k] & 65535]
    k += 1
    while k < count and values[k] == value:
        mask = side.first_masks[pairs[k] >> 16] | side.second_masks[pairs[k] & 65535]
        if _smaller(mask, best):
            best = mask
        k += 1
    return best


@nb.njit(cache=True)
def _compare(a, va, pa, ka, b, vb, pb, kb, error, mask):  # type: ignore[no-untyped-def]
    """Walks the sorted lists of both sides: every nearest pair of values lies on the walk."""
    i, j = 0, 0
    while i < ka and j < kb:
        difference = va[i] - vb[j]
        distance = abs(difference)
        if distance <= error:
            other = _run(a, va, pa, ka, i) | _run(b, vb, pb, kb, j)
            if distance < error or _smaller(other, mask):
                error, mask = distance, other
        value = min(va[i], vb[j])
        while i < ka and va[i] == value:
            i += 1
        while j < kb and vb[j] == value:
            j += 1
    return error, mask


@nb.njit(cache=True)
def _near(few, low_few, high_few, sums_few, many, low_many, high_many, sums_many, origin, width, error, room):  # type: ignore[no-untyped-def]
    """Lists of each side's sums in a slice what may come within ``error`` of the other's; (-1, 0) if that is too much.

    ``room``: the table, values (3, kept) and pairs (3, kept), rows 0 and 1 of which are filled with what is found of
    ``few``, the side with fewer sums there, and of ``many``. Returns how many each.
    """
    table, values, pairs = room
    last = width - 1
    va, vb, pa, pb = values[0], values[1], pairs[0], pairs[1]
    if sums_many <= 64 or error >= width >> 6:
        if sums_many > len(va):
            return -1, 0
        return _list(few, low_few, high_few, origin, va, pa), _list(many, low_many, high_many, origin, vb, pb)
    # a bin is wider than the stretch asked for, which so touches two bins at most
    fine = 0
    while (1 << fine) <= 2 * error:
        fine += 1
    bins = 1024
    while bins < TABLE and bins < 4 * sums_few:
        bins *= 2
    coarse = fine
    while (last >> coarse) >= bins:
        coarse += 1
    table[: (last >> coarse) + 1] = 0
    _mark(few, low_few, high_few, origin, table, coarse)
    in_order, unfolded = np.uint64(1), np.uint64(0)
    kb = _keep(many, low_many, high_many, origin, last, error, table, coarse, in_order, unfolded, vb, pb)
    if kb < 0:
        return -1, 0
    factor, fold = np.uint64(0x9E3779B97F4A7C15), np.uint64(64 - _BITS)
    table[:] = 0
    for k in range(kb):
        table[_bin(vb[k], fine, factor, fold)] = 1
    ka = _keep(few, low_few, high_few, origin, last, error, table, fine, factor, fold, va, pa)
    if ka < 0:
        return -1, 0
    while ka > 64 or kb > 64:
        before = ka + kb
        factor *= np.uint64(0xD1342543DE82EF95)  # odd: other bins fall together
        kb = _keep_listed(vb, pb, kb, va, ka, last, error, table, fine, factor)
        ka = _keep_listed(va, pa, ka, vb, kb, last, error, table, fine, factor)
        if 2 * (ka + kb) > before:
            break
    return ka, kb


@nb.njit(cache=True)
def _slice(few, low_few, high_few, sums_few, many, low_many, high_many, sums_many, origin, width, error, mask, room):  # type: ignore[no-untyped-def]
    """The best pair in a slice: (how many sums were sorted, -1 if there were too many; error, mask)."""
    ka, kb = _near(
        few, low_few, high_few, sums_few, many, low_many, high_many, sums_many, origin, width, error, room
    )  # fmt: skip
    if ka < 0:
        return -1, error, mask
    _, values, pairs = room
    _sort(values[0], pairs[0], ka, width - 1, values[2], pairs[2])
    _sort(values[1], pairs[1], kb, width - 1, values[2], pairs[2])
    error, mask = _compare(few, values[0], pairs[0], ka, many, values[1], pairs[1], kb, error, mask)
    return ka + kb, error, mask


@nb.njit(cache=True, nogil=True)
def sweep(a, b, position, end, step, error, mask):  # type: ignore[no-untyped-def]
    """Searches slices from ``position`` on until ``end`` or the work of a piece is done.

    ``step``: how wide a slice to try. Returns (position reached, step, error, mask), the best so far.
    """
    room = (np.empty(TABLE, np.uint8), np.empty((3, KEPT), np.int64), np.empty((3, KEPT), np.uint32))
    at_a, at_b = np.empty((2, len(a.first)), dtype=np.int32), np.empty((2, len(b.first)), dtype=np.int32)
    quarters = len(a.first) + len(a.second) + len(b.first) + len(b.second)
    most = float(_MOST)
    here, work = 0, 0
    cut_a, cut_b = _locate(a, position, at_a[0]), _locate(b, position, at_b[0])
    error, mask = _at_cut(a, cut_a, b, cut_b, error, mask)
    while position < end and work < PIECE:
        if cut_a[0] == len(a.first) * len(a.second) or cut_b[0] == len(b.first) * len(b.second):
            return end, step, error, mask
        # up to the first sum of the side that comes later there is nothing to pair
        start = max(cut_a[2], cut_b[2])
        empty = start - position >= step
        until = min(start, end) if empty else position + min(step, end - position)
        width = until - position
        there = 1 - here
        next_a, next_b = _locate(a, until, at_a[there]), _locate(b, until, at_b[there])
        work += 2 * quarters
        sums_a, sums_b = next_a[0] - cut_a[0], next_b[0] - cut_b[0]
        product = 0.0 if empty else float(sums_a) * float(sums_b)
        if width > 1 and (product > most or (product > 0 and max(sums_a, sums_b) > _LONGEST)):
            step = max(np.int64(width * max(0.05, min(0.7, np.sqrt(0.7 * most / product)))), 1)
            continue
        if product > 0:
            work += sums_a + sums_b
            if sums_a <= sums_b:
                sorted_, error, mask = _slice(
                    a, at_a[here], at_a[there], sums_a, b, at_b[here], at_b[there], sums_b,
                    position, width, error, mask, room,
                )  # fmt: skip
            else:
                sorted_, error, mask = _slice(
                    b, at_b[here], at_b[there], sums_b, a, at_a[here], at_a[there], sums_a,
                    position, width, error, mask, room,
                )  # fmt: skip
            if sorted_ < 0:
                step = width // 2
                most = product / 4
                continue
            work += 16 * sorted_
        if not empty:
            growth = 2.0 if product == 0 else min(2.0, np.sqrt(0.7 * most / product))
            step = max(np.int64(min(width * growth, 2.0**61)), 1)
        error, mask = _at_cut(a, next_a, b, next_b, error, mask)
        position, here, cut_a, cut_b = until, there, next_a, next_b
    return position, step, error, mask
