"""Laws of random weights that go through the machine's mathematics library: normal, hyperbolic, and those of callers.

All turn the 53 highest random bits of an address into a sign s (the first bit, 1 for minus) and p = (m + 1/2) / 2**52
with m the other 52, and round s times the size at p to the nearest odd multiple of 2**-lattice, ties away from 0. So
they are exactly symmetric and never zero. They are drawn on the CPU and then moved, as no two mathematics libraries
need agree in the last bit of a logarithm; where one that disagrees makes another weight, the digest of a ticket's
source says so.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.arguments import is_number
from slt.errors import InputError, LatticeError
from slt.weight_law import WeightLaw

NORMAL_LATTICE = 20  # sizes below 8.3 make integers below 2**24: exact in float32
HYPERBOLIC_LATTICE = 23


class SymmetricLaw(WeightLaw):
    """A law that is symmetric around 0, by the quantiles of its sizes; lattice, sign and rounding are as the head of
    this file says. One's own needs ``exponent`` and ``size``."""

    @abstractmethod
    def size(self, p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The |weight| that a random one exceeds with probability p, elementwise; p in (0, 1), falling in p (or
        constant). The quantile function, which rises, at 1 - p."""

    @property
    def largest(self) -> int:
        return int(self._odd(np.array([0.5 * 2.0**-52]))[0])

    def integers(self, m: Any) -> Any:
        # m + 1/2 has 53 bits at most: p is exact
        p = np.ldexp((m & (2**52 - 1)) + 0.5, -52)
        k = np.minimum(self._odd(p), self.largest)
        return np.where(m >> 52 == 1, -k, k)

    def _odd(self, p: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        try:
            hash(self)
        except TypeError:
            _check_falling.__wrapped__(self)  # fields that cannot be hashed, and so not remembered
        else:
            _check_falling(self)
        return 2 * np.floor(np.ldexp(self._sizes(p), self.exponent) / 2).astype(np.int64) + 1

    def _sizes(self, p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """``size``, which a caller may have written: one number for each p, as the lattice can hold."""
        sizes = np.asarray(self.size(p), dtype=np.float64)
        if sizes.shape != p.shape:
            raise InputError(
                f"drawing weights of the law {self!r}: size() returned numbers of shape {sizes.shape} for {p.shape} "
                "of p; one for each p is needed"
            )
        scaled = np.ldexp(sizes, self.exponent)
        wrong = np.flatnonzero(~((scaled >= 0) & (scaled < 2.0**62)))
        if wrong.size:
            raise InputError(
                f"drawing weights of the law {self!r}: size() returned {sizes.flat[wrong[0]]:g} for "
                f"p = {p.flat[wrong[0]]:g}; a number in [0, 2**{62 - self.exponent}) is needed for each p in (0, 1)"
            )
        return sizes


# every power of two down to the smallest p there is, as far up to 1, and even steps between
_TAIL = 0.5 ** np.arange(2, 54)
GRID = np.unique(np.concatenate([_TAIL, 1 - _TAIL, np.arange(1, 256) / 256]))


@lru_cache(maxsize=1024)
def _check_falling(law: SymmetricLaw) -> None:
    """Raises InputError for sizes that rise in p, once for each law that passes. Constant sizes are none that rise, and
    neither is what rounding does to them."""
    sizes = law._sizes(GRID)
    rise = sizes - np.minimum.accumulate(sizes)
    wrong = rise > 1e-9 * sizes + 2.0 ** (1 - law.exponent)
    if wrong.any():
        high = int(np.argmax(wrong & (rise >= rise.max() / 2)))  # where it is plain to see
        low = int(np.argmin(sizes[: high + 1]))
        raise InputError(
            f"drawing weights of the law {law!r}: size() rises in p, from {sizes[low]:g} at p = {GRID[low]:g} to "
            f"{sizes[high]:g} at p = {GRID[high]:g}; it is to fall, as p is the probability of a larger weight. You "
            "may have written the quantile function, the size that is not exceeded: then give it 1 - p for p"
        )


@final
@dataclass(frozen=True)
class Normal(SymmetricLaw):
    """Standard normal: |weight| = -Phi^-1(p / 2) by ``scipy.special.ndtri``, at most 8.3; rounded as the head of this
    file says.

    ``lattice`` is 20 for network weights, so that all are exact in float32 (1 .. 52 are possible, and 52 is for bare
    random subset sums). Steps between weights are 2**(1 - lattice); the largest |weight| has probability 2**-52.
    """

    lattice: int = NORMAL_LATTICE

    def __post_init__(self) -> None:
        _check_lattice("normal", self.lattice)

    @property
    def exponent(self) -> int:
        return self.lattice

    @property
    def largest(self) -> int:
        return int(8.3 * 2**self.lattice) | 1

    @property
    def deviation(self) -> float:
        return 1.0

    def size(self, p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        from scipy.special import ndtri

        return -np.asarray(ndtri(p / 2))


@final
@dataclass(frozen=True)
class Hyperbolic(SymmetricLaw):
    """|weight| of density proportional to 1 / |w| on [smallest, 1], random sign: |weight| = smallest**p, computed as
    exp(p ln smallest) and rounded as the head of this file says (Orseau, Hutter, Rivasplata 2020, hyperbolic sampling).

    Every interval [g**(i + 1), g**i] in range has the same probability, ln(1/g) / ln(1/smallest) for both signs
    together. ``smallest`` in [2**-lattice, 1): the rounding moves a weight by at most 2**-lattice, which is a relative
    error of 2**-lattice / smallest at the small end.
    """

    smallest: float
    lattice: int = HYPERBOLIC_LATTICE

    def __post_init__(self) -> None:
        _check_lattice("hyperbolic", self.lattice)
        if not (is_number(self.smallest) and 2.0**-self.lattice <= self.smallest < 1):
            raise LatticeError(
                f"a hyperbolic law needs smallest in [2**-{self.lattice}, 1), as its lattice is 2**-{self.lattice}; "
                f"{self.smallest!r} was given"
            )
        object.__setattr__(self, "smallest", float(self.smallest))

    @property
    def exponent(self) -> int:
        return self.lattice

    @property
    def largest(self) -> int:
        return (1 << self.lattice) - 1

    def size(self, p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.exp(p * math.log(self.smallest))


def _check_lattice(kind: str, lattice: Any) -> None:
    if type(lattice) is not int or not 1 <= lattice <= 52:
        raise LatticeError(f"a {kind} law needs a lattice exponent in 1 .. 52; {lattice!r} was given")
