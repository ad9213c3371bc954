"""Windows: the exact chance that the sum of a few random items lies near a target."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slt.laws.arguments import count, finite, positive
from slt.laws.item_laws import UNIFORM, ItemLaw
from slt.laws.reach import positive_part_distribution

Array = NDArray[np.float64]
_FREQUENCY_STEP: Final = 0.03  # sums up to 100 do not alias
_FREQUENCIES: Final = 130_000


def window_probability(error: float, size: int, target: float = 0.0, items: ItemLaw = UNIFORM) -> float:
    """P(|x_1 + .. + x_size - target| <= error), exact up to the numerical inversion (about 1e-7 absolute).

    One item from its distribution function, more by inverting the characteristic function. `error` > 0, `size` >= 1,
    in units of the items. Raises `InputError` for bad input.
    """
    doing = "window of a sum"
    limit, j = float(positive("error", error, doing)), int(count("size", size, doing, least=1))
    z = abs(float(finite("target", target, doing)))
    if j == 1:
        ends = np.array([z + limit, abs(z - limit)])
        upper, lower = positive_part_distribution(ends, np.ones(2, np.int64), items).tolist()
        return float(upper - (lower if z >= limit else 1 - lower))
    t, characteristic = _characteristic(items)
    if j > 2:  # falls off fast enough to stop early
        t, characteristic = t[: _FREQUENCIES // 8], characteristic[: _FREQUENCIES // 8]
    terms = characteristic**j * np.cos(t * z) * np.sin(t * limit) / t
    return float(max(terms.sum() * _FREQUENCY_STEP * 2 / math.pi, 0.0))


@lru_cache(maxsize=8)
def _characteristic(items: ItemLaw) -> tuple[Array, Array]:
    """Frequencies t and E cos(t x), from the Laplace transform of the positive part at s = it."""
    t = np.asarray((np.arange(_FREQUENCIES) + 0.5) * _FREQUENCY_STEP, np.float64)
    s = np.asarray(1j * t, np.complex128)
    value: NDArray[np.complex128] = items.smooth(s)
    if items.delayed is not None:
        value = value + np.exp(-s) * items.delayed(s)
    return t, np.asarray(value.real, np.float64)
