"""The greedy golden-ratio decomposition: what it guarantees, and how many hyperbolic samples fill its bins."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError, LimitError
from slt.laws.arguments import count, finite, positive, probability_of

GOLDEN: Final = (math.sqrt(5) - 1) / 2
_MOST_SAMPLES: Final = 10**7


def golden_ratio_bound(bins: ArrayLike) -> NDArray[np.float64]:
    """gamma^bins, gamma = (sqrt 5 - 1) / 2: the most that greedy subtraction leaves of a target in [0, 1] (P16).

    If w_i lies in [gamma^(i + 1), gamma^i] for i = 1 .. bins, subtracting each that fits, largest first, leaves at
    most gamma^bins: 0.694 bits a bin. A theorem (Orseau, Hutter, Rivasplata 2020); gamma is sharp. Over targets
    uniform on [0, 1] the remainder is spread over the whole range, so its median is a constant fraction of the bound.
    `bins` >= 0, any shape. Raises `InputError` for bad input.
    """
    return np.asarray(GOLDEN ** count("bins", bins, "bound of the golden-ratio greedy").astype(np.float64))


def hyperbolic_bin_probability(smallest: float, signed: bool = True) -> float:
    """P(a hyperbolic sample on [smallest, 1] falls into one given bin): ln(1/gamma) / ln(1/smallest), exact.

    Half of it if the sign of the sample has to fit as well (`signed`). Raises `InputError` unless 0 < smallest < 1.
    """
    low = float(probability_of("smallest", smallest, "bins of hyperbolic samples"))
    return math.log(1 / GOLDEN) / math.log(1 / low) / (2 if signed else 1)


def all_bins_filled(samples: int, bins: int, probability: float) -> NDArray[np.float64]:
    """P(every one of `bins` bins holds a sample) after 0 .. `samples` samples, float64 (samples + 1,).

    Each sample falls into each bin with `probability` and else nowhere. It equals the inclusion-exclusion sum
    sum_j (-1)^j C(bins, j) (1 - j probability)^samples, computed as a chain of the number of bins filled, in which
    nothing cancels. An exact probability. Raises `InputError` for bad input, `LimitError` beyond 10^7 samples.
    """
    doing = "bins filled by samples"
    steps, k = int(count("samples", samples, doing)), int(count("bins", bins, doing, least=1))
    if steps > _MOST_SAMPLES:
        raise LimitError(f"{doing}: {steps} samples were asked for; at most {_MOST_SAMPLES} are followed.")
    chain = _Chain(k, probability)
    return np.array([chain.all_filled, *(chain.step() for _ in range(steps))])


def needed_samples(bins: int, probability: float, confidence: float = 0.5) -> int:
    """The smallest number of samples that fills all bins with at least `confidence`; arguments of `all_bins_filled`.

    About (ln bins - ln ln(1 / confidence)) / probability. Exact. Raises `InputError` for bad input, `LimitError` beyond
    10^7 samples.
    """
    doing = "samples to fill all bins"
    wanted = float(probability_of("confidence", confidence, doing))
    chain, samples = _Chain(int(count("bins", bins, doing, least=1)), probability), 0
    while chain.all_filled < wanted:
        if samples == _MOST_SAMPLES:
            raise LimitError(f"{doing}: {_MOST_SAMPLES} samples are not enough; ask for fewer bins.")
        chain.step()
        samples += 1
    return samples


class _Chain:
    """The distribution of the number of bins filled, sample by sample."""

    def __init__(self, bins: int, probability: float) -> None:
        p = float(positive("probability", finite("probability", probability, "bins"), "bins filled by samples"))
        if p * bins > 1 + 1e-12:
            raise InputError(
                f"bins filled by samples: {bins} bins of probability {p} were given; together they exceed 1."
            )
        self._move = np.minimum((bins - np.arange(bins)) * p, 1.0)
        self._chance = np.zeros(bins + 1)
        self._chance[0] = 1.0

    @property
    def all_filled(self) -> float:
        return float(self._chance[-1])

    def step(self) -> float:
        moved = self._chance[:-1] * self._move
        self._chance[:-1] -= moved
        self._chance[1:] += moved
        return self.all_filled
