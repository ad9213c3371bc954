"""Errors of piecewise-linear interpolation, which is what explicit ReLU networks of one variable compute (P21, P22).

`knots` N counts intervals: N + 1 points. On an interval of length h the error is at most max|f''| h^2 / 8: textbook,
attained by parabolas. Equispaced that is max|f''| (b - a)^2 / (8 N^2); with as much of the integral of sqrt|f''| in
every interval it goes to (integral of sqrt|f''|)^2 / (8 N^2), away from the zeros of f''.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, finite, positive

Array = NDArray[np.float64]
SecondDerivative = Callable[[Array], ArrayLike]
_SAMPLES: Final = 8193


def interpolation_error(curvature: ArrayLike, length: ArrayLike, knots: ArrayLike) -> Array:
    """max|f''| length^2 / (8 knots^2): the largest error of interpolation in equispaced knots, prediction P21.

    A bound for every f whose |f''| is at most `curvature` >= 0 on an interval of `length` > 0, `knots` >= 1 intervals;
    all broadcast. A theorem, attained by parabolas, and nearly by all f for many knots. Raises `InputError`.
    """
    doing = "error of interpolation"
    bend = finite("curvature", curvature, doing)
    if np.any(bend < 0):
        raise InputError(f"{doing}: curvature = {bend.min()!s} was given; give the largest |f''|, which is >= 0.")
    return np.asarray(bend * (positive("length", length, doing) / count("knots", knots, doing, least=1)) ** 2 / 8)


def needed_knots(error: ArrayLike, curvature: ArrayLike, length: ArrayLike) -> NDArray[np.int64]:
    """The fewest equispaced intervals, at least 1, whose `interpolation_error` is at most `error` > 0. A theorem: that
    many are enough. Raises `InputError`."""
    once = interpolation_error(curvature, length, 1)
    ratio = once / positive("error", error, "needed knots")
    return np.asarray(np.maximum(np.ceil(np.sqrt(ratio) * (1 - 1e-14)), 1), np.int64)


def largest_curvature(second: SecondDerivative, low: float, high: float) -> float:
    """max|f''| on [low, high] over 8193 points: a lower estimate. `second` takes and gives (N,). Raises
    `InputError`."""
    return float(_sampled(second, low, high, "curvature of a function")[1].max())


def equidistributed_error(second: SecondDerivative, low: float, high: float, knots: ArrayLike) -> Array:
    """(integral of sqrt|f''| over [low, high])^2 / (8 knots^2): the limit in `equidistributed_knots` (P21).

    An asymptote, no bound: `knots_error` is one, and an interval that begins where f'' changes its sign has up to
    2 / sqrt(3) = 1.155 times it, however many. Never above `interpolation_error`. Trapezoid rule of 8193 points.
    `second`: f'', takes and gives (N,). Raises `InputError`.
    """
    doing = "error in equidistributed knots"
    x, bend = _sampled(second, low, high, doing)
    whole = np.trapezoid(np.sqrt(bend), x)
    return np.asarray(whole**2 / (8 * count("knots", knots, doing, least=1).astype(np.float64) ** 2))


def needed_equidistributed_knots(error: float, second: SecondDerivative, low: float, high: float) -> int:
    """The fewest intervals whose `equidistributed_error` is at most `error`: an estimate. Raises `InputError`."""
    limit = float(positive("error", error, "needed equidistributed knots"))
    return max(1, math.ceil(math.sqrt(float(equidistributed_error(second, low, high, 1)) / limit) * (1 - 1e-14)))


def equidistributed_knots(second: SecondDerivative, low: float, high: float, knots: int) -> Array:
    """The `knots` + 1 points of [low, high] that have as much of the integral of sqrt|f''| between each two.

    Where f'' is 0 everywhere they are equispaced. Raises `InputError`.
    """
    doing = "equidistributed knots"
    x, bend = _sampled(second, low, high, doing)
    n = int(count("knots", knots, doing, least=1))
    root = np.sqrt(bend)
    mass = np.concatenate([[0.0], np.cumsum((root[1:] + root[:-1]) / 2 * np.diff(x))])
    if mass[-1] == 0:
        return np.linspace(low, high, n + 1)
    found = np.interp(np.linspace(0.0, mass[-1], n + 1), mass, x)
    found[[0, -1]] = x[[0, -1]]
    return np.asarray(found)


def knots_error(second: SecondDerivative, points: ArrayLike) -> float:
    """max over intervals of max|f''| h^2 / 8, for increasing `points` (N + 1,): a bound of the error for any knots,
    up to taking max|f''| over 65 points of each interval. Raises `InputError`."""
    doing = "error in given knots"
    t = finite("points", points, doing)
    if t.ndim != 1 or t.size < 2 or np.any(np.diff(t) <= 0):
        raise InputError(f"{doing}: points of shape {t.shape} were given; give an increasing vector of 2 at least.")
    widths = np.diff(t)
    inner = t[:-1, None] + widths[:, None] * np.linspace(0, 1, 65)
    bend = np.abs(finite("second(x)", second(inner.ravel()), doing)).reshape(inner.shape)
    return float((bend.max(axis=1) * widths**2 / 8).max())


class ProductBound(NamedTuple):
    """An upper bound of the error of a monomial, `total`, and what it is made of."""

    logarithm: float
    exponential: float
    total: float
    published: float


def product_bound(
    exponents: Sequence[float], log_knots: int, exp_knots: int, margin: float = 0.0, slip: float = 0.0
) -> ProductBound:
    """How far prod_i ((1 + x_i) / 2)^r_i, made as exp(sum_i r_i log((1 + x_i) / 2)), can be off on [0, 1]^d: P22.

    Logarithms are interpolated in `log_knots` intervals of [0, 1], the exponential in `exp_knots` of
    [-q ln 2 - margin, 0], q = sum of the `exponents` r_i >= 0; its argument is off by at most `slip` from elsewhere
    (and stays in the interval). Derived here, a theorem:

    Chords of the logarithm are below it, so the argument s comes out as s - D, 0 <= D <= sum r_i d_i(x_i), with
    d(x) <= 1/(8 n^2) and, as |f''| = (1 + x)^-2, d(x) <= (1 + 1/n)^2 / (8 n^2 (1 + x)^2), n = `log_knots`. That lowers
    e^s by e^s D at most. Chords of the exponential are above it, by h^2/8 at most, h = (q ln 2 + margin) / `exp_knots`.
    The two have different signs: their **maximum** bounds the error, not their sum. With t_i = (1 + x_i)/2 the
    first is (1 + 1/n)^2 / (32 n^2) max of prod t_i^r_i sum r_i / t_i^2, which for r_i >= 1 (or 0) is convex or
    increasing in every t_i in [1/2, 1], so largest at a corner, for q >= 3 at t = 1: q / (32 n^2), a quarter of
    q / (8 n^2). The slip adds itself, the slope being 1 at most.

    `logarithm`, `exponential` and `total` are those; `published` is the sum of P22, h^2/8 + q/(8 n^2) + slip. For a
    product of three `total` is 1.3, 1.2 and 1.1 times the error measured at (10, 40), (20, 80), (40, 160).
    An interval that ends at s_max > 0 has e^s_max times the exponential part and slip. Raises `InputError`.
    """
    doing = "bound of a product"
    r = np.atleast_1d(finite("exponents", exponents, doing))
    if r.ndim != 1 or np.any(r < 0) or not r.sum() > 0:
        raise InputError(f"{doing}: exponents {r.tolist()} were given; give a vector of numbers >= 0, one above 0.")
    n, m = (int(count(k, v, doing, least=1)) for k, v in (("log_knots", log_knots), ("exp_knots", exp_knots)))
    below, off = (float(finite(k, v, doing)) for k, v in (("margin", margin), ("slip", slip)))
    if below < 0 or off < 0:
        raise InputError(f"{doing}: margin = {below}, slip = {off} were given; neither may be below 0.")
    q = float(r.sum())
    logarithm = min(q / 8, _corners(r[r > 0]) * (1 + 1 / n) ** 2 / 32) / n**2
    exponential = float(interpolation_error(1.0, q * math.log(2) + below, m))
    return ProductBound(logarithm, exponential, max(logarithm, exponential) + off, q / (8 * n**2) + exponential + off)


def needed_product_knots(error: float, exponents: Sequence[float], margin: float = 0.0) -> tuple[int, int]:
    """(log_knots, exp_knots), each the fewest with which `product_bound` is at most `error` > 0. Raises
    `InputError`."""
    limit = float(positive("error", error, "needed knots of a product"))
    product_bound(exponents, 1, 1, margin)  # checks its arguments
    q = float(np.sum(exponents))
    exp_knots = int(needed_knots(limit, 1.0, q * math.log(2) + margin))
    log_knots = int(needed_knots(limit, q, 1.0))  # the crude part is enough; fewer may be
    while log_knots > 1 and product_bound(exponents, log_knots - 1, exp_knots, margin).logarithm <= limit:
        log_knots -= 1
    return log_knots, exp_knots


def _corners(r: Array) -> float:
    """max over t in {1/2, 1}^d of prod t^r sum r / t^2; infinite where an exponent is below 1, as it may lie inside."""
    if np.any(r < 1):
        return math.inf
    q = float(r.sum())
    if q >= 3:  # a factor at 1/2 would need S (2^r - 1) < 3 r of a sum S >= 3, and 2^r - 1 >= r
        return q
    best = q
    for some in range(1, 1 << r.size):  # two exponents at most
        half = np.array([bool(some >> i & 1) for i in range(r.size)])
        best = max(best, float(np.exp2(-r[half].sum()) * (r * np.where(half, 4.0, 1.0)).sum()))
    return best


def _sampled(second: SecondDerivative, low: float, high: float, doing: str) -> tuple[Array, Array]:
    ends = finite("interval", [low, high], doing)
    if ends[0] >= ends[1]:
        raise InputError(f"{doing}: the interval [{low}, {high}] was given; low has to be below high.")
    x = np.linspace(low, high, _SAMPLES)
    return x, np.abs(np.broadcast_to(finite("second(x)", second(x), doing), x.shape))
