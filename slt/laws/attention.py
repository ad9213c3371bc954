"""Predictions for multi-head attention: every entry of its merged matrices a subset sum of `width` products.

An entry of queries times keys (d1 x d1 a head) or of values times outputs (d1 x d2) is a sum of u_k v_k over units of
one coordinate, u and v uniform on [-1, 1] (the source law U[-n_K^(1/4), n_K^(1/4)] of queries and keys cancels the
softmax's 1 / sqrt(n_K) exactly). All units serve, whatever the sign of an input: a sum has `width` = n_K / d1 items.

Epistemic status: the misses of single sums follow `miss_probability` (Poisson and local limit, reach included); sums
are taken as independent, although those of one coordinate share their u. Heuristics derived for this project, no
theorems. Against exact optima (d 2 to 4, 1 to 8 heads, 300 seeds, widths 12 .. 26): medians of the largest residual
0.55 to 1.06 of the law, where the reach decides mostly below it; slopes within 3 %.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError, LimitError
from slt.laws.arguments import count, finite, positive, probability_of
from slt.laws.item_laws import UNIFORM_PRODUCT
from slt.laws.random_subset_sum import error_quantile, miss_probability
from slt.laws.tails import error_at

Array = NDArray[np.float64]
_MOST_WIDTH: Final = 4096
_TABLE: Final = 128


def attention_error_slope(coordinates: int = 1) -> float:
    """-ln 2 / `coordinates`: how the natural logarithm of the error changes, asymptotically.

    A unit of width with `coordinates` 1; a unit of the key dimension n_K = d1 * width with `coordinates` d1. At any
    finite width the square-root factor and the largest of many sums change it: slopes at given widths come from
    `largest_residual_quantile`. Heuristic: that of `typical_scale`.
    """
    return -math.log(2) / int(count("coordinates", coordinates, "slope of attention errors", least=1))


def largest_residual_quantile(
    probability: ArrayLike, width: ArrayLike, targets: ArrayLike, scale: float = 1.0
) -> Array:
    """The error that the largest residual of all sums stays below with `probability`: prod (1 - p_n(w)) solved for it.

    `targets`: the wanted entries, any shape, in units of the merged matrices. `probability` and `width` >= 1 broadcast.
    `scale` f > 0: both factors of every item are multiplied by f (f^2 u v): residuals and reach grow by f^2. Heuristic,
    see the head of this file. Raises `InputError`.
    """
    doing = "largest residual of attention"
    sizes, repeats, square = _entries(targets, scale, doing)
    q, n = np.broadcast_arrays(probability_of("probability", probability, doing), count("width", width, doing, least=1))
    if not sizes.size:
        return np.zeros(q.shape)
    flat = n.ravel()

    def missing(error: Array) -> Array:
        return -np.expm1(_log_no_miss(error, flat, sizes, repeats))

    low = np.full(flat.size, 1e-3) * np.exp2(-flat.astype(np.float64)) / max(1, int(repeats.sum()))
    found = error_at(missing, 1 - q.ravel(), low, float(sizes.max()))
    return np.asarray(square * found.reshape(q.shape))


def no_residual_beyond_probability(error: ArrayLike, width: ArrayLike, targets: ArrayLike) -> Array:
    """P(every residual is within `error`), which broadcasts with `width`. Heuristic. Raises `InputError`."""
    doing = "residuals of attention"
    sizes, repeats, _ = _entries(targets, 1.0, doing)
    e, n = np.broadcast_arrays(positive("error", error, doing), count("width", width, doing))
    return np.asarray(np.exp(_log_no_miss(e.ravel(), n.ravel(), sizes, repeats)).reshape(e.shape))


def needed_attention_width(probability: float, error: float, targets: ArrayLike) -> int:
    """Smallest width at which no residual exceeds `error` with at least `probability`; bisection. Heuristic.

    For an error of the output, divide by what a residual can do to it. Raises `InputError`, and `LimitError` when a
    width of 4096 is not enough.
    """
    wanted = float(probability_of("probability", probability, "needed width of attention"))
    limit = float(positive("error", error, "needed width of attention"))
    high = 4
    while float(no_residual_beyond_probability(limit, high, targets)) < wanted:
        high *= 2
        if high > _MOST_WIDTH:
            raise LimitError(f"needed width of attention: {_MOST_WIDTH} is not enough for error {limit}; allow more.")
    low = -1 if high == 4 else high // 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = float(no_residual_beyond_probability(limit, middle, targets)) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def output_error_quantile(
    probability: ArrayLike, width: int, targets: ArrayLike, gains: ArrayLike, draws: int = 2000
) -> Array:
    """Quantiles of the largest Euclidean error of an output token, to first order in the residuals.

    `targets` (sums,) the wanted entries; `gains` (tokens, outputs, sums): what a unit of each residual adds to each
    output of each token, that is the derivative of the target attention at fixed inputs. Residuals are `draws`
    independent samples of their law with random signs, always the same ones, so that the result is a function of its
    arguments; its own sampling error is about 1.5 / sqrt(draws) of a standard deviation for the median. Shaped like
    `probability`. Heuristic; to first order only, so too large where residuals of order 1 saturate a softmax.
    Raises `InputError`.
    """
    doing = "output error of attention"
    levels = probability_of("probability", probability, doing)
    wanted, effects = finite("targets", targets, doing), finite("gains", gains, doing)
    many = int(count("draws", draws, doing, least=1))
    if wanted.ndim != 1 or effects.ndim != 3 or effects.shape[2] != wanted.size:
        raise InputError(
            f"{doing}: targets of shape {wanted.shape} with gains of shape {effects.shape} were given; "
            "(sums,) and (tokens, outputs, sums) are needed."
        )
    residuals = _residual_samples(int(count("width", width, doing, least=1)), np.abs(wanted), many)
    tokens, outputs, sums = effects.shape
    moved = (effects.reshape(-1, sums) @ residuals).reshape(tokens, outputs, many)
    largest = np.sqrt(np.square(moved).sum(axis=1)).max(axis=0)
    return np.asarray(np.quantile(largest, levels))


def scaled_error_quantile(probability: ArrayLike, width: ArrayLike, target: ArrayLike, scale: ArrayLike) -> Array:
    """The quantile of one sum's error when its items are f^2 u v, f = `scale`: f^2 times that of target / f^2.

    Reach f^2 width / 8 (its mean) against resolution f^2 2^-width: a small scale cannot reach the target, a large one
    resolves it no finer than it has to. The paper's source has f = 1 for queries and keys; without its factor
    n_K^(1/4) the scale is n_K^(-1/4). All arguments broadcast. Heuristic, like `error_quantile`. Raises `InputError`.
    """
    square = positive("scale", scale, "error at an initial scale") ** 2
    return np.asarray(square * error_quantile(probability, width, np.asarray(target) / square, UNIFORM_PRODUCT))


def best_initial_scale(width: int, targets: ArrayLike, probability: float = 0.5) -> float:
    """The scale f at which the `probability` quantile of the largest residual is smallest, within 1 %. Heuristic.

    Golden-section search between the scales around the best of a grid over [1/64, 16]. Raises `InputError`.
    """
    from scipy.optimize import minimize_scalar

    def logarithm(log_scale: float) -> float:
        found = largest_residual_quantile(probability, width, targets, math.exp(log_scale))
        return math.log(max(float(found), 1e-300))

    grid = np.linspace(math.log(1 / 64), math.log(16), 33)
    best = int(np.argmin([logarithm(x) for x in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    return math.exp(minimize_scalar(logarithm, bounds=bounds, method="bounded", options={"xatol": 0.005}).x)


def _entries(targets: ArrayLike, scale: float, doing: str) -> tuple[Array, NDArray[np.int64], float]:
    """Distinct sizes above 0 of the targets in units of the items, how often each occurs, and the unit f^2."""
    square = float(positive("scale", scale, doing)) ** 2
    sizes, repeats = np.unique(np.abs(finite("targets", targets, doing)).ravel() / square, return_counts=True)
    return sizes[sizes > 0], repeats[sizes > 0].astype(np.int64), square


def _log_no_miss(error: Array, width: NDArray[np.int64], sizes: Array, repeats: NDArray[np.int64]) -> Array:
    """ln prod (1 - p) for errors and widths (E,); sums of targets 0, and those within the error, never miss."""
    miss = miss_probability(error[:, None], width[:, None], sizes, UNIFORM_PRODUCT)
    return np.asarray(np.log(np.maximum(1 - miss, 1e-300)) @ repeats)


def _residual_samples(width: int, sizes: Array, draws: int) -> Array:
    """Signed residuals, (sums, draws): the law of each sum inverted at fixed random numbers."""
    rng = np.random.default_rng(0)
    chances, signs = rng.random((sizes.size, draws)), rng.choice([-1.0, 1.0], (sizes.size, draws))
    found = np.zeros((sizes.size, draws))
    for i, size in enumerate(sizes.tolist()):
        if size > 0:
            errors = size * np.geomspace(1e-6 * 2.0**-width, 1.0, _TABLE)
            within = 1 - miss_probability(errors, width, size, UNIFORM_PRODUCT)
            found[i] = np.exp(np.interp(chances[i], within, np.log(errors)))
    return np.asarray(found * signs)
