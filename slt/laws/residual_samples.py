"""Residuals drawn from their law: what is pushed through a network to predict its error.

The size of a residual has the tail `random_subset_sum.miss_probability` (prediction P2 and P5, a heuristic); a uniform
number in (0, 1) turned into that quantile is a draw of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, finite, probability_of
from slt.laws.item_laws import UNIFORM_PRODUCT, ItemLaw
from slt.laws.random_subset_sum import miss_probability

Array = NDArray[np.float64]
_SIZES: Final = 17  # |target| from 0 to the largest
_ERRORS: Final = 128
_LOGITS: Final = np.linspace(-16.0, 16.0, 193)  # of the chance that the residual is smaller


def residual_quantile(
    chances: ArrayLike, counts: ArrayLike, targets: ArrayLike, items: ItemLaw = UNIFORM_PRODUCT
) -> Array:
    """The size that the residual of a sum stays below with probability `chances`: one draw of it a uniform number.

    `counts` >= 0 items that a sum may use, its `targets`, in units of the items; all three broadcast. At most |target|,
    where nothing is kept. From tables over the target (17 sizes up to the largest, rounded up to a power of two), the
    chance (193 logits within 16 of 0) and the error (128 a size): the chance of a larger residual is right within 8 %,
    15 % between the sizes. Heuristic, as the tail is. Raises `InputError`.
    """
    doing = "draws of residuals"
    q, n, z = np.broadcast_arrays(
        probability_of("chances", chances, doing), count("counts", counts, doing), finite("targets", targets, doing)
    )
    size = np.abs(z)
    largest = float(size.max(initial=0.0))
    if largest == 0.0:
        return np.zeros(q.shape)
    if not largest <= 2.0**40:
        raise InputError(f"{doing}: a target of size {largest:g} was given; at most 2**40 is possible.")
    top = float(np.exp2(np.ceil(np.log2(largest))))
    different, which = np.unique(n, return_inverse=True)
    tables = np.stack([_table(int(k), top, items) for k in different])
    which = which.reshape(n.shape)
    row, part = _cell(size / top * (_SIZES - 1), _SIZES)
    logit = np.log(q) - np.log1p(-q)
    column, share = _cell((logit - _LOGITS[0]) / (_LOGITS[1] - _LOGITS[0]), _LOGITS.size)
    low = tables[which, row, column] * (1 - share) + tables[which, row, column + 1] * share
    high = tables[which, row + 1, column] * (1 - share) + tables[which, row + 1, column + 1] * share
    step = top / (_SIZES - 1)
    nothing = (low > np.log(np.maximum(row, 1) * step) - 1e-6) & (high > np.log((row + 1) * step) - 1e-6)
    return np.asarray(np.where(nothing, size, np.minimum(np.exp(low * (1 - part) + high * part), size)))


def _cell(place: Array, nodes: int) -> tuple[NDArray[np.int64], Array]:
    """The node before a place on the grid and how far beyond it, in 0 .. 1."""
    inside = np.clip(place, 0.0, nodes - 1)
    cell = np.minimum(inside.astype(np.int64), nodes - 2)
    return cell, inside - cell


@lru_cache(maxsize=512)
def _table(items_in: int, top: float, items: ItemLaw) -> Array:
    """Logarithms of the residual's quantiles, (sizes, logits), for one number of items."""
    if not items_in:
        # nothing is kept: the residual is the target, which the caller cuts off at
        return np.full((_SIZES, _LOGITS.size), np.log(2.0 * top))
    sizes = np.linspace(0.0, top, _SIZES)
    # each size has errors of its own, the last just below it: there the chance of a miss drops to 0
    errors = np.maximum(sizes, sizes[1]) * np.geomspace(2.0 ** -(items_in + 16), 1 - 1e-9, _ERRORS)[:, None]
    missed = miss_probability(errors, items_in, sizes, items)
    # never decreasing, as a distribution function; in logits, so that the tails keep their shape between two errors
    missed = np.clip(np.minimum.accumulate(missed, axis=0), 1e-12, 1 - 1e-12)
    logits = np.log1p(-missed) - np.log(missed)
    return np.stack([np.interp(_LOGITS, logits[:, i], np.log(errors[:, i])) for i in range(_SIZES)])
