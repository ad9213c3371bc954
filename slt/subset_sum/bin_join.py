"""Bin join: the fast way to the exact optimum for 12 to 32 items, with a proof in every answer.

The sums of the first items mark the bins of a table; what the other items leave of the target looks itself up in it.
Every pair of the two whose sum comes within half a bin of the target meets in a marked bin. Those that meet are summed
again exactly, in int64; if the nearest lies within half a bin (rounding included), no other can be nearer, and all
that are as near have been seen: a proof. What is not proved after three widths is left to ``meet_in_the_middle``.

The width of a bin comes from the instance: near the target the sums lie like random points of a density that the
normal approximation names, and a bin is made to hold a few. That guess decides how long it takes, never the answer.

Sums in the table are 32-bit numbers that wrap around on purpose: the units are chosen so that the bins, each of one
width, fill the circle of 2**32. Sums a whole turn apart share a bin; that costs an exact sum and nothing else.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from slt.subset_sum.problem import BoolArray, Int64Array, Problem

FEWEST, MOST = 12, 32
# measured: sums within half a bin that an instance may expect, and bins a marking sum (as a power of two)
_EXPECTED = 3.0
_ROOM = 6
# 16-bit entries hold two marks of 2**14 sums; 2**19 of them, 1 MiB, stay in the cache of one core
_MOST_MARKING, _MOST_BINS = 14, 19
_FEW = 2**14  # sums that one thread has made before a second is awake
_BLOCK = 12  # the other sums come in blocks of 2**12, for the same reason


def bin_join(problem: Problem, mask: BoolArray, residual: Int64Array) -> BoolArray:
    """Fills the rows of ``mask`` (N, n) and ``residual`` (N,) whose optimum it proves, and says which, (N,) bool.

    Other rows are left as they are: fewer than 12 or more than 32 usable items, targets out of reach, many ties.
    """
    count = problem.count
    proved = np.zeros(count, dtype=np.bool_)
    if count << min(problem.n // 2, 30) < _FEW:
        _join_rows(problem.items, problem.targets, problem.usable, 0, count, mask, residual, proved)
    else:
        chunks = min(count, max(8 * nb.get_num_threads(), count // 256))
        _join(problem.items, problem.targets, problem.usable, chunks, mask, residual, proved)
    return proved


@nb.njit(cache=True)
def _sums(items, first, last, start, out):  # type: ignore[no-untyped-def]
    """start plus all sums of items[first:last]; bit k of the position says that item first + k is in."""
    out[0] = start
    size = 1
    for k in range(first, last):
        x = items[k]
        for j in range(size):
            out[size + j] = out[j] + x
        size *= 2


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
def _marked(table, values, size, offset, shift, base, hits):  # type: ignore[no-untyped-def]
    """Positions of those values[:size] + offset whose bin is marked, into ``hits``; how many."""
    found = 0
    for j in range(size):
        hits[found] = j
        found += table[np.uint32(values[j] + offset) >> shift] >= base
    return found


@nb.njit(cache=True)
def _size(x):  # type: ignore[no-untyped-def]
    """How many bits are set."""
    x = np.uint64(x)
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@nb.njit(cache=True)
def _quarters(items, cuts, target, sums):  # type: ignore[no-untyped-def]
    """Exact sums of four runs of items, less the target: any of all 2**m sums is one of each."""
    _sums(items, 0, cuts[1], -target, sums[0])
    for q in range(1, 4):
        _sums(items, cuts[q], cuts[q + 1], np.int64(0), sums[q])


@nb.njit(cache=True)
def _residual(sums, cuts, mask):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for q in range(4):
        total += sums[q, (mask >> cuts[q]) & ((1 << (cuts[q + 1] - cuts[q])) - 1)]
    return total


@nb.njit(cache=True)
def _round(items, first, last, cut, sign, out):  # type: ignore[no-untyped-def]
    """Items in units of 2**cut, rounded down; 32 bits of them."""
    for k in range(first, last):
        out[k] = sign * (items[k] >> cut if cut > 0 else items[k] << -cut)


@nb.njit(cache=True)
def _nearest(sums, cuts, pairs, listed, distance):  # type: ignore[no-untyped-def]
    """(distance, mask) of the best of the listed masks, by the rule for ties."""
    best = np.int64(2**63 - 1)
    for c in range(listed):
        distance[c] = abs(_residual(sums, cuts, pairs[c]))
        best = min(best, distance[c])
    chosen, fewest = np.int64(0), 64
    for c in range(listed):
        if distance[c] == best:
            size = _size(pairs[c])
            if size < fewest or (size == fewest and pairs[c] < chosen):
                chosen, fewest = pairs[c], size
    return best, chosen


@nb.njit(cache=True)
def _join_rows(items, targets, usable, first, last, mask, residual, proved):  # type: ignore[no-untyped-def]
    n = mask.shape[1]
    here = np.empty(n, dtype=np.int64)
    where = np.empty(n, dtype=np.int64)
    cuts = np.empty(5, dtype=np.int64)
    exact = np.empty((4, 1 << 10), dtype=np.int64)
    rough = np.empty(MOST, dtype=np.int32)
    low = np.empty(8, dtype=np.int32)
    high = np.empty(1 << _BLOCK, dtype=np.int32)
    offsets = np.empty(1 << (MOST - _MOST_MARKING - _BLOCK), dtype=np.int32)
    hits = np.empty((1 << _BLOCK) + 1, dtype=np.int32)
    link = np.empty(16, dtype=np.uint16)
    table = np.zeros(8, dtype=np.uint16)
    pairs = np.empty(8, dtype=np.int64)
    distance = np.empty(8, dtype=np.int64)
    free = 1  # entries from here on have not been used since the table was empty
    for i in range(first, last):
        row = items[i if items.shape[0] > 1 else 0]
        open_ = usable[i if usable.shape[0] > 1 else 0]
        m = 0
        top, bottom, square = np.int64(0), np.int64(0), 0.0
        for p in range(n):
            x = row[p] if open_[p] else np.int64(0)
            here[m] = x
            where[m] = p
            m += open_[p]
            top += max(x, 0)
            bottom += min(x, 0)
            square += float(x) * float(x)
        target = targets[i]
        if m < FEWEST or m > MOST or target > top or target < bottom or square == 0:
            continue
        # measured: half the items less one mark, the others look up
        half = min(m // 2 - 1, _MOST_MARKING)
        bins = min(half + _ROOM, _MOST_BINS)
        block = min(m - half, _BLOCK)
        shift = np.uint32(32 - bins)
        half_width = np.int64(1) << (31 - bins)
        lows = 1 << half
        most = 256 + (1 << (m - bins + 3))
        if low.shape[0] < lows:
            low = np.empty(lows, dtype=np.int32)
            link = np.empty(2 * lows, dtype=np.uint16)
        if table.shape[0] < 1 << bins:
            table = np.zeros(1 << bins, dtype=np.uint16)
            free = 1
        if pairs.shape[0] < most:
            pairs = np.empty(most, dtype=np.int64)
            distance = np.empty(most, dtype=np.int64)
        cuts[0], cuts[1], cuts[2], cuts[3], cuts[4] = 0, half // 2, half, half + (m - half) // 2, m
        _quarters(here, cuts, target, exact)
        away = float(target) - (float(top) + float(bottom)) / 2
        density = 2.0**m * math.exp(-2 * away * away / square) / math.sqrt(math.pi / 2 * square)
        wanted = _EXPECTED / max(density, 1e-300)
        for _ in range(3):
            # at least 4, so that distance 0 can be proved on the lattice itself
            wanted = max(min(wanted, float(top) - float(bottom) + 1), 4.0)
            cut = math.frexp(wanted)[1] - (32 - bins)
            _round(here, 0, half, cut, 1, rough)
            _round(here, half, m, cut, -1, rough)
            _sums(rough, 0, half, np.int32(0), low)
            goal = target >> cut if cut > 0 else target << -cut
            _sums(rough, half, half + block, np.int32(goal), high)
            _sums(rough, half + block, m, np.int32(0), offsets)
            base = free
            if base + 2 * lows > 1 << 16:
                table[:] = 0
                base = 1
            free = base + 2 * lows
            _mark(table, link, low, lows, half_width, shift, base)
            listed = 0
            for o in range(1 << (m - half - block)):
                found = _marked(table, high, 1 << block, offsets[o], shift, np.uint16(base), hits)
                for a in range(found):
                    entry = table[np.uint32(high[hits[a]] + offsets[o]) >> shift]
                    others = ((np.int64(o) << block) | np.int64(hits[a])) << half
                    while entry >= base and listed < most:
                        pairs[listed] = others | ((np.int64(entry) - base) >> 1)
                        listed += 1
                        entry = link[entry - base]
            if listed == most:
                break
            if listed:
                best, chosen = _nearest(exact, cuts, pairs, listed, distance)
                # rounding moves a difference by less than m units
                seen = half_width - m - 1 if cut > 0 else half_width >> -cut
                if best >> max(cut, 0) <= seen:
                    for k in range(m):
                        mask[i, where[k]] = chosen >> k & 1
                    residual[i] = _residual(exact, cuts, chosen)
                    proved[i] = True
                    break
            wanted *= 8


@nb.njit(parallel=True, cache=True, nogil=True)
def _join(items, targets, usable, chunks, mask, residual, proved):  # type: ignore[no-untyped-def]
    count = len(targets)
    for chunk in nb.prange(chunks):
        first, last = chunk * count // chunks, (chunk + 1) * count // chunks
        _join_rows(items, targets, usable, first, last, mask, residual, proved)
