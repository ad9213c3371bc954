"""Interpolation (P21) and products by logarithms and exponentials (P22) against interpolation itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slt.errors import InputError
from slt.laws import (
    equidistributed_error,
    equidistributed_knots,
    interpolation_error,
    knots_error,
    largest_curvature,
    needed_equidistributed_knots,
    needed_knots,
    needed_product_knots,
    product_bound,
)

FUNCTIONS = (
    (lambda x: np.sin(2 * np.pi * x), lambda x: -4 * np.pi**2 * np.sin(2 * np.pi * x), 0.0, 1.0),
    (lambda x: np.log((1 + x) / 2), lambda x: -1 / (1 + x) ** 2, 0.0, 1.0),
    (np.exp, np.exp, -3 * math.log(2) - 0.07, 0.0),
    (lambda x: x**3, lambda x: 6 * x, -1.0, 2.0),
)


def _error(f, points: np.ndarray) -> float:  # type: ignore[no-untyped-def]
    """The largest error of interpolation in the points, over 200 inputs an interval."""
    x = (points[:-1, None] + np.diff(points)[:, None] * np.linspace(0, 1, 200)).ravel()
    return float(np.abs(f(x) - np.interp(x, points, f(points))).max())


def test_published_numbers() -> None:
    """Sine in 21 intervals: 0.01119; measured over law 0.992, 0.985, 0.996, 0.999 at 10 .. 80 intervals; logarithm at
    10: 1.135e-3 of 1.25e-3."""
    f = FUNCTIONS[0][0]
    assert interpolation_error(4 * np.pi**2, 1.0, 21) == pytest.approx(0.01119, abs=5e-6)
    for knots, seen in ((10, 4.894e-2), (20, 1.216e-2), (40, 3.073e-3), (80, 7.70e-4)):
        assert _error(f, np.linspace(0, 1, knots + 1)) == pytest.approx(seen, rel=2e-2)
        assert 0.97 < seen / float(interpolation_error(4 * np.pi**2, 1.0, knots)) <= 1
    assert _error(FUNCTIONS[1][0], np.linspace(0, 1, 11)) == pytest.approx(1.135e-3, rel=1e-2)
    assert interpolation_error(1.0, 1.0, 10) == pytest.approx(1.25e-3)


@pytest.mark.parametrize(("f", "second", "low", "high"), FUNCTIONS)
def test_bounds_hold_and_are_reached(f, second, low, high) -> None:  # type: ignore[no-untyped-def]
    bend = largest_curvature(second, low, high)
    for knots in (1, 3, 10, 100):
        bound = float(interpolation_error(bend, high - low, knots))
        points = np.linspace(low, high, knots + 1)
        assert knots_error(second, points) == pytest.approx(bound, rel=1e-2 if knots < 100 else 0.05)
        assert _error(f, points) <= bound * (1 + 1e-6)
        spread = equidistributed_knots(second, low, high, knots)
        assert spread.shape == (knots + 1,) and np.all(np.diff(spread) > 0)
        assert _error(f, spread) <= knots_error(second, spread) * (1 + 1e-9)
        assert equidistributed_error(second, low, high, knots) <= bound * (1 + 1e-9)
    assert _error(f, points) == pytest.approx(bound, rel=0.05)
    # where f'' changes its sign, up to 2 / sqrt(3)
    assert 0.99 < _error(f, spread) / equidistributed_error(second, low, high, 100) < 1.16


@given(st.floats(-5, 5), st.floats(0.1, 4), st.floats(-3, 3), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_parabolas_attain_it(low: float, length: float, factor: float, knots: int) -> None:
    points = np.linspace(low, low + length, knots + 1)
    middle = (points[1:] + points[:-1]) / 2
    gap = np.abs(factor * middle**2 - np.interp(middle, points, factor * points**2)).max()
    assert gap == pytest.approx(float(interpolation_error(2 * abs(factor), length, knots)), rel=1e-6, abs=1e-11)


def test_needed_knots_are_the_fewest() -> None:
    n = int(needed_knots(0.0112, 4 * np.pi**2, 1.0))
    assert n == 21
    assert needed_knots([1e-3, 0.1], 1.0, [[1.0], [2.0]]).tolist() == [[12, 2], [23, 3]]
    assert needed_knots(1.0, 0.0, 1.0) == 1 and needed_knots(1 / 800, 1.0, 1.0) == 10
    _, second, low, high = FUNCTIONS[2]
    m = needed_equidistributed_knots(1e-4, second, low, high)
    assert equidistributed_error(second, low, high, m) <= 1e-4 < equidistributed_error(second, low, high, m - 1)
    assert m < needed_knots(1e-4, 1.0, high - low)


def test_straight_lines_need_nothing() -> None:
    assert equidistributed_error(lambda x: 0 * x, 0.0, 1.0, 3) == 0
    np.testing.assert_allclose(equidistributed_knots(lambda x: 0 * x, 0.0, 1.0, 4), np.linspace(0, 1, 5))
    assert needed_equidistributed_knots(0.1, lambda x: 0.0, 0.0, 1.0) == 1


def _product_gaps(exponents, log_knots: int, exp_knots: int, margin: float = 0.0, points: int = 61):  # type: ignore[no-untyped-def]
    """(largest shortfall, largest excess) of the product by logarithm and exponential, on a grid."""
    x = np.linspace(0, 1, points)
    t = np.linspace(0, 1, log_knots + 1)
    y = np.interp(x, t, np.log((1 + t) / 2))
    s = np.linspace(-sum(exponents) * math.log(2) - margin, 0, exp_knots + 1)
    total, product = 0.0, 1.0
    for r, axis in zip(exponents, range(len(exponents)), strict=True):
        shape = [-1 if i == axis else 1 for i in range(len(exponents))]
        total, product = total + r * y.reshape(shape), product * ((1 + x.reshape(shape)) / 2) ** r
    gap = np.interp(total, s, np.exp(s)) - product
    return float(-gap.min()), float(gap.max())


def test_products_of_the_notes() -> None:
    """A product of three: 8.7e-4, 2.2e-4, 5.4e-5 were measured; the bound is 1.3, 1.2 and 1.1 times what we find."""
    for (n, m), seen, factor in (((10, 40), 8.7e-4, 1.31), ((20, 80), 2.2e-4, 1.18), ((40, 160), 5.4e-5, 1.11)):
        found = max(_product_gaps([1, 1, 1], n, m, 0.07, 81))
        bound = product_bound([1, 1, 1], n, m, 0.07)
        assert found == pytest.approx(seen, rel=0.04)
        assert found < bound.total < factor * found
        assert bound.published == pytest.approx(3 / (8 * n**2) + (3 * math.log(2) + 0.07) ** 2 / (8 * m**2))
        assert bound.total < bound.published / 3.5


@pytest.mark.parametrize(
    "exponents", [(1,), (2,), (1, 1), (1, 1.5), (0.5,), (0.5, 0.7), (4,), (1, 2), (3, 1), (1, 1, 1), (1.2, 0, 1.7)]
)
def test_products_keep_their_bounds(exponents: tuple[float, ...]) -> None:
    """The shortfall within the logarithms' part, the excess within the exponential's."""
    for n, m, margin in ((3, 5, 0.0), (8, 100, 0.1), (20, 4, 0.0)):
        bound = product_bound(exponents, n, m, margin)
        short, over = _product_gaps(exponents, n, m, margin, 121 if len(exponents) < 3 else 61)
        assert short <= bound.logarithm * (1 + 1e-9) and over <= bound.exponential * (1 + 1e-9)
        assert bound.total == max(bound.logarithm, bound.exponential) <= bound.published


def test_the_largest_corner_is_found() -> None:
    """prod t^r sum r / t^2 on a grid of [1/2, 1]^d is below the corner that the bound takes, and reaches it."""
    t = np.linspace(0.5, 1, 41)
    for r in ((1.0,), (1.0, 1.0), (1.0, 1.3), (1.9,), (1.0, 1.0, 1.0), (1.0, 2.5), (4.0,), (2.0, 2.0)):
        values = [
            math.prod(a**b for a, b in zip(p, r, strict=True)) * sum(b / a**2 for a, b in zip(p, r, strict=True))
            for p in itertools.product(t.tolist(), repeat=len(r))
        ]
        corner = product_bound(r, 1000, 1).logarithm * 32 * 1000**2 / 1.001**2
        assert max(values) == pytest.approx(corner, rel=1e-9)


def test_slip_and_needed_knots_of_products() -> None:
    plain, slipped = (product_bound([1, 2], 9, 20, 0.1, slip) for slip in (0.0, 1e-3))
    assert slipped.total == pytest.approx(plain.total + 1e-3)
    assert slipped.published == pytest.approx(plain.published + 1e-3)
    for exponents in ((1, 1, 1), (1,), (2.5, 1), (0.5,)):
        n, m = needed_product_knots(1e-3, exponents, 0.07)
        assert product_bound(exponents, n, m, 0.07).total <= 1e-3
        assert product_bound(exponents, n - 1, m, 0.07).total > 1e-3 < product_bound(exponents, n, m - 1, 0.07).total


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: interpolation_error(-1.0, 1.0, 3), "curvature = -1.0"),
        (lambda: interpolation_error(1.0, 0.0, 3), "length = 0.0"),
        (lambda: interpolation_error(1.0, 1.0, 0), "knots = 0.0"),
        (lambda: needed_knots(0.0, 1.0, 1.0), "error = 0.0"),
        (lambda: largest_curvature(np.exp, 1.0, 1.0), "low has to be below high"),
        (lambda: equidistributed_knots(lambda x: 1 / x, 0.0, 1.0, 3), "NaN or infinity"),
        (lambda: knots_error(np.exp, [0.0, 0.0]), "increasing"),
        (lambda: product_bound([], 3, 3), "one above 0"),
        (lambda: product_bound([-1.0, 2.0], 3, 3), "one above 0"),
        (lambda: product_bound([1.0], 0, 3), "log_knots = 0.0"),
        (lambda: product_bound([1.0], 3, 3, slip=-1.0), "slip = -1.0"),
        (lambda: needed_product_knots(-1.0, [1.0]), "error = -1.0"),
    ):
        with np.errstate(divide="ignore"), pytest.raises(InputError, match=text):
            call()
