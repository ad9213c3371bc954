"""Exact hits with quantised weights: subset sums of products, or of single weights, that live on a lattice.

A weight of `Uniform(b)` is k / 2^b, k odd and uniform among -2^b < k < 2^b, so E k^2 = (4^b - 1) / 3. A product of two
is an odd multiple of 4^-b. Among 2^n subset sums of odd numbers half have the parity of a whole target, and those are
two steps apart: the two factors cancel, and as in P20 a whole target z is hit by a Poisson number of mean
2^n phi_s(z - s u), u standard normal, s^2 = n E K^2 / 4, K the item in steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError, LimitError
from slt.laws.arguments import count, finite, positive, probability_of
from slt.laws.item_laws import UNIFORM, UNIFORM_PRODUCT, ItemLaw
from slt.laws.reach import reach_tail
from slt.laws.sum_laws import SumLaw
from slt.laws.tails import poisson_mixture

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class LatticeSums(SumLaw):
    """The best subset sum of products of two weights of `bits` bits (`factors` 2), or of single ones (1).

    As `sums` of the laws of networks it takes errors below a `step`, such as half of one, as exact hits: so a whole
    network is likely to be exact at `needed_width_quantile(0.5, law.step / 2, layers, sums=law)`.
    """

    most_width: ClassVar[int] = 4096
    bits: int
    factors: int = 2

    def __post_init__(self) -> None:
        count("bits", self.bits, "sums on a lattice", least=1)
        if self.factors not in (1, 2):
            raise InputError(f"sums on a lattice: factors = {self.factors} was given; 1 or 2 is needed.")

    @property
    def step(self) -> float:
        """2^-(bits * factors), the unit of the lattice."""
        return 2.0 ** -(self.bits * self.factors)

    @property
    def items(self) -> ItemLaw:
        """What the items go to with many bits."""
        return UNIFORM_PRODUCT if self.factors == 2 else UNIFORM

    @property
    def second_moment(self) -> float:
        """E x^2 of an item: 3^-factors (1 - 4^-bits)^factors."""
        return ((1 - 4.0**-self.bits) / 3) ** self.factors

    def miss_probability(self, error: float, n: ArrayLike, target: ArrayLike) -> Array:
        """P(no subset sum within `error` of the target, rounded to the lattice): 0 where the empty subset serves.

        Units of the weights. Heuristic: `exact_hit_probability`, with the lattice points within the error instead of
        one, rounded down to whole steps.
        """
        limit = math.floor(float(positive("error", error, "sums on a lattice")) / self.step)
        sizes = np.abs(np.asarray(target, np.float64))
        wanted = np.rint(sizes / self.step)
        return np.where((sizes <= error) | (wanted <= limit), 0.0, self._missed(limit, np.asarray(n, np.int64), wanted))

    def _missed(self, limit: int, n: NDArray[np.int64], wanted: Array) -> Array:
        """The same in whole steps, without the empty subset."""
        number, z = np.broadcast_arrays(n, wanted * self.step)
        sigma = np.sqrt(np.maximum(number, 1) * self.second_moment / 4)
        log_points = math.log((2 * limit + 1) * self.step)
        log_rate = number * math.log(2) + log_points - np.log(sigma) - 0.5 * math.log(2 * math.pi)
        mixture = np.where(number == 0, 1.0, poisson_mixture(log_rate, z / sigma))
        # sums of one parity are two steps apart: the next one is a step beyond the middle
        return np.maximum(mixture, reach_tail(max(limit, 1) * self.step, number, z, self.items))


def exact_hit_probability(n: ArrayLike, bits: int, target: ArrayLike, factors: int = 2) -> Array:
    """P(some non-empty subset of n items sums to `target` exactly), items products of `factors` weights of `bits` bits:
    1 - max(E_u exp(-2^n phi_s(z - s u)), reach), the law of the head of this file.

    `target` in units of the weights, rounded to the lattice 2^-(bits * factors); it and `n` >= 1 broadcast. P20
    (`quantised_exact_probability`) has all whole numbers -M .. M instead. Heuristic, derived here.
    By enumeration (n = 5 .. 13, targets 0.1, 0.3, 0.8, 4,000 draws): for single weights within 0.06, from n = 8 on
    within 0.04. Products coincide more, and share divisors: the law is too large by up to 0.02 at 6 bits, 0.06 at 5,
    0.12 at 4, 0.18 at 3 and 0.31 at 2. Raises `InputError` for bad input.
    """
    doing = "exact hits on a lattice"
    law = LatticeSums(bits, factors)
    wanted = np.rint(np.abs(finite("target", target, doing)) / law.step)
    return np.asarray(1 - law._missed(0, count("n", n, doing, least=1), wanted))


def needed_exact_items(bits: int, probability: float = 0.5, target: float = 0.0, factors: int = 2) -> int:
    """The smallest n whose `exact_hit_probability` is at least `probability`: about bits * factors + log2(n) / 2.

    Heuristic. Raises `InputError` for bad input, `LimitError` beyond 4096 items.
    """
    doing = "needed items of exact hits"
    wanted = float(probability_of("probability", probability, doing))
    most = LatticeSums(bits, factors).most_width
    sizes = np.arange(1, most + 1)
    enough = exact_hit_probability(sizes[:128], bits, target, factors) >= wanted
    if not enough.any():
        enough = exact_hit_probability(sizes, bits, target, factors) >= wanted
    if not enough.any():
        raise LimitError(f"{doing}: {most} are not enough; ask for fewer bits.")
    return int(sizes[np.argmax(enough)])
