"""Needed widths and their bands: coverage by exact binomial computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slt.errors import InputError
from slt.laws.needed_width import needed_width, proportion_band, quantile_band


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 120), st.floats(0.02, 0.98), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_quantile_band_covers_exactly_enough(size: int, q: float, level: float) -> None:
    """With the sample 1 .. N the band is a pair of ranks; its coverage is a binomial sum, and neither rank is slack."""
    band = quantile_band(np.arange(1, size + 1), q, level)
    low = 0 if band.low == -np.inf else int(band.low)
    high = size + 1 if band.high == np.inf else int(band.high)
    binomial = stats.binom(size, q)
    assert binomial.cdf(high - 1) - binomial.cdf(low - 1) >= level - 1e-12
    assert binomial.cdf(low) > (1 - level) / 2 - 1e-12
    if high > 1:
        assert binomial.sf(high - 2) > (1 - level) / 2 - 1e-12
    assert low <= band.estimate <= high


def test_quantile_band_of_few_tied_and_censored_values() -> None:
    band = quantile_band([5, 5, 5], 0.5)
    assert (band.estimate, band.low, band.high) == (5, -np.inf, np.inf)
    band = quantile_band([np.inf] * 12 + [7] * 8, 0.5)
    assert (band.estimate, band.low, band.high) == (np.inf, 7, np.inf)
    band = quantile_band([7] * 50, 0.5)
    assert (band.estimate, band.low, band.high) == (7, 7, 7)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.floats(1e-6, 1 - 1e-6))
def test_proportion_band_covers(trials: int, true: float) -> None:
    bands = [proportion_band(k, trials, 0.95) for k in range(trials + 1)]
    covers = [band.low <= true <= band.high for band in bands]
    assert stats.binom(trials, true).pmf(np.arange(trials + 1))[covers].sum() >= 0.95 - 1e-12


def test_needed_width_counts_from_the_last_miss() -> None:
    errors = [[0.5, 0.1, 0.01], [0.5, 0.2, 0.15], [0.05, 0.2, 0.1], [0.0, 0.0, 0.0]]
    np.testing.assert_array_equal(needed_width(errors, [2, 3, 5], 0.1), [3, np.inf, 5, 2])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: needed_width([[0.1, 0.2]], [1, 2, 3], 0.1), "for 3 widths"),
        (lambda: needed_width([0.1, 0.2], [2, 1], 0.1), "strictly increasing"),
        (lambda: needed_width([0.1, float("nan")], [1, 2], 0.1), "NaN"),
        (lambda: needed_width([0.1], [1], 0.0), "error = 0.0 was given"),
        (lambda: quantile_band([], 0.5), "at least one value"),
        (lambda: quantile_band([1, float("nan")], 0.5), "censored"),
        (lambda: quantile_band([1.0], 1.5), "strictly between 0 and 1"),
        (lambda: proportion_band(3, 2), "3 successes of 2 trials"),
        (lambda: proportion_band(0, 0), "trials = 0.0 was given"),
    ],
)
def test_bad_input_is_named(call, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=text):
        call()
