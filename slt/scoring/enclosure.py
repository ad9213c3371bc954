"""Affine enclosures: what is known of a layer's values for all inputs of a domain at once.

Over a domain the inputs are x = c + u. A vector of values is enclosed as

    linear @ u + centre + n,    low <= n <= high  and  ||n|| <= radius,

so that whatever is linear in the input stays linear and can cancel; only the remainder n is bounded. The box of n is
the tighter one for single coordinates, the ball for sums over many of them: a sum of m remainders costs sqrt(m).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.domains import Ball, Domain
from slt.scoring.gram_norm import quick_norm_up
from slt.scoring.linear_maps import LinearMap
from slt.scoring.rounding import (
    UNDERFLOW,
    UNIT,
    downward,
    norm_up,
    product_up,
    spectral_norm_up,
    sum_up,
    upward,
)

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class Region:
    """The inputs x = centre + u of a domain: |u| <= half, and ||u|| <= radius for a ball.

    least, most   bounds of x, each (d,); tighter than centre +- half where the region is cut by an input ReLU
    quick         norms of large matrices are bounded without singular values
    """

    centre: FloatArray
    half: FloatArray
    radius: float | None
    least: FloatArray
    most: FloatArray
    quick: bool = False

    @staticmethod
    def of(domain: Domain, d: int, input_relu: bool) -> Region:
        """The region of relu(x) if ``input_relu``, else of x. A domain of another kind counts as the box around it."""
        least, most = domain.bounds(d)
        if input_relu:  # the image of a box is a box; that of a ball stays in the ball
            least, most = np.maximum(least, 0.0), np.maximum(most, 0.0)
        if isinstance(domain, Ball):
            return Region(np.zeros(d), np.full(d, float(domain.radius)), float(domain.radius), least, most)
        centre = least / 2 + most / 2
        gap = np.maximum(upward(most - centre), upward(centre - least))
        half = np.where(least == most, np.abs(least - centre), gap)
        return Region(centre, half, None, least, most)

    @property
    def spread(self) -> float:
        """At least the sum of |u_j|."""
        return float(sum_up(self.half))

    def rows(self, linear: FloatArray) -> FloatArray:
        """At least the largest |linear[i] @ u|, shape (m,)."""
        if self.radius is None:
            return product_up(np.abs(linear), self.half)
        return upward(norm_up(linear, axis=1) * self.radius)

    def norm(self, linear: FloatArray) -> float:
        """At least the largest ||linear @ u||."""
        rows = float(norm_up(self.rows(linear)))
        spectral = quick_norm_up if self.quick else spectral_norm_up
        if self.radius is not None:
            return min(rows, float(upward(spectral(linear) * self.radius)))
        # u = half * t with |t_j| <= 1, so ||t|| is at most the root of the number of coordinates that move
        moving = self.half > 0
        scaled = linear[:, moving] * self.half[moving]
        rounding = upward(float(norm_up(scaled)) * 2.0 * UNIT) + upward(scaled.size * UNDERFLOW)
        root = upward(np.sqrt(float(np.count_nonzero(moving))))
        bound = float(upward(upward(upward(spectral(scaled) + upward(rounding)) * root)))
        return min(rows, bound) if scaled.any() else rows


@final
@dataclass(frozen=True, eq=False)
class Enclosure:
    """All values of m coordinates over a region of d inputs.

    linear          (m, d)
    centre          (m,)
    low, high       (m,) box of the remainder n
    radius          ball of the remainder n, around 0
    least, most     (m,) bounds of the values themselves
    reach           bound of the Euclidean norm of the values
    """

    linear: FloatArray
    centre: FloatArray
    low: FloatArray
    high: FloatArray
    radius: float
    least: FloatArray
    most: FloatArray
    reach: float

    @property
    def largest(self) -> FloatArray:
        """At least the largest absolute value of each coordinate, shape (m,)."""
        return np.maximum(np.abs(self.least), np.abs(self.most))


def enclose(
    region: Region,
    linear: FloatArray,
    centre: FloatArray,
    low: FloatArray,
    high: FloatArray,
    radius: float,
    least: FloatArray | None = None,
    most: FloatArray | None = None,
    reach: float = np.inf,
) -> Enclosure:
    """An enclosure from its parts: box and ball tightened by each other, bounds of the values from both.

    ``least``, ``most`` and ``reach`` are bounds of the values known from elsewhere.
    """
    low, high = np.fmax(low, -radius), np.fmin(high, radius)
    middle = low / 2 + high / 2
    half = np.maximum(upward(high - middle), upward(middle - low))
    around = float(norm_up(half))
    radius = min(radius, float(norm_up(np.maximum(np.abs(low), np.abs(high)))))
    if around < radius:  # the box around its own middle is the smaller one: the middle moves into the centre
        moved = centre + middle
        slip = upward(UNIT * np.abs(moved))
        half = upward(half + slip)
        low, high, centre, radius = -half, half, moved, float(norm_up(half))
    rows = region.rows(linear)
    bottom = downward(downward(centre - rows) + low)
    top = upward(upward(centre + rows) + high)
    least = bottom if least is None else np.fmax(bottom, least)
    most = top if most is None else np.fmin(top, most)
    affine = upward(float(norm_up(centre)) + region.norm(linear))
    reach = min(reach, float(upward(affine + radius)), float(norm_up(np.maximum(np.abs(least), np.abs(most)))))
    least, most = np.fmax(least, -reach), np.fmin(most, reach)
    return Enclosure(linear, centre, low, high, radius, least, most, reach)


def identity(region: Region) -> Enclosure:
    """The inputs themselves."""
    d = len(region.centre)
    zero = np.zeros(d)
    return enclose(region, np.eye(d), region.centre, zero, zero, 0.0, region.least, region.most)


def nothing(region: Region, m: int) -> Enclosure:
    """m coordinates that are 0 whatever the input."""
    zero = np.zeros(m)
    return Enclosure(np.zeros((m, len(region.centre))), zero, zero, zero, 0.0, zero, zero, 0.0)


def image(
    region: Region,
    terms: Sequence[tuple[LinearMap, Enclosure]],
    constant: FloatArray,
    slack: FloatArray,
    least: FloatArray | None = None,
    most: FloatArray | None = None,
) -> Enclosure:
    """Encloses the sum of map(values) over ``terms``, plus ``constant``; ``slack`` (m,) is an error to add."""
    m, d = len(constant), len(region.centre)
    linear, centre = np.zeros((m, d)), constant
    low, high = -slack, slack
    radius, reach = float(norm_up(slack)), float(upward(norm_up(constant) + norm_up(slack)))
    for linear_map, x in terms:
        if not linear_map.entries.any():
            continue
        size = product_up(np.abs(x.linear), region.half)
        added, shift = linear_map.apply(x.linear), linear_map.apply(x.centre)
        linear, centre = linear + added, centre + shift
        error = linear_map.product_error(size, region.spread)
        error = upward(error + linear_map.product_error(np.abs(x.centre), 1.0))
        adding = upward(product_up(np.abs(linear), region.half) + np.abs(centre))
        error = upward(error + upward(2.0 * UNIT * adding))
        norm = linear_map.norm()
        bottom, top = linear_map.interval(x.low, x.high)
        ball = upward(linear_map.row_norms() * x.radius)
        bottom, top = np.fmax(bottom, -ball), np.fmin(top, ball)
        box = norm_up(np.maximum(np.abs(bottom), np.abs(top)))
        low = downward(downward(low + bottom) - error)
        high = upward(upward(high + top) + error)
        radius = float(upward(upward(radius + min(upward(norm * x.radius), box)) + norm_up(error)))
        reach = float(upward(reach + upward(norm * x.reach)))
    return enclose(region, linear, centre, low, high, radius, least, most, reach)


def total(region: Region, x: Enclosure, y: Enclosure, least: FloatArray, most: FloatArray) -> Enclosure:
    """Encloses the sum of two vectors of values, known to lie between ``least`` and ``most``."""
    linear, centre = x.linear + y.linear, x.centre + y.centre
    error = upward(2.0 * UNIT * upward(product_up(np.abs(linear), region.half) + np.abs(centre)))
    low, high = downward(downward(x.low + y.low) - error), upward(upward(x.high + y.high) + error)
    radius = float(upward(upward(x.radius + y.radius) + norm_up(error)))
    return enclose(region, linear, centre, low, high, radius, least, most, float(upward(x.reach + y.reach)))
