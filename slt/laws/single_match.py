"""One product in the place of a weight: the best single one of k random products u v (Malach et al. 2020).

u and v are uniform on [-1, 1], so u v has the density f(w) = -ln|w| / 2 on [-1, 1]. The error of the best of k falls
like 1/k, where that of subset sums falls like 2^-k: prediction P10. Malach, Yehudai, Shalev-Shwartz, Shamir 2020,
"Proving the lottery ticket hypothesis: pruning is all you need", theorem 2.1, asks for a width polynomial in 1/error
(recalled, constants and exponents unverified): its proof wants both u and v near given numbers, which costs the square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError, LimitError
from slt.laws.arguments import count, finite, positive, probability_of
from slt.laws.sum_laws import SumLaw
from slt.laws.tails import error_at

Array = NDArray[np.float64]
_MOST_CANDIDATES: Final = 10**15


def product_density(value: ArrayLike) -> Array:
    """The density -ln|w| / 2 of u v at w = `value`, 0 beyond 1 and +inf at 0. Exact. Raises `InputError` for NaN."""
    size = np.abs(finite("value", value, "density of a product"))
    with np.errstate(divide="ignore"):
        return np.where(size < 1, -np.log(np.minimum(size, 1.0)) / 2, 0.0)


def product_hit_probability(error: ArrayLike, target: ArrayLike = 0.0) -> Array:
    """P(|u v - target| <= error) for one product, exact: F(target + error) - F(target - error) with
    F(w) = (1 + w - w ln|w|) / 2, evaluated without cancellation for small errors.

    `error` > 0 and `target` broadcast. Raises `InputError` for bad input.
    """
    doing = "hit of one product"
    e, w = np.broadcast_arrays(positive("error", error, doing), np.abs(finite("target", target, doing)))
    e, w = e.astype(np.float64), w.astype(np.float64)
    apart = (w > e) & (w + e < 1)
    inner, small = np.where(apart, w, 0.5), np.where(apart, e, 0.25)
    # G(w + e) - G(w - e), G(x) = x - x ln x, by the odd part of the logarithm
    between = 2 * small - 2 * inner * np.arctanh(small / inner) - small * np.log((inner - small) * (inner + small))
    ends = np.where(w > e, _beyond((1 - w) + e) - _beyond((1 - w) - e), _within(w + e) + _within(np.abs(e - w)))
    return np.clip(np.where(apart, between, ends) / 2, 0.0, 1.0)


def single_match_tail(error: ArrayLike, candidates: ArrayLike, target: ArrayLike = 0.0) -> Array:
    """P(every one of `candidates` products is farther than `error` from the target): (1 - hit)^k, exact.

    A product has to be kept: the choice of nothing, with error |target|, is `SingleMatch`'s. `error` > 0,
    `candidates` >= 0 and `target` broadcast. Raises `InputError` for bad input.
    """
    hit = product_hit_probability(error, target)
    k = count("candidates", candidates, "tail of a single match")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(k == 0, 1.0, np.exp(np.maximum(k, 1) * np.log1p(-hit)))


def single_match_quantile(probability: ArrayLike, candidates: ArrayLike, target: ArrayLike = 0.0) -> Array:
    """The error that the best of `candidates` products stays within with `probability`: `single_match_tail` solved.

    `probability` in (0, 1), `candidates` >= 1 and `target` broadcast; at most 1 + |target|. Exact, to 1e-11 relative.
    The median is about ln 2 / (2 k f(target)), ln 2 of the mean. Raises `InputError` for bad input.
    """
    doing = "quantile of a single match"
    q, k, w = np.broadcast_arrays(
        probability_of("probability", probability, doing), count("candidates", candidates, doing, least=1),
        finite("target", target, doing),
    )  # fmt: skip
    one = -np.expm1(np.log1p(-q) / k)  # what one product has to hit with
    return error_at(lambda e: 1 - product_hit_probability(e, w), 1 - one, one * 1e-3, 1 + np.abs(w))


def single_match_mean(candidates: ArrayLike, target: ArrayLike) -> Array:
    """1 / (2 k f(target)), what the mean error of the best of k products goes to: prediction P10.

    An asymptote, to 4 % at k = 1000 and targets 0.1 .. 0.6. `candidates` >= 1 and 0 < |`target`| < 1 broadcast: at 0
    the density is infinite, at 1 it is 0. Raises `InputError` for bad input.
    """
    doing = "mean of a single match"
    k, w = count("candidates", candidates, doing, least=1), finite("target", target, doing)
    if np.any(w == 0) or np.any(np.abs(w) >= 1):
        raise InputError(f"{doing}: a target of 0, or of 1 or more, was given; give targets with 0 < |target| < 1.")
    return np.asarray(1 / (2 * k * product_density(w)))


def needed_candidates(error: float, probability: float, target: float) -> int:
    """The smallest k with which a single product is within `error` of the target with `probability`; 0 if keeping
    nothing is near enough.

    Exact. Raises `InputError` for bad input, `LimitError` where no product, or only one of more than 10^15, comes near.
    """
    doing = "needed candidates of a single match"
    wanted = float(probability_of("probability", probability, doing))
    limit = float(positive("error", error, doing))
    if abs(float(finite("target", target, doing))) <= limit:
        return 0
    hit = float(product_hit_probability(limit, target))
    missing = math.log1p(-wanted)
    if hit == 0 or missing < _MOST_CANDIDATES * math.log1p(-min(hit, 0.5)):
        raise LimitError(f"{doing}: no product, or too rare a one, is within {limit} of {target}; scale the target.")
    return 1 if hit == 1 else math.ceil(missing / math.log1p(-hit))


@final
@dataclass(frozen=True, slots=True)
class SingleMatch(SumLaw):
    """The best single product or nothing, as `sums` of the laws of networks (`networks.needed_width_quantile` and its
    kin): the needed width grows like 1/error. Exact for one sum and a known number of candidates."""

    most_width: ClassVar[int] = 1 << 22

    def miss_probability(self, error: float, n: ArrayLike, target: ArrayLike) -> Array:
        """`single_match_tail` where the target is beyond the error."""
        sizes = np.abs(np.asarray(target, np.float64))
        return np.where(sizes <= error, 0.0, single_match_tail(error, n, sizes))


SINGLE_MATCH: Final = SingleMatch()


def _within(value: Array) -> Array:
    """P(|u v| <= x) = x - x ln x for x = `value` >= 0, and 1 beyond 1."""
    from scipy.special import xlogy

    x = np.minimum(value, 1.0)
    return np.asarray(x - xlogy(x, x))


def _beyond(gap: Array) -> Array:
    """P(|u v| > 1 - t) = t + (1 - t) ln(1 - t) for t = `gap` < 1, 0 for t <= 0; by its series where terms cancel."""
    t = np.clip(gap, 0.0, 1 - 1e-16)
    series = t * t / 2 * (1 + t / 3 + t * t / 6 + t**3 / 10)
    return np.where(t < 1e-3, series, t + (1 - t) * np.log1p(-t))
