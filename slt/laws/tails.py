"""What the laws share: the Poisson mixture, and the error at which a tail has fallen to a probability."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

DEVIATES: Final = np.arange(-10.0, 10.01, 0.05)
DEVIATE_WEIGHTS: Final = np.exp(-DEVIATES * DEVIATES / 2) * 0.05 / math.sqrt(2 * math.pi)
"""A trapezoid rule for the mean over a standard normal u, good to 1e-12 for the integrands here."""
_POINTS_AT_ONCE: Final = 4096


def poisson_mixture(log_rate: ArrayLike, centre: ArrayLike, spread: ArrayLike = 1.0) -> Array:
    """E_u exp(-exp(log_rate - (centre - spread u)^2 / 2)), u standard normal; the arguments broadcast.

    The chance that a Poisson number of hits is none, when the items shift the normal density of the sums by u.
    """
    rate, middle, width = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (log_rate, centre, spread))
    )
    flat_rate, flat_middle, flat_width = rate.ravel(), middle.ravel(), width.ravel()
    result = np.empty(rate.size)
    for start in range(0, rate.size, _POINTS_AT_ONCE):
        part = slice(start, start + _POINTS_AT_ONCE)
        away = flat_middle[part][:, None] - flat_width[part][:, None] * DEVIATES
        hits = np.exp(np.minimum(flat_rate[part][:, None] - away * away / 2, 700.0))
        result[part] = np.exp(-hits) @ DEVIATE_WEIGHTS
    return np.minimum(result, 1.0).reshape(rate.shape)


def error_at(tail: Callable[[Array], Array], missing: ArrayLike, low: ArrayLike, high: ArrayLike) -> Array:
    """The error in [low, high] at which the falling function `tail` has come down to `missing`, elementwise.

    Bisection of the logarithm, to 1e-11 relative for ranges up to e^100; `high` where the tail stays above, `low` > 0
    where it never was.
    """
    wanted, below, above = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (missing, low, high)))
    below, above = np.log(np.minimum(below, above)), np.log(above)
    for _ in range(44):
        middle = (below + above) / 2
        too_likely = tail(np.exp(middle)) > wanted
        below, above = np.where(too_likely, middle, below), np.where(too_likely, above, middle)
    return np.asarray(np.exp(above))
