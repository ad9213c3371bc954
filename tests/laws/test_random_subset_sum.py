"""The laws of one random subset sum against enumeration, exact values and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slt.errors import InputError
from slt.laws.item_laws import NORMAL, NORMAL_PRODUCT, UNIFORM, UNIFORM_PRODUCT, ItemLaw
from slt.laws.needed_width import proportion_band, quantile_band
from slt.laws.random_subset_sum import (
    average_error_quantile,
    average_miss_probability,
    error_quantile,
    finite_size_factor,
    geometric_mean_error,
    mean_error_at_zero,
    median_error,
    miss_probability,
    mixture_tail,
    near_zero_tail,
    needed_items,
    typical_scale,
)
from tests.laws.brute_force import DRAWS, all_sums, best_errors, uniform, uniform_product


def test_constants_of_the_predictions_table() -> None:
    n = np.array([10.0, 14.0, 100.0])
    np.testing.assert_allclose(geometric_mean_error(n), 0.33492 * np.sqrt(n) * 2.0**-n, rtol=2e-5)
    np.testing.assert_allclose(geometric_mean_error(n, items=NORMAL), 0.5801 * np.sqrt(n) * 2.0**-n, rtol=1e-4)
    np.testing.assert_allclose(mean_error_at_zero(n), n / 4 * 2.0**-n)
    np.testing.assert_allclose(mean_error_at_zero(n, UNIFORM_PRODUCT), n / 8 * 2.0**-n)
    np.testing.assert_allclose(median_error(20) / geometric_mean_error(20), 1.1282, rtol=1e-4)


def test_near_zero_tail_is_the_asymptote_of_the_mixture() -> None:
    t = np.array([1e2, 1e4, 1e8, 1e12])
    error = t * typical_scale(60)
    ratio = near_zero_tail(error, 60) / mixture_tail(error, 60)
    np.testing.assert_allclose(ratio, 1, atol=0.05)
    assert np.all(np.diff(np.abs(ratio - 1)) < 0)


@pytest.mark.parametrize(("items", "draw"), [(UNIFORM, uniform), (UNIFORM_PRODUCT, uniform_product)])
def test_median_and_geometric_mean_by_enumeration(items: ItemLaw, draw) -> None:  # type: ignore[no-untyped-def]
    """2,000 draws, n = 11, target 0.05: 99.9 % bands about 7 % wide around ratios that may be off by another 8 %."""
    rng = np.random.default_rng(1)
    errors = best_errors(draw(rng, (2000, 11)), 0.05)
    assert abs(np.log(np.median(errors) / median_error(11, 0.05, items))) < 0.16
    assert abs(np.mean(np.log(errors)) - np.log(geometric_mean_error(11, 0.05, items))) < 0.18


def test_mean_at_zero_by_enumeration() -> None:
    """40,000 draws of n = 6; the notes measured 1.061. The standard error is near 1 %: 4 of them around 1.05."""
    errors = best_errors(uniform(np.random.default_rng(2), (40_000, 6)), 0.0, empty=False)
    assert 1.0 < errors.mean() / mean_error_at_zero(6) < 1.1


@pytest.mark.parametrize(("items", "draw"), [(UNIFORM, uniform), (UNIFORM_PRODUCT, uniform_product)])
@pytest.mark.parametrize(("n", "draws"), [(5, 20_000), (8, 20_000), (11, 5_000)])
@pytest.mark.parametrize("target", [0.1, 0.6, 1.0])
def test_miss_probability_by_enumeration(  # type: ignore[no-untyped-def]
    items: ItemLaw, draw, n: int, draws: int, target: float
) -> None:
    """The prediction over a 99.99 % Clopper-Pearson band lies in the documented 0.9 to 1.65 (4 errors a case)."""
    errors = best_errors(draw(np.random.default_rng(n), (draws, n)), target)
    for error in (0.001, 0.003, 0.01, 0.03):
        band = proportion_band(int((errors > error).sum()), draws, 0.9999)
        predicted = float(miss_probability(error, n, target, items))
        assert 0.9 * band.low < predicted < 1.65 * band.high


def test_needed_items_are_the_measured_medians() -> None:
    assert [needed_items(2.0**-bits) for bits in (6, 8, 10, 12, 14, 16)] == [7, 9, 11, 13, 15, 17]


def test_needed_items_by_enumeration() -> None:
    """4,000 draws of nine items and a uniform target: the missing share is off by at most 5 points (99.9 %: 2.6)."""
    rng = np.random.default_rng(5)
    items, targets = uniform(rng, (4000, 9)), rng.uniform(-1, 1, 4000)
    sums = np.zeros((4000, 1))
    for column in items.T:
        sums = np.concatenate([sums, sums + column[:, None]], axis=1)
    share = (np.abs(sums - targets[:, None]).min(axis=1) > 2**-8).mean()
    assert abs(share - average_miss_probability(2**-8, 9)) < 0.05


@pytest.mark.parametrize(("items", "draw"), DRAWS, ids=lambda x: getattr(x, "name", ""))
def test_finite_size_factor_mends_the_geometric_mean(items: ItemLaw, draw) -> None:  # type: ignore[no-untyped-def]
    """4,000 draws, n = 10, target 0.05: the mean logarithm in a band of level 0.999 (0.06 wide) plus 0.04."""
    errors = best_errors(draw(np.random.default_rng(6), (4000, 10)), 0.05)
    law = geometric_mean_error(10, 0.05, items) * finite_size_factor(10, items)
    logs = np.log(errors)
    assert abs(logs.mean() - np.log(law)) < 3.29 * logs.std() / np.sqrt(4000) + 0.04
    assert items.kurtosis == pytest.approx({1 / 3: 1.8, 1 / 9: 3.24}.get(items.second_moment, items.kurtosis))


def test_average_quantile_inverts_the_average_and_is_measured() -> None:
    """4,000 draws of ten uniform items and uniform targets: the law in the 99.9 % band of the median, widened 5 %."""
    n = np.array([1, 5, 10])
    for q in (0.1, 0.5, 0.9):
        error = average_error_quantile(q, n)
        np.testing.assert_allclose(average_miss_probability(error, n), 1 - q, rtol=1e-6)
    rng = np.random.default_rng(7)
    items, targets = uniform(rng, (4000, 10)), rng.uniform(-1, 1, 4000)
    band = quantile_band(np.abs(all_sums(items) - targets[:, None]).min(axis=1), 0.5, 0.999)
    assert band.low / 1.05 < average_error_quantile(0.5, 10) < band.high * 1.05


laws = st.sampled_from([UNIFORM, UNIFORM_PRODUCT, NORMAL, NORMAL_PRODUCT])


@settings(max_examples=60, deadline=None)
@given(laws, st.floats(1e-8, 0.5), st.floats(1.0, 3.0), st.integers(0, 40), st.floats(-1, 1))
def test_miss_probability_falls_with_error_and_items(
    items: ItemLaw, error: float, factor: float, n: int, target: float
) -> None:
    here = miss_probability(error, n, target, items)
    assert 0 <= here <= 1
    assert miss_probability(error * factor, n, target, items) <= here + 1e-12
    assert miss_probability(error, n + 1, target, items) <= here + 1e-12
    assert miss_probability(error, n, -target, items) == here


@settings(max_examples=30, deadline=None)
@given(laws, st.floats(0.01, 0.99), st.integers(1, 30), st.floats(-1, 1))
def test_error_quantile_inverts_the_miss_probability(items: ItemLaw, q: float, n: int, target: float) -> None:
    error = float(error_quantile(q, n, target, items))
    assert miss_probability(error * (1 + 1e-9), n, target, items) <= 1 - q + 1e-9
    if error < abs(target) or target == 0:
        assert miss_probability(error * (1 - 1e-9), n, target, items) >= 1 - q - 1e-9


def test_arguments_broadcast() -> None:
    table = miss_probability(np.array([0.01, 0.1])[:, None, None], np.arange(4)[:, None], np.linspace(0.2, 1, 5))
    assert table.shape == (2, 4, 5)
    assert np.isclose(table[1, 3, 2], miss_probability(0.1, 3, 0.6), rtol=1e-12)
    assert np.all(table[:, 0] == 1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: miss_probability(0.0, 3, 0.5), "error = 0.0 was given; it has to be above 0"),
        (lambda: miss_probability(float("nan"), 3, 0.5), "error holds NaN"),
        (lambda: miss_probability(0.1, -1, 0.5), "n = -1.0 was given; it has to be a whole number >= 0"),
        (lambda: miss_probability(0.1, 2.5, 0.5), "n = 2.5 was given"),
        (lambda: geometric_mean_error(0), "whole number >= 1"),
        (lambda: geometric_mean_error(3, np.inf), "target holds NaN or infinity"),
        (lambda: error_quantile(1.0, 3), "probability = 1.0 was given; it has to lie strictly between 0 and 1"),
        (lambda: needed_items(0.1, 0.0), "probability = 0.0"),
        (lambda: miss_probability("a", 3), "not numeric"),
    ],
)
def test_bad_input_is_named(call, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=text):
        call()
