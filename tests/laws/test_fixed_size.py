"""Subsets of one size (P8), the fewest items (P27) and the exact windows under both, against enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slt.errors import InputError
from slt.laws import (
    fewest_items_tail,
    fixed_size_geometric_mean,
    fixed_size_quantile,
    fixed_size_tail,
    proportion_band,
    quantile_band,
    window_probability,
)
from slt.laws.item_laws import NORMAL, NORMAL_PRODUCT, UNIFORM, UNIFORM_PRODUCT
from tests.laws.brute_force import DRAWS, all_sums, sizes

by_law = pytest.mark.parametrize(("items", "draw"), DRAWS, ids=lambda x: getattr(x, "name", ""))


@by_law
@pytest.mark.parametrize(("n", "size"), [(10, 2), (11, 4)])
def test_best_sum_of_one_size_by_enumeration(items, draw, n: int, size: int) -> None:  # type: ignore[no-untyped-def]
    """2,000 draws, target 0.3: 10 % and 50 % quantiles in 99.9 % bands widened 8 %."""
    sums = all_sums(draw(np.random.default_rng(n), (2000, n)))[:, sizes(n) == size]
    errors = np.abs(sums - 0.3).min(axis=1)
    for q in (0.1, 0.5):
        band = quantile_band(errors, q, 0.999)
        assert band.low / 1.08 < fixed_size_quantile(q, n, size, 0.3, items) < band.high * 1.08


@by_law
def test_fewest_items_by_enumeration(items, draw) -> None:  # type: ignore[no-untyped-def]
    """2,000 draws, n = 9, error 0.01, target 0.3: P(K > k) in 99.9 % bands plus the documented 0.025 to 0.06."""
    best = np.full(2000, 10)
    sums = all_sums(draw(np.random.default_rng(3), (2000, 9)))
    best = np.where(np.abs(sums - 0.3) <= 0.01, sizes(9), 10).min(axis=1)
    law = fewest_items_tail(0.01, 9, 0.3, items)
    slack = {1 / 9: 0.035, 1.0: 0.06}.get(items.second_moment, 0.025)
    for k in range(10):
        band = proportion_band(int((best > k).sum()), 2000, 0.999)
        assert band.low - slack < law[k] < band.high + slack


def test_geometric_means_of_the_notes() -> None:
    """The numbers that the predictions table was checked with: (16, 2) 8.62e-3 and (20, 5) 1.11e-4 are means, larger by
    e^(gamma - r/2) / sqrt(1 - r)."""
    for n, k, mean in ((16, 2, 8.62e-3), (20, 5, 1.11e-4)):
        r = k / (n - k)
        found = fixed_size_geometric_mean(n, k) * math.exp(np.euler_gamma - r / 2) / math.sqrt(1 - r)
        assert found == pytest.approx(mean, rel=3e-3)
    assert fixed_size_geometric_mean(16, [2, 4, 8]).shape == (3,)


def test_quantile_inverts_the_tail() -> None:
    for q in (0.1, 0.5, 0.9):
        error = fixed_size_quantile(q, 12, [2, 5, 9], 0.4)
        np.testing.assert_allclose(fixed_size_tail(error, 12, [2, 5, 9], 0.4), 1 - q, rtol=1e-6)


def test_fewest_items_fall_with_size_and_error() -> None:
    tail = fewest_items_tail(0.003, 14, 0.4, UNIFORM_PRODUCT)
    assert tail[0] == pytest.approx(1) and np.all(np.diff(tail) <= 0)
    assert np.all(fewest_items_tail(0.01, 14, 0.4, UNIFORM_PRODUCT) <= tail)
    assert np.all(fewest_items_tail(0.4, 5, 0.3) == 0)


def test_windows_have_closed_forms() -> None:
    for e in (0.003, 0.2):
        for z in (0.0, 0.1, 0.7, -2.5):
            exact = stats.norm.cdf(z + e, scale=math.sqrt(3)) - stats.norm.cdf(z - e, scale=math.sqrt(3))
            assert window_probability(e, 3, z, NORMAL) == pytest.approx(exact, abs=1e-7)
            ends = np.clip([z - e, z + e], -1, 1)
            assert window_probability(e, 1, z) == pytest.approx((ends[1] - ends[0]) / 2, abs=1e-12)
            triangle = stats.triang(0.5, -2, 4).cdf([z - e, z + e])
            assert window_probability(e, 2, z) == pytest.approx(triangle[1] - triangle[0], abs=1e-6)


@by_law
def test_windows_by_simulation(items, draw) -> None:  # type: ignore[no-untyped-def]
    """200,000 draws, each probability within five standard errors (level 1e-6)."""
    x = draw(np.random.default_rng(4), (200_000, 4)).cumsum(axis=1)
    for j in (1, 2, 4):
        p = window_probability(0.2, j, 0.3, items)
        share = (np.abs(x[:, j - 1] - 0.3) <= 0.2).mean()
        assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / 200_000)


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: fixed_size_tail(0.1, 4, 4), "size = 4 was given for n = 4"),
        (lambda: fixed_size_quantile(0.5, 4, 0), "size = 0.0"),
        (lambda: fixed_size_geometric_mean(1, 1), "n = 1.0"),
        (lambda: fewest_items_tail(0.0, 4), "error = 0.0"),
        (lambda: fewest_items_tail(0.1, 0, items=NORMAL_PRODUCT), "n = 0.0"),
        (lambda: window_probability(0.1, 0, items=UNIFORM), "size = 0.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
