"""What the laws of random subset sums need to know about one random item: two moments and one Laplace transform."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

Complex: TypeAlias = NDArray[np.complex128]


@final
@dataclass(frozen=True, slots=True)
class ItemLaw:
    """The law of one item x of a subset-sum problem, symmetric around 0.

    `second_moment` is E x^2, `mean_abs` is E|x| and `fourth_moment` E x^4, in powers of the units of the items.
    The Laplace transform of the positive part, E[exp(-s x) | x > 0], is `smooth(s)` + exp(-s) `delayed(s)`, both
    analytic off the negative axis and shaped like s; `delayed` is None for a law without end. Split like this the
    transform can be inverted to rounding error, although the density on [-1, 1] ends abruptly at 1.
    """

    name: str
    second_moment: float
    mean_abs: float
    fourth_moment: float
    smooth: Callable[[Complex], Complex] = field(repr=False)
    delayed: Callable[[Complex], Complex] | None = field(default=None, repr=False)

    @property
    def kurtosis(self) -> float:
        """E x^4 / (E x^2)^2: 3 for normal items, 9/5 for uniform ones, squares of these for their products."""
        return self.fourth_moment / self.second_moment**2


def _reciprocal(s: Complex) -> Complex:
    return 1 / s


def _minus_reciprocal(s: Complex) -> Complex:
    return -1 / s


def _logarithm(s: Complex) -> Complex:
    """Transform of -ln w on (0, inf); on (0, 1) that is the density of |w| for a product of two uniforms."""
    return (np.log(s) + np.euler_gamma) / s


def _logarithm_past_one(s: Complex) -> Complex:
    """exp(s) times the transform of ln w on (1, inf), E1(s) / s."""
    return _scaled_exponential_integral(s) / s


def _half_normal(s: Complex) -> Complex:
    from scipy.special import wofz

    return np.asarray(wofz(1j * s / math.sqrt(2)))


def _half_normal_product(s: Complex) -> Complex:
    """Density (2/pi) K0(w) on (0, inf): transform (2/pi) arccosh(s) / sqrt(s^2 - 1), smooth through s = 1."""
    root = np.sqrt(s - 1) * np.sqrt(s + 1)
    near_one = np.abs(root) < 1e-6
    return np.asarray(2 / math.pi * np.where(near_one, 1.0, np.arccosh(s) / np.where(near_one, 1.0, root)), s.dtype)


def _scaled_exponential_integral(s: Complex) -> Complex:
    """exp(s) E1(s); by its asymptotic series where |s| > 60, so that neither factor overflows."""
    from scipy.special import exp1

    large = np.abs(s) > 60
    small = np.where(large, 1.0, s)
    series = np.zeros_like(s)
    for k in range(24, -1, -1):
        series = 1 - (k + 1) / np.where(large, s, 60.0) * series
    return np.where(large, series / s, np.exp(small) * exp1(small))


UNIFORM: Final = ItemLaw("uniform on [-1, 1]", 1 / 3, 1 / 2, 1 / 5, _reciprocal, _minus_reciprocal)
UNIFORM_PRODUCT: Final = ItemLaw("product of two uniforms", 1 / 9, 1 / 4, 1 / 25, _logarithm, _logarithm_past_one)
NORMAL: Final = ItemLaw("standard normal", 1.0, math.sqrt(2 / math.pi), 3.0, _half_normal)
NORMAL_PRODUCT: Final = ItemLaw("product of two standard normals", 1.0, 2 / math.pi, 9.0, _half_normal_product)
