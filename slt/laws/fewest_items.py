"""Fewest items: how small a subset can be whose sum is within a tolerance of the target."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from slt.laws.arguments import count, finite, positive
from slt.laws.fixed_size import log_choose
from slt.laws.item_laws import UNIFORM, ItemLaw
from slt.laws.reach import reach_tail
from slt.laws.tails import DEVIATE_WEIGHTS, DEVIATES
from slt.laws.windows import window_probability

Array = NDArray[np.float64]


def fewest_items_tail(error: float, n: int, target: float = 0.0, items: ItemLaw = UNIFORM) -> Array:
    """P(no subset of at most k of n items is within `error` of the target), for k = 0 .. n: prediction P27.

    The expected number of subsets of size j within the error is C(n, j) w_j, with w_j the exact `window_probability`
    of j items. Given the mean of the items, u sqrt(E x^2 / n), it is spread over u as in `fixed_size_tail`:

        P(K > k) = E_u exp(-sum over j <= k of C(n, j) w_j g_j(u)),   g_j = phi_tau_j(target - j mean) / phi(target),

    with E_u g_j = 1; the reach (P5) of all n items, which the table leaves out, joins as an independent way to miss.
    The empty subset hits where |target| <= error, if target is not 0. Where the first j with
    C(n, j) w_j of order 1 is small against n, this is the table's n H2(k/n) = log2(1 / 2 error) + log2(2 pi k E x^2)/2.
    Returns float64 (n + 1,); the last is P(no subset at all), a cruder `miss_probability`. Heuristic, derived here.
    By enumeration (n = 8, 12, errors 0.01, 0.001, target 0.3, 2,000 draws) the probabilities agree within 0.025 for
    uniform and normal items, 0.035 for products of uniforms and 0.06 for products of normals, whose subsets are larger.
    Raises `InputError` for bad input.
    """
    doing = "fewest items"
    limit, size = float(positive("error", error, doing)), int(count("n", n, doing, least=1))
    z = abs(float(finite("target", target, doing)))
    if 0 < z <= limit:
        return np.zeros(size + 1)
    hits = np.zeros((size + 1, DEVIATES.size))
    for j in range(1, size + 1):
        expected = math.exp(float(log_choose(size, j))) * window_probability(limit, j, z, items)
        hits[j] = expected * _spread(size, j, z, items)
    none = np.exp(-np.cumsum(hits, axis=0))
    missed = np.minimum(none @ DEVIATE_WEIGHTS, 1.0)
    short = float(reach_tail(limit, size, z, items))
    return np.asarray(missed + short - missed * short)


def _spread(n: int, j: int, z: float, items: ItemLaw) -> Array:
    """g_j over ``DEVIATES``; 1 for the one subset that holds everything."""
    if j == n:
        return np.ones(DEVIATES.size)
    tau = math.sqrt(j * (1 - j / n) * items.second_moment)
    away = (z / tau - math.sqrt(j / (n - j)) * DEVIATES) ** 2 / 2
    return np.asarray(math.sqrt(n / (n - j)) * np.exp(z * z / (2 * j * items.second_moment) - away))
