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


def hyperbolic_product_bin_probability(
    bins: ArrayLike, smallest: float, scale: float = 1.0, signed: bool = True
) -> NDArray[np.float64]:
    """P(the product of two independent hyperbolic samples on [smallest, 1] falls into bin i), for i in `bins`.

    Bin i holds the sizes from gamma^(i + 1) to gamma^i times `scale` in (0, 1]. -ln of a sample's size is uniform on
    [0, L], L = ln(1 / smallest), so that of a product has the triangular density y / L^2 up to L, and 2 L - y over L^2
    up to 2 L: bins around `smallest` are likely, those near 1 and near smallest^2 hardly ever hit, where
    `hyperbolic_bin_probability` is the same for all. Half of it if the sign has to fit as well (`signed`).
    `bins` >= 0, any shape. Exact. Raises `InputError` for bad input.
    """
    doing = "bins of products of hyperbolic samples"
    i = count("bins", bins, doing).astype(np.float64)
    span = math.log(1 / float(probability_of("smallest", smallest, doing)))
    size = float(positive("scale", scale, doing))
    if size > 1:
        raise InputError(f"{doing}: scale = {size} was given; it has to lie in (0, 1], where products do.")
    width, start = math.log(1 / GOLDEN), math.log(1 / size)
    larger = _share_above(start + (i + 1) * width, span) - _share_above(start + i * width, span)
    return np.asarray(np.maximum(larger, 0.0) / (2 if signed else 1))


def every_bin_filled(samples: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bound of P(each bin holds one of `samples` samples), bins of any `probabilities` (k,).

    Lower: the union bound 1 - sum_i (1 - p_i)^samples, at least 0. Upper: prod_i (1 - (1 - p_i)^samples), as the counts
    of a multinomial are negatively associated (Joag-Dev and Proschan 1983). Both are theorems; they differ by no more
    than the square of that sum, so they pin the probability down where it matters. `samples` >= 0 of any shape; for
    hidden units of which a share q are samples, give q p_i. Raises `InputError` for bad input.
    """
    doing = "bins filled by samples"
    n, p = count("samples", samples, doing), _chances(probabilities, doing)
    empty = (1 - p) ** n[..., None]
    return np.maximum(1 - empty.sum(axis=-1), 0.0), np.asarray((1 - empty).prod(axis=-1))


def samples_that_fill_every_bin(probabilities: ArrayLike, confidence: float = 0.5) -> int:
    """The smallest number of samples whose union bound in `every_bin_filled` is at least `confidence`: enough by a
    theorem, and few too many. About ln(k / (1 - confidence)) over the smallest probability.

    Raises `InputError` for bad input, `LimitError` beyond 10^7 samples, as for a bin of probability 0.
    """
    doing = "samples to fill every bin"
    wanted, p = float(probability_of("confidence", confidence, doing)), _chances(probabilities, doing)
    below, enough = -1, 1
    while every_bin_filled(enough, p)[0] < wanted:
        if enough >= _MOST_SAMPLES:
            raise LimitError(
                f"{doing}: {_MOST_SAMPLES} samples are not enough for a bin of probability {p.min()}; ask for fewer "
                "bins, or smaller samples to reach them."
            )
        below, enough = enough, min(2 * enough, _MOST_SAMPLES)
    while enough - below > 1:
        middle = (below + enough) // 2
        if every_bin_filled(middle, p)[0] < wanted:
            below = middle
        else:
            enough = middle
    return enough


def _share_above(depth: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """P(|u v| >= exp(-depth)): the distribution function of the triangular density on [0, 2 span]."""
    y = np.minimum(depth / span, 2.0)
    return np.where(y <= 1, y * y / 2, 1 - (2 - y) ** 2 / 2)


def _chances(probabilities: ArrayLike, doing: str) -> NDArray[np.float64]:
    p = finite("probabilities", probabilities, doing)
    if p.ndim != 1 or not p.size or np.any(p < 0) or p.sum() > 1 + 1e-12:
        raise InputError(
            f"{doing}: probabilities of shape {p.shape} and sum {p.sum():g} were given; give a vector of one or more, "
            "none below 0 and together at most 1."
        )
    return p


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
