"""Affine enclosures through a ReLU: of one network, and of the difference of two.

Both rest on two facts. relu(z) - s z lies between 0 and max(-s l, (1 - s) u) for z in [l, u] and 0 <= s <= 1, and is at
most max(s, 1 - s) |z|. And relu(z + delta) - relu(z) = s delta for some 0 <= s <= 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slt.scoring.enclosure import Enclosure, Region, enclose
from slt.scoring.rounding import UNDERFLOW, UNIT, downward, norm_up, product_up, upward

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def relu(region: Region, z: Enclosure) -> Enclosure:
    """Encloses max(z, 0): exact where the sign of z is known, the chord through the ends of its bounds elsewhere."""
    unknown, chord = _chord(z)
    slope = np.where(unknown, chord, np.where(z.least >= 0, 1.0, 0.0))
    above, below = upward(1.0 - slope), slope
    return _bent(region, z, slope, above, below, np.maximum(z.least, 0.0), np.maximum(z.most, 0.0))


def absolute(region: Region, z: Enclosure) -> Enclosure:
    """Encloses |z|: exact where the sign of z is known, the chord elsewhere."""
    unknown, chord = _chord(z)
    slope = np.where(unknown, 2.0 * chord - 1.0, np.where(z.least >= 0, 1.0, -1.0))
    above, below = upward(1.0 - slope), upward(1.0 + slope)
    return _bent(region, z, slope, above, below, np.maximum(0.0, np.maximum(z.least, -z.most)), z.largest)


def relu_difference(region: Region, delta: Enclosure, z: Enclosure, other: Enclosure) -> Enclosure:
    """Encloses relu(z + delta) - relu(z), where ``other`` encloses z + delta.

    Where both signs are known the slope is 1 or 0. Elsewhere it is 1/2, wrong by at most |delta| / 2, or 1 or 0 if that
    is wrong by less: relu(z + delta) - relu(z) - delta is at most max(-z, -z - delta, 0) in absolute value.
    """
    on = (z.least >= 0) & (other.least >= 0)
    off = (z.most <= 0) & (other.most <= 0)
    largest = delta.largest
    below = np.maximum(0.0, np.maximum(-z.least, -other.least))
    above = np.maximum(0.0, np.maximum(z.most, other.most))
    # what |delta| / 2 costs a coordinate: its box bound, or its share of the ball where that is smaller
    ball = float(norm_up(largest))
    typical = largest / 2 * (min(1.0, delta.reach / ball) if ball > 0 else 1.0)
    one = ~off & (on | ((below < typical) & (below <= above)))
    zero = ~one & (off | (above < typical))
    half = ~(one | zero)
    slope = np.where(one, 1.0, np.where(half, 0.5, 0.0))
    gap = np.where(half, upward(largest / 2), np.minimum(largest, np.where(one, below, above)))
    gap = np.where(on | off, 0.0, gap)
    linear, centre, error = _scaled(region, slope, delta.linear, delta.centre)
    # the ball: with delta = y + n, what is left is at most |y| / 2 + |n| where the slope is 1/2, gap + |n| elsewhere
    rest = min(
        _affine_norm(region, np.where(half, 0.5, 0.0), delta),
        float(upward(delta.reach / 2)),
        float(norm_up(np.where(half, gap, 0.0))),
    )
    rest = float(upward(rest + norm_up(np.where(half, 0.0, gap))))
    before = np.maximum(z.least, 0.0), np.maximum(z.most, 0.0)
    after = np.maximum(other.least, 0.0), np.maximum(other.most, 0.0)
    return enclose(
        region,
        linear,
        centre,
        downward(downward(downward(slope * delta.low) - gap) - error),
        upward(upward(upward(slope * delta.high) + gap) + error),
        float(upward(upward(delta.radius + rest) + norm_up(error))),
        np.fmax(np.minimum(delta.least, 0.0), downward(after[0] - before[1])),
        np.fmin(np.maximum(delta.most, 0.0), upward(after[1] - before[0])),
        delta.reach,
    )


def _chord(z: Enclosure) -> tuple[BoolArray, FloatArray]:
    """Which coordinates have no known sign, and the slope of relu's chord there."""
    unknown = ~((z.least >= 0) | (z.most <= 0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = z.most / (z.most - z.least)
    return unknown, np.where(np.isfinite(slope), np.clip(slope, 0.0, 1.0), 0.5)


def _bent(
    region: Region,
    z: Enclosure,
    slope: FloatArray,
    above: FloatArray,
    below: FloatArray,
    least: FloatArray,
    most: FloatArray,
) -> Enclosure:
    """Encloses f(z), f = relu or the absolute value, where f(z) - slope z is above z for z > 0 and below |z| for z < 0.

    The box: the two ends of the bounds of z. The ball: with z = y + n, y affine, f(z) = f(y) + s n for some |s| <= 1.
    """
    unknown = ~((z.least >= 0) | (z.most <= 0))
    gap = np.where(unknown, np.maximum(upward(below * -z.least), upward(above * z.most)), 0.0)
    linear, centre, error = _scaled(region, slope, z.linear, z.centre)
    rest = min(
        _affine_norm(region, np.where(unknown, _share(region, z, above, below), 0.0), z),
        float(upward(np.max(np.where(unknown, np.maximum(above, below), 0.0)) * z.reach)),
        float(norm_up(gap)),
    )
    ends = slope * z.low, slope * z.high
    return enclose(
        region,
        linear,
        centre,
        downward(downward(np.minimum(*ends)) - error),
        upward(upward(upward(np.maximum(*ends)) + gap) + error),
        float(upward(upward(z.radius + rest) + norm_up(error))),
        least,
        most,
        z.reach,
    )


def _share(region: Region, z: Enclosure, above: FloatArray, below: FloatArray) -> FloatArray:
    """Factors c with max(above y, -below y) <= c (|a| + |t|) for y = a + t, the affine part of z, a its centre.

    Say a >= 0. Then above y <= above (|a| + |t|), and y < 0 needs |t| > a, where -below y = below (|t| - a); in
    proportion to |t| + a that is largest for the largest |t|. So a unit that is mostly on costs little in the ball too.
    """
    size, extent = np.abs(z.centre), region.rows(z.linear)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = upward(upward(np.maximum(upward(extent - size), 0.0)) / downward(extent + size))
    far = np.where(np.isfinite(far), np.minimum(far, 1.0), 1.0)
    near, opposite = np.where(z.centre >= 0, (above, below), (below, above))
    return np.asarray(np.maximum(near, upward(opposite * far)))


def _scaled(
    region: Region, slope: FloatArray, linear: FloatArray, centre: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """slope * linear and slope * centre in float64, and the error that rounding them makes in a value."""
    linear, centre = slope[:, None] * linear, slope * centre
    size = upward(product_up(np.abs(linear), region.half) + np.abs(centre))
    error = upward(upward(2.0 * UNIT * size) + upward(2.0 * UNDERFLOW * upward(region.spread + 1.0)))
    return linear, centre, np.where((np.abs(slope) == 1) | (slope == 0), 0.0, error)


def _affine_norm(region: Region, factor: FloatArray, x: Enclosure) -> float:
    """At least the largest ||factor * (linear @ u + centre)||, for factors (m,) of at least 0."""
    used = factor > 0
    if not used.any():
        return 0.0
    linear, centre, error = _scaled(region, factor[used], x.linear[used], x.centre[used])
    return float(upward(upward(upward(norm_up(centre) + region.norm(linear))) + norm_up(error)))
