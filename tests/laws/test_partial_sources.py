"""Random graphs (P17) and locked items (P18) against enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt.errors import InputError
from slt.laws import (
    cover_probability,
    locked_factor,
    locked_quantile,
    locked_tail,
    miss_probability,
    proportion_band,
    quantile_band,
    thinned_quantile,
    thinned_tail,
)
from slt.laws.random_subset_sum import error_quantile
from tests.laws.brute_force import DRAWS, all_sums, best_errors

by_law = pytest.mark.parametrize(("items", "draw"), DRAWS, ids=lambda x: getattr(x, "name", ""))


@by_law
def test_median_in_a_random_graph_by_enumeration(items, draw) -> None:  # type: ignore[no-untyped-def]
    """2,000 draws, n = 12, density 0.7, target 0.3: the law in the 99.9 % band of the median, widened 10 %."""
    rng = np.random.default_rng(7)
    x = draw(rng, (2000, 12)) * (rng.random((2000, 12)) < 0.7)
    band = quantile_band(best_errors(x, 0.3), 0.5, 0.999)
    assert band.low / 1.1 < thinned_quantile(0.5, 12, 0.7, 0.3, items) < band.high * 1.1


@by_law
def test_quantiles_beside_locked_items_by_enumeration(items, draw) -> None:  # type: ignore[no-untyped-def]
    """2,000 draws, 11 free and 5 locked items, target 0.3: 10 % and 50 % quantiles in 99.9 % bands widened 15 %."""
    rng = np.random.default_rng(8)
    wanted = 0.3 - draw(rng, (2000, 5)).sum(axis=1)
    errors = np.abs(all_sums(draw(rng, (2000, 11))) - wanted[:, None]).min(axis=1)
    for q in (0.1, 0.5):
        band = quantile_band(errors, q, 0.999)
        assert band.low / 1.15 < locked_quantile(q, 11, 5, 0.3, items) < band.high * 1.15


def test_a_full_graph_and_no_locks_are_the_plain_law() -> None:
    error = np.geomspace(1e-4, 0.1, 5)
    np.testing.assert_allclose(thinned_tail(error, 9, 1.0, 0.3), miss_probability(error, 9, 0.3))
    assert thinned_quantile(0.5, 9, 1.0, 0.3) == pytest.approx(float(error_quantile(0.5, 9, 0.3)), rel=1e-6)
    np.testing.assert_allclose(thinned_tail(error, 9, 0.0, 0.3), 1)
    assert thinned_quantile(0.5, 9, 0.0, 0.3) == pytest.approx(0.3)
    assert thinned_quantile(0.5, 2, 0.1) == np.inf
    np.testing.assert_allclose(locked_tail(error, 18, 0, 0.3), miss_probability(error, 18, 0.3), atol=0.002)
    assert locked_factor(10, 0) == 1


def test_a_binomial_mixture() -> None:
    misses = miss_probability(0.05, np.arange(3), 0.3)
    assert thinned_tail(0.05, 2, 0.25, 0.3) == pytest.approx(misses @ [9 / 16, 6 / 16, 1 / 16])


def test_slope_is_the_density_and_the_factor_that_of_the_tail() -> None:
    for p in (0.3, 0.7):
        medians = [thinned_quantile(0.5, n, p, 0.05) for n in (80, 100)]
        assert math.log2(medians[0] / medians[1]) / 20 == pytest.approx(p, abs=0.03)
    q = (np.arange(40) + 0.5) / 40
    means = [np.exp(np.log(locked_quantile(q, 60, locked, 0.05)).mean()) for locked in (0, 6, 15, 30)]
    np.testing.assert_allclose(means / means[0], locked_factor(60, [0, 6, 15, 30]), rtol=0.03)


def test_cover_by_simulation() -> None:
    """2,000 graphs of 6 groups of 4 units, density 0.5: in the 99.9 % band."""
    kept = (np.random.default_rng(9).random((2000, 6, 4)) < 0.5).any(axis=2).all(axis=1)
    band = proportion_band(int(kept.sum()), 2000, 0.999)
    assert band.low <= cover_probability(4, 0.5, 6) <= band.high
    assert cover_probability(3, 1.0, 9) == 1 and cover_probability(0, 0.5) == 0 and cover_probability(0, 0.5, 0) == 1


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: thinned_tail(0.1, 5, 1.5), "density = 1.5"),
        (lambda: cover_probability(-1, 0.5), "copies = -1.0"),
        (lambda: locked_tail(0.1, 0, 3), "free = 0.0"),
        (lambda: locked_quantile(0.5, 5, -3), "locked = -3.0"),
        (lambda: thinned_quantile(2.0, 5, 0.5), "probability = 2.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
