"""The k-th largest of an array, exactly, in about one pass: compiled and for the processor.

A bracket that holds few entries is guessed, from the step before or from a sample. One pass counts what lies above it
and collects what lies inside; where the wanted rank is among those, ordering these few decides. Where it is not, or the
bracket holds too many, everything is partitioned: the guess changes the time it takes, never the answer.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

_BLOCK = 256  # entries counted with vector instructions before any is looked at by itself
_SMALL = 4096  # entries that are partitioned as they are
_SAMPLE = 2048  # entries that guess a bracket
_SURE = 4.5  # standard deviations of a rank in the sample; a miss costs a partition, not the answer


def kth_largest(scores: npt.NDArray[np.float32], count: int, absolute: bool, low: float, high: float) -> tuple:
    """Cutoff value and index (float, int) of (n,) float32 contiguous scores, 0 < count < n, as ``top_cutoff`` says.

    ``low`` <= ``high`` is a guess of the value; NaN for none.
    """
    n = scores.size
    if n > _SMALL:
        if low <= high:
            found = _within(scores, count, absolute, low, high)
            if found is not None:
                return found
        low, high = _guess(scores, count, absolute)
        found = _within(scores, count, absolute, low, high)
        if found is not None:
            return found
    values = np.abs(scores) if absolute else scores
    return _rank(values, count, None)


def holds_nan(scores: npt.NDArray[np.float32]) -> bool:
    return bool(_holds_nan(scores))


def _guess(scores: npt.NDArray[np.float32], count: int, absolute: bool) -> tuple[float, float]:
    """A bracket that the wanted value is in, if entries at even distances are like the others."""
    n = scores.size
    # an odd stride meets every column of a matrix whose width is a power of two
    sample = scores[:: n // _SAMPLE | 1]
    sample = np.sort(np.abs(sample) if absolute else sample)
    m = sample.size
    rank = (n - count) / n * m
    margin = _SURE * math.sqrt(m * count / n * (1 - count / n)) + 1
    first, last = math.floor(rank - margin), math.ceil(rank + margin)
    return (float(sample[first]) if first >= 0 else -math.inf, float(sample[last]) if last < m else math.inf)


def _within(scores: npt.NDArray[np.float32], count: int, absolute: bool, low: float, high: float) -> tuple | None:
    capacity = scores.size // 4
    values = np.empty(capacity, dtype=np.float32)
    places = np.empty(capacity, dtype=np.int64)
    above, inside = _collect(scores, absolute, np.float32(low), np.float32(high), values, places)
    if not (0 <= above < count <= above + inside):
        return None
    return _rank(values[:inside], count - above, places[:inside])


def _rank(values: npt.NDArray[np.float32], count: int, places: npt.NDArray[np.int64] | None) -> tuple:
    """The same of few values in order of place; their own positions are the places if none are given."""
    ordered = np.partition(values, (values.size - count, values.size - 1))
    if np.isnan(ordered[-1]):  # NaN is ordered last
        return math.nan, -1
    value = ordered[values.size - count]
    ties = np.flatnonzero(values == value)
    tie = ties[count - 1 - np.count_nonzero(values > value)]
    return float(value) + 0.0, int(tie if places is None else places[tie])  # -0.0 becomes +0.0


@nb.njit(cache=True)
def _holds_nan(scores):  # type: ignore[no-untyped-def]
    for first in range(0, scores.size, _BLOCK):
        found = False
        for x in scores[first : first + _BLOCK]:
            found |= x != x
        if found:
            return True
    return False


@nb.njit(cache=True)
def _counts(scores, low, high):  # type: ignore[no-untyped-def]
    """How many are above ``high`` and how many below ``low``; NaN is neither."""
    above, below = np.int32(0), np.int32(0)
    for i in range(scores.size):
        above = np.int32(above + np.int32(scores[i] > high))
        below = np.int32(below + np.int32(scores[i] < low))
    return above, below


@nb.njit(cache=True)
def _absolute_counts(scores, low, high):  # type: ignore[no-untyped-def]
    above, below = np.int32(0), np.int32(0)
    for i in range(scores.size):
        above = np.int32(above + np.int32(abs(scores[i]) > high))
        below = np.int32(below + np.int32(abs(scores[i]) < low))
    return above, below


@nb.njit(cache=True)
def _collect(scores, absolute, low, high, values, places):  # type: ignore[no-untyped-def]
    """How many are above ``high``, how many neither above nor below, and these; -1 if they do not fit.

    NaN is collected, so that whoever orders the values sees it.
    """
    total, found = 0, 0
    for first in range(0, scores.size, _BLOCK):
        block = scores[first : first + _BLOCK]
        above, below = _absolute_counts(block, low, high) if absolute else _counts(block, low, high)
        total += above
        if above + below < block.size:
            if found + block.size > values.size:
                return -1, 0
            for i in range(block.size):
                x = abs(block[i]) if absolute else block[i]
                values[found] = x
                places[found] = first + i
                found += not (x > high or x < low)
    return total, found
