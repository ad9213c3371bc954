"""A weight law of your own: copy this file anywhere, rename the class, change ``size``. Nothing is registered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.weights import SymmetricLaw


@final
@dataclass(frozen=True)
class Triangular(SymmetricLaw):
    """The mean of two uniform numbers on (-reach, reach): density (1 - |w| / reach) / reach.

    Files name it by its class and its fields, ``triangular/0.5``, so fields are numbers.
    """

    reach: float = 1.0
    exponent: int = 23  # weights are odd multiples of 2**-23; with a reach of 1 at most that is exact in float32

    def size(self, p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The |weight| that a random one exceeds with probability p: P(|w| > x) = (1 - x / reach)**2."""
        return self.reach * (1 - np.sqrt(p))

    @property
    def deviation(self) -> float:
        """The standard deviation, by which searches scale whole networks; ``find_ticket`` does without."""
        return self.reach / math.sqrt(6)
