"""Enclosures through a ReLU and an absolute value, with units that are mostly on, mostly off and in between."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from slt.domains import Ball, Box
from slt.scoring.enclosure import Region, enclose
from slt.scoring.relaxation import absolute, relu, relu_difference
from slt.scoring.rounding import norm_up
from tests.scoring.twins import rational

REGIONS = [Box(-1.0, 1.0), Box(0.0, (1.0, 2.0, 0.0)), Ball(1.0)]


def values_of(rng, region, m, spread):
    """An enclosure with a remainder, and values within it at some inputs."""
    linear, centre = rng.standard_normal((m, 3)), rng.standard_normal(m) * 2
    half = spread * rng.random(m)
    radius = 0.7 * float(norm_up(half))
    enclosed = enclose(region, linear, centre, -half, half, radius)

    def draw(u):
        n = rng.choice([-1.0, 0.0, 0.3, 1.0]) * half * rng.uniform(-1, 1, m)
        n *= min(1.0, 0.999 * radius / max(np.linalg.norm(n), 1e-300))
        return [
            sum((a * b for a, b in zip(row, u, strict=True)), c) + r
            for row, c, r in zip(rational(linear), rational(centre), rational(n), strict=True)
        ]

    return enclosed, draw


def check(enclosed, u, values):
    n = [
        v - sum((a * b for a, b in zip(row, u, strict=True)), c)
        for v, row, c in zip(values, rational(enclosed.linear), rational(enclosed.centre), strict=True)
    ]
    assert all(Fraction(a) <= v <= Fraction(b) for a, v, b in zip(enclosed.low, n, enclosed.high, strict=True))
    assert sum(v * v for v in n) <= Fraction(enclosed.radius) ** 2
    assert all(Fraction(a) <= v <= Fraction(b) for a, v, b in zip(enclosed.least, values, enclosed.most, strict=True))
    assert sum(v * v for v in values) <= Fraction(enclosed.reach) ** 2


@pytest.mark.parametrize("domain", REGIONS, ids=str)
@pytest.mark.parametrize("m", [1, 2, 6])
def test_relu_absolute_and_difference(domain, m):
    rng = np.random.default_rng([m, len(str(domain))])
    region = Region.of(domain, 3, input_relu=False)
    for trial in range(8):
        z, draw_z = values_of(rng, region, m, (0.0, 0.5)[trial % 2])
        delta, draw_delta = values_of(rng, region, m, (0.5, 0.0)[trial % 2])
        other = enclose(
            region,
            np.zeros((m, 3)),
            np.zeros(m),
            np.full(m, -1e9),
            np.full(m, 1e9),
            1e9 * m,
            z.least + delta.least - 1e-9,
            z.most + delta.most + 1e-9,
        )
        through = relu(region, z), absolute(region, z), relu_difference(region, delta, z, other)
        for x in domain.sample(3, 12, rng):
            u = [a - b for a, b in zip(rational(x), rational(region.centre), strict=True)]
            y, d = draw_z(u), draw_delta(u)
            check(through[0], u, [max(v, Fraction(0)) for v in y])
            check(through[1], u, [abs(v) for v in y])
            moved = [max(a + b, Fraction(0)) - max(a, Fraction(0)) for a, b in zip(y, d, strict=True)]
            check(through[2], u, moved)


def test_a_unit_that_is_mostly_on_costs_little():
    """z = 9 + 10 u for |u| <= 1: the chord misses relu by at most 0.95, in the box and in the ball."""
    region = Region.of(Box(-1.0, 1.0), 1, input_relu=False)
    zero = np.zeros(1)
    z = enclose(region, np.array([[10.0]]), np.array([9.0]), zero, zero, 0.0)
    bent = relu(region, z)
    assert bent.high[0] - bent.low[0] <= 0.95 + 1e-12
    assert bent.radius <= 0.95 / 2 + 1e-12
