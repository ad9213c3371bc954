"""The chance that no sum of a group misses, and the two ways to solve it: for the width and for the error.

Shared by the laws of networks, of replicated rows and of single matches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slt.errors import LimitError
from slt.laws.sum_laws import SumLaw
from slt.laws.unit_counts import Counts, UnitCounts

Array = NDArray[np.float64]
_GRID: Final = 160
_ENTRIES_AT_ONCE: Final = 1 << 21


def log_no_miss(
    error: float, width: int, sizes: Array, branches: int, units: UnitCounts, sums: SumLaw, cap: int, copies: int = 1
) -> float:
    """ln P(no sum misses `error`) of |weights| `sizes` (outputs, coordinates), each posed `copies` times:
    sum over coordinates of ln E_n prod over outputs (1 - miss)^copies, n the shared counts of units."""
    grid, cells = binned(sizes.T, error)
    total = 0.0
    for counts, chances in units.usable(width, branches):
        first, miss = miss_table(error, counts, grid, units, sums, cap)
        log_hit = copies * np.log(np.maximum(1 - miss, 1e-300)) @ cells.T
        log_chances = np.log(chances)[:, None]
        step = max(1, _ENTRIES_AT_ONCE // counts.size)
        for start in range(0, log_hit.shape[1], step):
            log_terms = log_hit[counts - first, start : start + step].sum(axis=1) + log_chances
            top = log_terms.max(axis=0)
            total += float(np.sum(top + np.log(np.exp(log_terms - top).sum(axis=0))))
    return min(total, 0.0)


def miss_table(
    error: float, counts: Counts, targets: Array, units: UnitCounts, sums: SumLaw, cap: int
) -> tuple[int, Array]:
    """(f, table (N, T)): P(miss) of `targets` (T,) with n = f, f + 1 .. units shared, for all n in `counts`; at most
    `cap` items are used."""
    first, last = int(counts.min()), int(counts.max())
    if units.second < 1.0:
        first = 0
    different, place = np.unique(np.minimum(np.arange(first, last + 1), cap), return_inverse=True)
    miss = sums.miss_probability(error, different[:, None], targets)[place]
    return first, units.thinned(miss)


def smallest_width(log_chance: Callable[[int], float], probability: float, most: int, doing: str, remedy: str) -> int:
    """The smallest width whose `log_chance` reaches that of `probability`; it increases with the width.

    Raises `LimitError` when `most` is not enough.
    """
    wanted = math.log(probability)
    high = 4
    while log_chance(high) < wanted:
        high *= 2
        if high > most:
            raise LimitError(f"{doing}: {most} is not enough{remedy}.")
    low = -1 if high == 4 else high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_chance(middle) >= wanted else (middle, high)
    return high


def smallest_error(log_chance: Callable[[float], float], probability: float, largest: float) -> float:
    """The error at which `log_chance`, which increases and is 0 at `largest`, is that of `probability`; 1e-5."""
    if largest == 0.0:
        return 0.0
    wanted = math.log(probability)

    def surplus(log_error: float) -> float:
        return math.log(-wanted) - math.log(max(-log_chance(math.exp(log_error)), 1e-300))

    # down from the largest weight in growing steps: wide networks need many bits, narrow ones almost none
    high = math.log(largest)
    step = 2 * math.log(2)
    low = high - step
    while surplus(low) > 0:
        high, step = low, 1.6 * step
        low = high - step
    from scipy.optimize import brentq

    return math.exp(brentq(surplus, low, high, xtol=1e-5))


def binned(sizes: Array, error: float) -> tuple[Array, Array]:
    """A grid of |w| beyond `error`, and per row of `sizes` (R, M) the weight of every grid point (R, grid).

    The different sizes themselves, if there are few. Otherwise a size between two grid points is shared out linearly,
    in the square root of its distance to the error, in which the grid is even. Sizes up to the error are left out.
    """
    rows = np.broadcast_to(np.arange(sizes.shape[0])[:, None], sizes.shape)
    missable = sizes > error
    different, which = np.unique(sizes[missable], return_inverse=True)
    if 0 < different.size <= _GRID:
        counted = np.zeros((sizes.shape[0], different.size))
        np.add.at(counted, (rows[missable], which), 1.0)
        return different, counted
    reach = math.sqrt(max(float(sizes.max()) - error, error * 1e-9))
    grid = error * (1 + 1e-12) + np.linspace(0.0, reach, _GRID) ** 2
    place = np.sqrt(sizes[missable] - error) / reach * (_GRID - 1)
    cell = np.minimum(place.astype(np.int64), _GRID - 2)
    part = place - cell
    flat = rows[missable] * _GRID + cell
    total = sizes.shape[0] * _GRID
    cells = np.bincount(flat, 1 - part, total) + np.bincount(flat + 1, part, total)
    return grid, np.asarray(cells, np.float64).reshape(sizes.shape[0], _GRID)
