"""Statistics of needed widths: from nested draws to a width per seed, and bands for quantiles and proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, positive, probability_of


@final
@dataclass(frozen=True, slots=True)
class Band:
    """An estimate and a confidence band, `low` <= `estimate` <= `high`, in the units of the sample.

    The band covers the true value with probability at least `level`, however the sample is distributed.
    """

    estimate: float
    low: float
    high: float
    level: float


def needed_width(errors: ArrayLike, widths: ArrayLike, error: float) -> NDArray[np.float64]:
    """The first width from which the error stays at or below `error`, for every seed; +inf where the last one misses.

    `errors` (..., W): the errors at `widths` (W,), strictly increasing, of the same seed, whose draws are nested (width
    n is a prefix of width n + 1). Optimal errors then never increase with the width, and the result is exact up to the
    spacing of `widths`; errors of a solver that is not exact may increase, and a later miss then resets the count.
    Returns float64 (...). Raises `InputError` for NaN, negative errors, a wrong shape, `error` <= 0.
    """
    doing = "needed width"
    table = np.asarray(errors, dtype=np.float64)
    steps = count("widths", widths, doing)
    limit = float(positive("error", error, doing))
    if steps.ndim != 1 or not steps.size or np.any(np.diff(steps) <= 0):
        raise InputError(f"{doing}: widths of shape {steps.shape} were given; give a strictly increasing vector.")
    if table.ndim < 1 or table.shape[-1] != steps.size:
        raise InputError(
            f"{doing}: errors of shape {table.shape} were given for {steps.size} widths; they need the last axis."
        )
    if np.any(np.isnan(table)) or np.any(table < 0):
        raise InputError(f"{doing}: errors hold NaN or negative numbers; give the size of each error.")
    stays_hit = np.logical_and.accumulate(table[..., ::-1] <= limit, axis=-1)
    misses = steps.size - stays_hit.sum(axis=-1)
    return np.asarray(np.append(steps.astype(np.float64), np.inf)[misses])


def quantile_band(sample: ArrayLike, probability: float, level: float = 0.95) -> Band:
    """A quantile of a distribution from an iid sample (N,), with a band of two order statistics.

    The estimate is the smallest sample value with at least N * `probability` of the sample at or below it. The band
    runs from the l-th to the u-th smallest value with P(Bin(N, probability) < l) <= (1 - level) / 2 and
    P(Bin(N, probability) >= u) <= (1 - level) / 2: exact binomial coverage of at least `level` for every distribution,
    ties included. Values may be +-inf (a censored width is +inf); a side that no order statistic bounds is -inf or
    +inf.
    A theorem of elementary statistics, no heuristic. Raises `InputError` for an empty sample, NaN, or a probability or
    level outside (0, 1).
    """
    doing = "band of a quantile"
    values = np.sort(np.asarray(sample, dtype=np.float64))
    q = float(probability_of("probability", probability, doing))
    sure = float(probability_of("level", level, doing))
    if values.ndim != 1 or not values.size:
        raise InputError(f"{doing}: a sample of shape {values.shape} was given; give a vector with at least one value.")
    if np.any(np.isnan(values)):
        raise InputError(f"{doing}: the sample holds NaN; give +inf for a censored value.")
    from scipy.special import bdtr, bdtrc

    size = values.size
    ranks = np.arange(1, size + 1, dtype=np.float64)
    below = bdtr(ranks - 1, size, q)
    above = np.append(bdtrc(ranks[:-1] - 1, size, q), q**size)
    low_rank = int(np.count_nonzero(below <= (1 - sure) / 2))
    high_rank = size + 1 - int(np.count_nonzero(above <= (1 - sure) / 2))
    padded = np.concatenate([[-np.inf], values, [np.inf]])
    rank = min(max(int(np.ceil(size * q - 1e-9)), 1), size)
    return Band(float(values[rank - 1]), float(padded[low_rank]), float(padded[high_rank]), sure)


def proportion_band(successes: int, trials: int, level: float = 0.95) -> Band:
    """The Clopper-Pearson band of a proportion: exact binomial coverage of at least `level`.

    `successes` of `trials` independent trials. Raises `InputError` unless 0 <= successes <= trials, trials >= 1.
    """
    doing = "band of a proportion"
    hits, total = int(count("successes", successes, doing)), int(count("trials", trials, doing, least=1))
    sure = float(probability_of("level", level, doing))
    if hits > total:
        raise InputError(f"{doing}: {hits} successes of {total} trials were given; give at most {total}.")
    from scipy.special import betaincinv

    tail = (1 - sure) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, total - hits + 1, tail))
    high = 1.0 if hits == total else float(betaincinv(hits + 1, total - hits, 1 - tail))
    return Band(hits / total, low, high, sure)
