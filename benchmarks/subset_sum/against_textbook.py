"""Exact subset sums against the textbook: two sorted lists and two pointers (Horowitz and Sahni 1974), compiled, on all
cores; in pairs, n = 12 .. 32. And the first sum within a tolerance against the exact optimum."""

from __future__ import annotations

import time

import numba as nb
import numpy as np

from slt.subset_sum import Problem, solve
from slt.subset_sum.first_within import first_within
from slt.subset_sum.optimum import optimum
from slt.weights import Key, Uniform

SIZES = (12, 14, 16, 20, 24, 28, 32)
LATTICE, ROUNDS = 52, 7


@nb.njit(cache=True)
def _list(items, first, last, sums, masks, new_sums, new_masks):  # type: ignore[no-untyped-def]
    """All sums of items[first:last] in order, by merging the list with itself shifted, item by item."""
    sums[0], masks[0], count = 0, 0, 1
    for k in range(first, last):
        x, bit = items[k], 1 << (k - first)
        i, j = 0, 0
        for t in range(2 * count):
            if j >= count or (i < count and sums[i] <= sums[j] + x):
                new_sums[t], new_masks[t] = sums[i], masks[i]
                i += 1
            else:
                new_sums[t], new_masks[t] = sums[j] + x, masks[j] | bit
                j += 1
        count *= 2
        for t in range(count):
            sums[t], masks[t] = new_sums[t], new_masks[t]
    return count


@nb.njit(cache=True)
def _rows(items, targets, first, last, mask, residual):  # type: ignore[no-untyped-def]
    n = items.shape[1]
    half = n // 2
    lists = np.empty((6, 1 << (n - half)), dtype=np.int64)
    for r in range(first, last):
        left = _list(items[r], 0, half, lists[0], lists[1], lists[4], lists[5])
        right = _list(items[r], half, n, lists[2], lists[3], lists[4], lists[5])
        i, j = 0, right - 1
        best = np.int64(2**62)
        while i < left and j >= 0:
            off = lists[0, i] + lists[2, j] - targets[r]
            if abs(off) < best:
                best = abs(off)
                mask[r] = lists[1, i] | lists[3, j] << half
                residual[r] = off
            if off < 0:
                i += 1
            elif off > 0:
                j -= 1
            else:
                break


@nb.njit(parallel=True, cache=True)
def _textbook(items, targets, chunks, mask, residual):  # type: ignore[no-untyped-def]
    count = len(targets)
    for chunk in nb.prange(chunks):
        _rows(items, targets, chunk * count // chunks, (chunk + 1) * count // chunks, mask, residual)


def textbook(items: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(masks as integers (N,), residuals (N,)); items need not all be positive."""
    mask, residual = np.zeros(len(targets), dtype=np.int64), np.zeros(len(targets), dtype=np.int64)
    _textbook(items, targets, min(len(targets), 8 * nb.get_num_threads()), mask, residual)
    return mask, residual


def draws(count: int, n: int) -> Problem:
    law, key = Uniform(LATTICE), Key(0) / "benchmark"
    items = law.draw(key / "items", (1, count, n))[0]
    return Problem.of(items, law.draw(key / "targets", (1, 1, count))[0, 0], lattice=LATTICE)


def run() -> list[str]:
    lines = []
    for n in SIZES:
        problem = draws(max(50, min(50_000, 2 ** (25 - n // 2))), n)
        optimum(problem), textbook(problem.items[:8], problem.targets[:8])
        times = np.empty((ROUNDS, 2))
        for k in range(ROUNDS):
            start = time.perf_counter()
            residual = textbook(problem.items, problem.targets)[1]
            middle = time.perf_counter()
            result = optimum(problem)
            times[k] = middle - start, time.perf_counter() - middle
        assert np.array_equal(np.abs(residual), np.abs(result.residual_lattice))
        lines.append(_line(f"exact n = {n}: ", "the textbook's", times / problem.count))
    lines.append(_single_calls())
    problem = draws(50_000, 20)
    for bits in (4, 8, 12):
        tolerance = np.full(problem.count, 2 ** (LATTICE - bits))
        first_within(problem, tolerance)
        times = np.empty((ROUNDS, 2))
        for k in range(ROUNDS):
            start = time.perf_counter()
            optimum(problem)
            middle = time.perf_counter()
            first_within(problem, tolerance)
            times[k] = middle - start, time.perf_counter() - middle
        lines.append(_line(f"n = 20, tolerance 2**-{bits}: ", "the exact optimum's", times / problem.count))
    return lines


def _single_calls() -> str:
    """What one ``solve`` costs in a loop, where nearly all of it is the call."""
    rows = []
    for n in (10, 20, 24):
        problem = draws(200, n)
        times = []
        for k in range(200):
            items, target = problem.items[k : k + 1], problem.targets[k : k + 1]
            start = time.perf_counter()
            solve(items, target)
            times.append(time.perf_counter() - start)
        rows.append(f"n = {n}: {np.median(times) * 1e6:.0f} us")
    return "a single call of solve, median of 200 in a row: " + ", ".join(rows)


def _line(what: str, other: str, times: np.ndarray) -> str:
    ratio = times[:, 0] / times[:, 1]
    best = times.min(axis=0) * 1e6
    return (
        f"{what}{np.median(ratio):.1f} times as fast as {other} (median of {ROUNDS} pairs; {ratio.min():.1f} to "
        f"{ratio.max():.1f}); at best {best[1]:.3g} us an instance against {best[0]:.3g}, "
        f"{nb.get_num_threads()} threads"
    )
