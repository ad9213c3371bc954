"""Directed rounding: every bound is compared with rational arithmetic or with a matrix whose norm is known."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slt.scoring.rounding import (
    UNIT,
    gamma,
    interval_product,
    norm_up,
    power_above,
    product_error,
    product_up,
    spectral_norm_up,
    sum_up,
    upward,
)
from tests.scoring.twins import affine, rational, root_below

finite = st.floats(-1e100, 1e100, allow_subnormal=True)
SCALES = (1e-320, 1e-300, 1e-160, 1e-30, 1.0, 1e15, 1e150)


@given(st.lists(finite, min_size=1, max_size=40))
def test_sums_and_norms_are_not_below_the_real_ones(numbers):
    x = np.array(numbers)
    assert Fraction(float(sum_up(np.abs(x)))) >= sum(map(abs, rational(x)))
    assert Fraction(float(norm_up(x))) ** 2 >= sum(v * v for v in rational(x))


@given(st.floats(0, 1.7e308))
def test_power_above_is_within_a_factor_of_two(x):
    power = float(power_above(x))
    assert np.frexp(power)[0] == 0.5
    assert x == 0 or x / 2 <= power <= 2 * x or x < 1e-307


@pytest.mark.parametrize("k", [1, 3, 784, 10**6])
def test_gamma(k):
    u = Fraction(UNIT)
    assert k * u / (1 - k * u) <= Fraction(gamma(k)) <= 2 * (k + 1) * u


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("other", SCALES)
def test_products(scale, other):
    rng = np.random.default_rng(3)
    A = rng.standard_normal((4, 7)) * min(scale, 1e150)
    low = rng.standard_normal(7) * other
    high = low + rng.random(7) * other * (rng.random(7) < 0.7)
    up = product_up(np.abs(A), np.abs(low))
    zero = [Fraction(0)] * 4
    for bound, real in zip(up, affine(rational(np.abs(A)), rational(np.abs(low)), zero), strict=True):
        assert Fraction(float(bound)) >= real
    error = product_error(A, np.abs(low), 1.0)
    for bound, got, real in zip(error, A @ low, affine(rational(A), rational(low), zero), strict=True):
        assert Fraction(float(bound)) >= abs(Fraction(float(got)) - real)
    bottom, top = interval_product(A, low, high)
    for pick in range(2**7):
        x = np.where([pick >> j & 1 for j in range(7)], low, high)
        for i, value in enumerate(affine(rational(A), rational(x), zero)):
            assert Fraction(float(bottom[i])) <= value <= Fraction(float(top[i]))


def test_upward_of_the_largest_number_is_infinite():
    with np.errstate(over="ignore"):
        assert upward(np.finfo(float).max) == np.inf
    assert upward(0.0) > 0


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e15, 1e300])
def test_spectral_norms_that_are_known(scale):
    rng = np.random.default_rng(0)
    for A, norm in (
        (np.zeros((3, 5)), 0.0),
        (np.array([[3.0, 4.0]]), 5.0),
        (np.array([[3.0], [4.0]]), 5.0),
        (np.diag([1.0, -7.0, 2.0]), 7.0),
        (np.eye(6)[rng.permutation(6)] * 3, 3.0),
        (np.ones((9, 4)), 6.0),
        (np.outer([1.0, 2.0, 2.0], [2.0, 3.0, 6.0]), 21.0),
        (np.array([[1.0, 1.0], [1.0, -1.0]]), np.nextafter(np.sqrt(2), 0)),
        (np.array([[1.0, 1.0], [0.0, 1.0]]), (1 + np.sqrt(5)) / 2 * (1 - 1e-15)),
    ):
        bound = spectral_norm_up(A * scale)
        # A * scale is rounded, by less than the 1e-15 allowed below the norm
        assert norm * scale * (1 - 1e-15) <= bound <= norm * scale * (1 + 1e-12)


def test_spectral_norm_is_not_below_an_exact_quotient():
    """||A v|| / ||v|| in rational arithmetic, v the computed top singular vector, is a lower bound of the norm."""
    rng = np.random.default_rng(1)
    for m, n in ((2, 2), (3, 7), (7, 3), (6, 6)):
        for scale in (1e-200, 1.0, 1e200):
            for _ in range(10):
                A = rng.standard_normal((m, n)) * scale
                v = rational(np.linalg.svd(A)[2][0])
                image = affine(rational(A), v, [Fraction(0)] * m)
                quotient = sum(y * y for y in image) / sum(y * y for y in v)
                bound = spectral_norm_up(A)
                assert Fraction(bound) ** 2 >= quotient
                assert Fraction(bound) <= root_below(quotient) * Fraction(1 + 1e-12)


def test_spectral_norm_of_what_is_no_number():
    assert spectral_norm_up(np.array([[np.inf, 1.0], [1.0, 1.0]])) == np.inf
    assert spectral_norm_up(np.array([[np.nan, 1.0], [1.0, 1.0]])) == np.inf


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(-9, 9), min_size=4, max_size=4), min_size=1, max_size=5))
def test_spectral_norm_lies_between_row_and_frobenius_norms(rows):
    A = np.array(rows, dtype=float)
    bound = Fraction(spectral_norm_up(A)) ** 2
    assert bound >= max(sum(v * v for v in row) for row in rational(A))
    assert bound >= max(sum(v * v for v in row) for row in rational(A.T))
    assert bound <= sum(v * v for row in rational(A) for v in row) * Fraction(1 + 1e-12)
