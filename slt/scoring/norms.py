"""Upper bounds of norms and of their sums and products, as single numbers, each at least the real one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slt.domains import Ball, Domain
from slt.scoring.rounding import UNIT, norm_up, spectral_norm_up, sum_up, upward

FloatArray = npt.NDArray[np.float64]

FUNCTION_ERROR = 2.0**-48  # relative, for tanh and expm1: 32 units in the last place, far more than any library's


def radius_of(domain: Domain, d: int) -> float:
    """At least the largest Euclidean norm of a point of the domain, in ``d`` coordinates."""
    low, high = domain.bounds(d)
    return float(domain.radius) if isinstance(domain, Ball) else float(norm_up(np.maximum(np.abs(low), np.abs(high))))


def norm_of(matrix: FloatArray, unknown: float) -> float:
    """At least the spectral norm of a matrix (Euclidean of a vector) of differences known up to ``unknown``."""
    known = norm_up(matrix) if matrix.ndim == 1 else spectral_norm_up(matrix)
    # the subtraction that gave an entry is wrong by UNIT times it at most
    rounded = upward(2.0 * UNIT * norm_up(matrix))
    return sum_of(float(known), float(rounded), product_of(unknown, root_of(matrix.size)))


def moved_mass(logit_error: float) -> float:
    """At least tanh(e / 2): half of sum |p' - p| for two softmaxes whose logits are e apart at most."""
    half = logit_error / 2
    return min(float(upward(np.tanh(half) * (1 + FUNCTION_ERROR))), half, 1.0)


def product_of(*factors: float) -> float:
    """At least the product of non-negative numbers."""
    value = 1.0
    for factor in factors:
        value = float(upward(value * factor))
    return value


def sum_of(*terms: float) -> float:
    """At least the sum of non-negative numbers."""
    return float(sum_up(np.array(terms)))


def root_of(number: int) -> float:
    return float(upward(np.sqrt(float(number))))
