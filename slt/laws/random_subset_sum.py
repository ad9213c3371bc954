"""Predictions for one random subset-sum problem: err = min over subsets S of |sum_S x_i - target|, x_i iid symmetric.

Given the items, their 2^n subset sums lie near the target like a Poisson process of density 2^n phi_sigma(target - M),
M = half the sum of the items, M ~ N(0, sigma^2), sigma^2 = n E x^2 / 4. Averaging over M = sigma u, u ~ N(0, 1):

    P(err > error) = E_u exp(-2 error 2^n phi_sigma(target - sigma u)).                                   (mixture)

With s_n = sqrt(2 pi sigma^2) 2^-(n+1), all of it scales as s_n, that is sqrt(n) 2^-n.
Epistemic status of everything here: a Poisson and local-limit heuristic derived for this project (predictions P1-P5)
and checked against simulation; not theorems. Lueker's constants are not used, and are unverified. The one exact
statement is the reach (`slt.laws.reach`). At target exactly 0 the laws speak of non-empty subsets; elsewhere the empty
one counts.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import LimitError
from slt.laws.arguments import count, finite, positive, probability_of
from slt.laws.item_laws import UNIFORM, ItemLaw
from slt.laws.reach import reach_tail
from slt.laws.tails import error_at, poisson_mixture

_MOST_ITEMS: Final = 4096


def typical_scale(n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """s_n = sqrt(pi n E x^2 / 2) 2^-(n+1), the unit in which errors are measured; `n` >= 1, any shape."""
    sizes = count("n", n, "scale of a random subset sum", least=1)
    return np.asarray(np.sqrt(math.pi * sizes * items.second_moment / 2) * np.exp2(-(sizes + 1.0)))


def geometric_mean_error(n: ArrayLike, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """Geometric mean of err: s_n exp(-gamma + (1 + target^2 / sigma^2) / 2), prediction P1.

    `n` >= 1 and `target` broadcast; the result, in units of the items, has the broadcast shape. For uniform items at
    target 0 it is 0.33492 sqrt(n) 2^-n. Heuristic; simulation gives 0.91 to 1.03 of it. Raises `InputError` for bad
    input.
    """
    z = finite("target", target, "geometric mean of a subset-sum error")
    sizes = count("n", n, "geometric mean of a subset-sum error", least=1)
    variance = sizes * items.second_moment / 4
    return np.asarray(typical_scale(sizes, items) * np.exp(-np.euler_gamma + (1 + z * z / variance) / 2))


def finite_size_factor(n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """exp(-(kurtosis - 1) / (4 n)), by which the laws of few heavy-tailed items at targets near 0 are too large (P1).

    The density of the sums depends on sum x_i^2, not its mean: E ln sqrt(sum x_i^2) falls short of
    ln sqrt(n E x^2) by (kurtosis - 1) / (4 n), to first order. Not applied by the other laws. At n = 10 it is 0.98 for
    uniform items, 0.95 for normal ones and products of uniforms, and 0.82 for products of normals.
    Heuristic, derived for this project; geometric means at target 0.05, n = 10 .. 24,
    are 0.990 to 1.043 of P1 times this for all four laws (20,000 draws; experiment subset-sum-laws).
    Raises `InputError` unless `n` >= 1.
    """
    sizes = count("n", n, "correction for few items", least=1)
    return np.asarray(np.exp(-(items.kurtosis - 1) / (4 * sizes)))


def mean_error_at_zero(n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """Mean of err at target 0 over non-empty subsets: n E|x| 2^-(n+1), prediction P3 (n/4 2^-n for uniform items).

    It scales with n and not sqrt(n), because atypical items dominate it; at other targets the mean has no such law.
    Heuristic; simulation gives 0.88 to 1.06 of it. Raises `InputError` unless `n` >= 1.
    """
    sizes = count("n", n, "mean subset-sum error at target 0", least=1)
    return np.asarray(sizes * items.mean_abs * np.exp2(-(sizes + 1.0)))


def near_zero_tail(error: ArrayLike, n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """P(err > error) for targets near 0, error >> s_n: 1 / (t sqrt(pi ln t)) with t = error / s_n, prediction P4.

    The asymptote of the mixture, which it overstates by 4 % at t = 10 .. 100 and 1.4 % at t = 10^8; capped at 1.
    `error` > 0 and `n` >= 1 broadcast. Heuristic. Raises `InputError` for bad input.
    """
    t = positive("error", error, "tail of a subset-sum error") / typical_scale(n, items)
    safe = np.maximum(t, 1 + 1e-9)
    return np.where(t > 1, np.minimum(1.0, 1 / (safe * np.sqrt(math.pi * np.log(safe)))), 1.0)


def mixture_tail(
    error: ArrayLike, n: ArrayLike, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM
) -> NDArray[np.float64]:
    """The mixture E_u exp(-2 error 2^n phi_sigma(target - sigma u)) alone, without the reach and the empty subset.

    `error` > 0, `n` >= 0 and `target` broadcast; the integral is a trapezoid sum, good to 1e-12. 1 at n = 0.
    Source: the common definitions of the predictions table; heuristic. Raises `InputError` for bad input.
    """
    doing = "tail of a subset-sum error"
    e, sizes, z = np.broadcast_arrays(
        positive("error", error, doing), count("n", n, doing), np.abs(finite("target", target, doing))
    )
    sigma = np.sqrt(np.maximum(sizes, 1) * items.second_moment / 4)
    log_rate = np.log(e) + (sizes + 0.5) * math.log(2) - np.log(sigma) - 0.5 * math.log(math.pi)
    return np.where(sizes == 0, 1.0, poisson_mixture(log_rate, z / sigma))


def miss_probability(
    error: ArrayLike, n: ArrayLike, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM
) -> NDArray[np.float64]:
    """P(err > error): mixture and reach (P5) taken as independent ways to miss, 1 - (1 - mixture)(1 - reach).

    `error` > 0, `n` >= 0 and `target` broadcast; a float64 array of the broadcast shape. It is 0 where
    0 < |target| <= error (the empty subset hits). Heuristic. Predicted over simulated (n = 3 .. 14, targets 0.03 .. 1,
    errors 0.001 .. 0.1): 0.98 to 1.1 for probabilities above 1/2, mostly 1.0 to 1.3 below, at worst 0.9 to 1.65 for
    n <= 11 and 2.5 for products at target 0.03, n = 14. The larger of the two, which the predictions table proposes,
    goes down to 0.53. Raises `InputError` for bad input.
    """
    mixture = mixture_tail(error, n, target, items)
    reach = reach_tail(error, n, target, items)
    size = np.abs(finite("target", target, "tail of a subset-sum error"))
    empty_hits = (size > 0) & (size <= np.asarray(error, dtype=np.float64))
    return np.where(empty_hits, 0.0, mixture + reach - mixture * reach)


def average_miss_probability(error: ArrayLike, n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """`miss_probability` averaged over targets uniform on [-1, 1]; `error` > 0 and `n` >= 0 broadcast.

    Gauss-Legendre over |target| in (error, 1); below, the empty subset hits. Heuristic. Raises `InputError`.
    """
    doing = "average tail of a subset-sum error"
    e, sizes = np.broadcast_arrays(positive("error", error, doing), count("n", n, doing))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    span = np.maximum(1 - e, 0.0)[..., None]
    targets = np.minimum(e, 1.0)[..., None] + span * (nodes + 1) / 2
    misses = miss_probability(e[..., None], sizes[..., None], targets, items)
    return np.asarray((misses * span * weights / 2).sum(axis=-1))


def error_quantile(
    probability: ArrayLike, n: ArrayLike, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM
) -> NDArray[np.float64]:
    """The error that err stays below with `probability`: `miss_probability` solved for it, prediction P2.

    `probability` in (0, 1), `n` >= 1 and `target` broadcast; units of the items. At a target other than 0 the result is
    |target| where nothing smaller has the probability. Bisection to 1e-11 relative. Heuristic; the median of
    simulations is 0.98 to 1.02 of it for n <= 18. Raises `InputError` for bad input.
    """
    doing = "quantile of a subset-sum error"
    sizes = count("n", n, doing, least=1)
    q, sizes, z = np.broadcast_arrays(
        probability_of("probability", probability, doing), sizes, finite("target", target, doing)
    )
    low = np.log(q * typical_scale(sizes, items)) - 1e-9
    high = np.where(z == 0, np.log(10.0 * sizes / (1 - q)), np.log(np.where(z == 0, 1.0, np.abs(z))))
    return error_at(lambda e: miss_probability(e, sizes, z, items), 1 - q, np.exp(low), np.exp(high))


def average_error_quantile(probability: ArrayLike, n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """The error that err stays below with `probability` over targets uniform on [-1, 1]: `average_miss_probability`
    solved for it.

    `probability` in (0, 1) and `n` >= 1 broadcast; at most 1, where the empty subset serves. Heuristic, like P2.
    Raises `InputError` for bad input.
    """
    doing = "average quantile of a subset-sum error"
    q, sizes = np.broadcast_arrays(probability_of("probability", probability, doing), count("n", n, doing, least=1))
    low = q * typical_scale(sizes, items) * (1 - 1e-9)
    return error_at(lambda e: average_miss_probability(e, sizes, items), 1 - q, low, 1.0)


def median_error(n: ArrayLike, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """`error_quantile` at 1/2 (prediction P2; about 1.128 geometric means for many uniform items)."""
    return error_quantile(0.5, n, target, items)


def needed_items(error: float, probability: float = 0.5, target: float | None = None, items: ItemLaw = UNIFORM) -> int:
    """Smallest n whose miss probability is at most 1 - `probability`, at one target.

    `target` None averages over targets uniform on [-1, 1] (then the medians at errors 2^-6, 2^-8 .. 2^-16 are 7, 9, 11,
    13, 15, 17 for uniform items, as measured). `error` > 0 in units of the items. Heuristic: the smallest n with which
    `miss_probability` or `average_miss_probability` complies. Raises `InputError` for bad input, `LimitError` when 4096
    items are not enough.
    """
    most_missing = 1 - float(probability_of("probability", probability, "needed items"))
    most = 32
    while most <= _MOST_ITEMS:
        sizes = np.arange(most + 1)
        if target is None:
            misses = average_miss_probability(error, sizes, items)
        else:
            misses = miss_probability(error, sizes, target, items)
        if np.any(misses <= most_missing):
            return int(np.argmax(misses <= most_missing))
        most *= 2
    raise LimitError(f"needed items: more than {_MOST_ITEMS} items for error {error}; ask for a larger error.")
