"""The reach of a random subset sum: the chance that even the sum of all positive items stays short of the target.

With T the sum of the positive ones among n items, every subset sum is at most T, so err > error as soon as
T < target - error. P(T < t) = 2^-n sum_k C(n, k) F_k(t), F_k the distribution function of k items given positive
(Irwin-Hall for uniform items). It is computed by inverting its Laplace transform,
((1 + smooth + e^-s delayed) / 2)^n / s: the power is expanded in e^-s, where the j-th term does not count before t = j,
and each term is integrated along a hyperbola around the negative axis. No Monte Carlo, no grid.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.laws.arguments import count, finite, positive
from slt.laws.item_laws import UNIFORM, ItemLaw

_ANGLE: Final = 0.5
_STEP: Final = 0.03
_NODES: Final = np.arange(115) * _STEP
_POINTS_AT_ONCE: Final = 4096


def reach_tail(error: ArrayLike, n: ArrayLike, target: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """P(the positive items together stay below |target| - error): prediction P5, a lower bound of P(err > error).

    `error` > 0, `n` >= 0 and `target` broadcast; error and target in units of the items. The result is a float64 array
    of the broadcast shape. It is 0 where error >= |target|, since the empty subset is then within the error.
    Unlike the other laws this is an exact probability (it follows from the definition; derivation of P5), evaluated to
    1e-12 relative for |target| <= 6, n <= 120, and 1e-8 absolute for larger ones. Raises `InputError` for NaN,
    error <= 0, n < 0 or not whole.
    """
    doing = "reach tail of a random subset sum"
    distance = np.abs(finite("target", target, doing)) - positive("error", error, doing)
    t, sizes = np.broadcast_arrays(distance, count("n", n, doing))
    return positive_part_distribution(t, sizes, items)


def positive_part_distribution(t: NDArray[np.float64], n: NDArray[np.int64], items: ItemLaw) -> NDArray[np.float64]:
    """P(sum of the positive ones among n items < t), elementwise for arrays of one shape; 0 where t <= 0."""
    result = np.zeros(t.size)
    flat_t, flat_n = t.ravel(), n.ravel()
    # items that end at 1 never sum to more than n, and there the transform need not be inverted
    all_of_it = (flat_t > flat_n) & (items.delayed is not None)
    result[all_of_it] = flat_t[all_of_it] > 0
    (inside,) = np.nonzero((flat_t > 0) & ~all_of_it)
    for start in range(0, inside.size, _POINTS_AT_ONCE):
        part = inside[start : start + _POINTS_AT_ONCE]
        result[part] = _invert(flat_t[part], flat_n[part], items)
    return np.clip(result, 0.0, 1.0).reshape(t.shape)


def _invert(t: NDArray[np.float64], n: NDArray[np.int64], items: ItemLaw) -> NDArray[np.float64]:
    total = np.zeros(t.size)
    delays = 0 if items.delayed is None else int(np.floor(t.max()))
    for j in range(delays + 1):
        (live,) = np.nonzero((t > j) & (n >= j))
        if not live.size:
            break
        total[live] += _delayed_term(t[live] - j, n[live], j, items)
    return total


def _delayed_term(t: NDArray[np.float64], n: NDArray[np.int64], j: int, items: ItemLaw) -> NDArray[np.float64]:
    """2^-n C(n, j) times the inverse transform of delayed^j (1 + smooth)^(n - j) / s, at t > 0."""
    from scipy.special import gammaln

    scale = (8 + 2 * np.sqrt(n * t)) / t
    hyperbola = 1 - math.sin(_ANGLE) * np.cosh(_NODES) + 1j * math.cos(_ANGLE) * np.sinh(_NODES)
    direction = 1j * math.cos(_ANGLE) * np.cosh(_NODES) - math.sin(_ANGLE) * np.sinh(_NODES)
    s = scale[:, None] * hyperbola
    size = n[:, None]
    log_weight = -size * math.log(2) + gammaln(size + 1) - gammaln(j + 1) - gammaln(size - j + 1)
    exponent = s * t[:, None] + (size - j) * np.log1p(items.smooth(s)) + log_weight
    terms = np.exp(exponent) * (direction / hyperbola)
    if j and items.delayed is not None:
        terms *= items.delayed(s) ** j
    terms[:, 0] /= 2
    return np.asarray(_STEP / math.pi * terms.imag.sum(axis=1))
