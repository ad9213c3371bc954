"""The k-th largest of an array, exactly, in about one pass: compiled and for the processor.

A bracket that holds few entries is guessed, from the steps before or from a sample. One pass counts what lies above it
and collects what lies inside; where the wanted rank is among those, ordering these few decides. Where it is not, or the
bracket holds too many, everything is partitioned: the guess changes the time it takes, never the answer.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

_BLOCK = 128  # entries counted with vector instructions before any is looked at by itself
_SMALL = 2048  # entries that are partitioned as they are
_SAMPLED = 16  # one entry in so many is in the sample that guesses a bracket
_SURE = 4.5  # standard deviations of a rank in the sample; a miss costs a partition, not the answer
_CHANGES = 3.0  # half a bracket, in last changes of the value
_FLOOR = 2.0**-12  # half a bracket at least, in values
_MISSED = -2

NO_HISTORY = np.full(3, np.nan, dtype=np.float32)


def kth_largest(
    scores: Array,
    count: int,
    absolute: bool,
    history: Array,
    value: Array,
    index: npt.NDArray[np.int64],
) -> None:
    """Writes into ``value`` () and ``index`` () the cutoff of (n,) float32 contiguous scores, as ``top_cutoff`` says.

    ``history`` (3,): the values of the steps before, NaN for none.
    """
    if not _around(scores, count, absolute, history, value, index):
        value[()], index[()] = _without_history(scores, count, absolute)


def _without_history(scores: Array, count: int, absolute: bool) -> tuple[float, int]:
    if not 0 < count < scores.size:
        if holds_nan(scores):
            return math.nan, -1
        return (-math.inf, scores.size - 1) if 0 < scores.size == count else (math.inf, -1)
    if scores.size > _SMALL:
        value, index = _within(scores, count, absolute, *_guess(scores, count, absolute), scores.size // 4)
        if index != _MISSED:
            return value, index
    return _by_partition(np.abs(scores) if absolute else scores, count)


def holds_nan(scores: Array) -> bool:
    return bool(np.isnan(scores.max(initial=-math.inf)))


def _guess(scores: Array, count: int, absolute: bool) -> tuple[np.float32, np.float32]:
    """A bracket that the wanted value is in, if entries at even distances are like the others."""
    # an odd distance meets every column of a matrix whose width is a power of two
    sample = scores[:: _SAMPLED + 1]
    sample = np.sort(np.abs(sample) if absolute else sample)
    removed = 1 - count / scores.size
    margin = _SURE * math.sqrt(sample.size * removed * (1 - removed)) + 1
    first = math.floor(removed * sample.size - margin)
    last = math.ceil(removed * sample.size + margin)
    end = np.float32(math.inf)
    return (sample[first] if first >= 0 else -end), (sample[last] if last < sample.size else end)


def _by_partition(values: Array, count: int) -> tuple[float, int]:
    if holds_nan(values):
        return math.nan, -1
    value = np.partition(values, values.size - count)[values.size - count]
    ties = np.flatnonzero(values == value)
    return float(value) + 0.0, int(ties[count - 1 - np.count_nonzero(values > value)])  # -0.0 becomes +0.0


@nb.njit(cache=True)
def masked_around(scores, values, count, absolute, scale, history, found, places, value, index, out):  # type: ignore[no-untyped-def]
    """``kth_largest`` and ``masked`` of the mask product in one pass, where ``history`` helps; whether it did.

    What is above the bracket is kept and all else removed, until the cutoff is known; then those of the bracket that it
    keeps are put back. ``found`` (m,) float32 and ``places`` (m,) int64: scratch memory, for what is in the bracket.
    Where False is returned ``out`` holds nothing of use. The value is added to ``history``.
    """
    low, high = _bracket(history)
    if not (low <= high and 0 < count < scores.size):
        return False
    above, inside = 0, 0
    for first in range(0, scores.size, _BLOCK):
        last = first + _BLOCK
        block, results = scores[first:last], out[first:last]
        if absolute:
            more, less = _absolute_kept_above(block, values[first:last], low, high, scale, results)
        else:
            more, less = _kept_above(block, values[first:last], low, high, scale, results)
        above += more
        if more + less < block.size:
            if inside + block.size > found.size:
                return False
            inside = _gather(block, first, absolute, low, high, found, places, inside)
    if not above < count <= above + inside:
        return False
    value[()], index[()] = _decided(found[:inside], places, count - above)
    if index[()] < 0:
        return False
    for i in range(inside):
        place = places[i]
        if found[i] > value[()] or (found[i] == value[()] and place <= index[()]):
            out[place] = values[place] * scale
    history[0], history[1], history[2] = history[1], history[2], value[()]
    return True


@nb.njit(cache=True)
def _around(scores, count, absolute, history, value, index):  # type: ignore[no-untyped-def]
    """Whether the value was found near the last of ``history``."""
    low, high = _bracket(history)
    if not (low <= high and 0 < count < scores.size):
        return False
    found, place = _within(scores, count, absolute, low, high, scores.size // 16)
    value[()], index[()] = found, place
    return place != _MISSED


@nb.njit(cache=True)
def _bracket(history):  # type: ignore[no-untyped-def]
    before, last, now = history[0], history[1], history[2]
    half = max(_FLOOR * abs(now), _CHANGES * max(abs(now - last), abs(last - before)))
    return np.float32(now - half), np.float32(now + half)


@nb.njit(cache=True)
def _within(scores, count, absolute, low, high, capacity):  # type: ignore[no-untyped-def]
    """Value and index if the former is in the bracket with at most ``capacity`` entries, else ``_MISSED``."""
    values = np.empty(capacity, dtype=np.float32)
    places = np.empty(capacity, dtype=np.int64)
    above, inside = _collect(scores, absolute, low, high, values, places)
    if not 0 <= above < count <= above + inside:
        return np.float32(np.nan), _MISSED
    return _decided(values[:inside], places, count - above)


@nb.njit(cache=True)
def _decided(values, places, wanted):  # type: ignore[no-untyped-def]
    """The ``wanted``-th largest of the values, and the place of the last of its ties that is among them."""
    for i in range(values.size):
        if np.isnan(values[i]):
            return np.float32(np.nan), -1
    value = np.partition(values, values.size - wanted)[values.size - wanted]
    for i in range(values.size):
        wanted -= values[i] > value
    for i in range(values.size):
        wanted -= values[i] == value
        if wanted == 0 and values[i] == value:
            return value + np.float32(0.0), places[i]  # -0.0 becomes +0.0
    return np.float32(np.nan), _MISSED


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
            found = _gather(block, first, absolute, low, high, values, places, found)
    return total, found


@nb.njit(cache=True)
def _gather(block, first, absolute, low, high, values, places, found):  # type: ignore[no-untyped-def]
    """Adds the entries of a block that are neither above nor below to the ``found`` ones; how many these are then."""
    for i in range(block.size):
        x = abs(block[i]) if absolute else block[i]
        values[found] = x
        places[found] = first + i
        found += not (x > high or x < low)
    return found


@nb.njit(cache=True)
def _counts(scores, low, high):  # type: ignore[no-untyped-def]
    """How many are above ``high`` and how many below ``low``; NaN is neither."""
    above, below = np.int32(0), np.int32(0)  # kept at 32 bits: twice as many a vector
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
def _kept_above(scores, values, low, high, scale, out):  # type: ignore[no-untyped-def]
    """``_counts``, and what is above ``high`` is kept, all else removed."""
    above, below = np.int32(0), np.int32(0)
    for i in range(out.size):
        product = values[i] * scale
        out[i] = product if scores[i] > high else np.float32(0.0)
        above = np.int32(above + np.int32(scores[i] > high))
        below = np.int32(below + np.int32(scores[i] < low))
    return above, below


@nb.njit(cache=True)
def _absolute_kept_above(scores, values, low, high, scale, out):  # type: ignore[no-untyped-def]
    above, below = np.int32(0), np.int32(0)
    for i in range(out.size):
        product = values[i] * scale
        out[i] = product if abs(scores[i]) > high else np.float32(0.0)
        above = np.int32(above + np.int32(abs(scores[i]) > high))
        below = np.int32(below + np.int32(abs(scores[i]) < low))
    return above, below
