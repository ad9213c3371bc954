"""The best single product (P10): exact probabilities against simulation and high precision; networks of them."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest

from slt.errors import InputError, LimitError
from slt.laws import (
    EVERY_UNIT,
    SIGN_OPTIMAL,
    SINGLE_MATCH,
    LayerSums,
    expected_misses,
    needed_candidates,
    needed_width_quantile,
    network_error_quantile,
    network_no_miss_probability,
    product_density,
    product_hit_probability,
    proportion_band,
    quantile_band,
    single_match_mean,
    single_match_quantile,
    single_match_tail,
    weight_miss_probability,
)


def _distribution(value: Decimal) -> Decimal:
    if abs(value) >= 1:
        return Decimal(value > 0)
    return (1 + value - (value * abs(value).ln() if value else 0)) / 2


@pytest.mark.parametrize("target", [0.0, 1e-8, 0.1, 0.6, 0.999, 1 - 1e-9, 1.0, 1.2])
@pytest.mark.parametrize("error", [1e-12, 1e-6, 0.05, 0.3, 1.5])
def test_hits_to_many_digits(target: float, error: float) -> None:
    getcontext().prec = 60
    z, e = Decimal(target), Decimal(error)
    exact = float(_distribution(z + e) - _distribution(z - e))
    assert product_hit_probability(error, target) == pytest.approx(exact, rel=1e-9, abs=0)
    assert product_hit_probability(error, -target) == product_hit_probability(error, target)


def test_the_density_is_the_limit_of_hits() -> None:
    for target in (0.1, 0.3, 0.6, 0.95):
        assert product_hit_probability(1e-7, target) / 2e-7 == pytest.approx(float(product_density(target)), rel=1e-5)
    assert product_density([1.0, 2.0]).tolist() == [0, 0] and product_density(0.0) == np.inf


@pytest.mark.parametrize("target", [0.0, 0.3, 0.9])
def test_quantiles_by_simulation(target: float) -> None:
    """4,000 draws of 40 products: 10 %, 50 % and 90 % quantiles in their 99.9 % bands, a tail in its band; exact."""
    rng = np.random.default_rng(3)
    errors = np.abs(rng.uniform(-1, 1, (4000, 40)) * rng.uniform(-1, 1, (4000, 40)) - target).min(axis=1)
    for q in (0.1, 0.5, 0.9):
        band = quantile_band(errors, q, 0.999)
        assert band.low <= single_match_quantile(q, 40, target) <= band.high
    missed = proportion_band(int((errors > 0.02).sum()), 4000, 0.999)
    assert missed.low <= single_match_tail(0.02, 40, target) <= missed.high


def test_quantiles_invert_the_tail() -> None:
    q = np.array([0.01, 0.5, 0.999])
    error = single_match_quantile(q[:, None], [1, 30, 10**6], 0.4)
    np.testing.assert_allclose(1 - single_match_tail(error, [1, 30, 10**6], 0.4), q[:, None] * np.ones(3), rtol=1e-6)
    assert single_match_tail(0.1, 0, 0.4) == 1 and single_match_tail(3.0, 2, 0.4) == 0


def test_means_of_the_notes() -> None:
    """P10 at 1,000 candidates: measured 4.43e-4, 8.03e-4 and 2.00e-3 at targets 0.1, 0.3, 0.6; 2,000 draws within 10 %
    of ours (four standard errors), and medians ln 2 of it."""
    law = single_match_mean(1000, [0.1, 0.3, 0.6])
    np.testing.assert_allclose(law, [4.43e-4, 8.03e-4, 2.00e-3], rtol=0.04)
    np.testing.assert_allclose(single_match_quantile(0.5, 1000, [0.1, 0.3, 0.6]) / law, np.log(2), rtol=0.01)
    rng = np.random.default_rng(4)
    products = rng.uniform(-1, 1, (2000, 1000)) * rng.uniform(-1, 1, (2000, 1000))
    assert np.abs(products - 0.3).min(axis=1).mean() == pytest.approx(float(law[1]), rel=0.1)


def test_needed_candidates_are_the_smallest() -> None:
    for error, target in ((0.01, 0.3), (0.2, 1.1), (1e-4, 0.9)):
        k = needed_candidates(error, 0.9, target)
        assert single_match_tail(error, k, target) <= 0.1 < single_match_tail(error, k - 1, target)
    assert needed_candidates(0.3, 0.9, 0.2) == 0 and needed_candidates(2.5, 0.5, 1.4999) == 0
    with pytest.raises(LimitError, match="scale the target"):
        needed_candidates(0.1, 0.5, 1.2)


@pytest.mark.parametrize("branches", [1, 2])
def test_networks_by_simulation(branches: int) -> None:
    """300 layers of 3 x 2 weights, width 60, units shared by outputs: expected misses within 15 %, the chance of none
    within 0.1 (four standard errors and the dependence), the largest error's median within 15 %."""
    rng = np.random.default_rng(5)
    weights = np.array([[0.31, -0.02], [0.5, 0.11], [-0.25, 0.8]])
    u, v = rng.uniform(-1, 1, (300, 1, 2, 60)), rng.uniform(-1, 1, (300, 3, 2, 60))
    away = np.abs(u * v - weights[:, :, None])
    errors = np.zeros((300, 3, 2))
    for positive in (True, False)[:branches]:
        here = np.where((u > 0) == positive, away, np.inf).min(axis=3)
        errors = np.maximum(errors, np.minimum(here, np.abs(weights)))
    layer = [LayerSums(weights, branches)]
    for error in (0.02, 0.06):
        law = expected_misses(error, 60, layer, sums=SINGLE_MATCH)
        assert (errors > error).sum(axis=(1, 2)).mean() == pytest.approx(law, rel=0.15)
        chance = network_no_miss_probability(error, 60, layer, sums=SINGLE_MATCH)
        assert (errors <= error).all(axis=(1, 2)).mean() == pytest.approx(chance, abs=0.1)
    median = np.median(errors.max(axis=(1, 2)))
    assert median == pytest.approx(network_error_quantile(0.5, 60, layer, sums=SINGLE_MATCH), rel=0.15)


def test_width_goes_like_one_over_the_error() -> None:
    layer = [LayerSums(np.random.default_rng(0).uniform(-0.5, 0.5, (3, 3)), 2)]
    widths = [needed_width_quantile(0.5, e, layer, sums=SINGLE_MATCH) for e in (1e-2, 1e-3, 1e-4)]
    np.testing.assert_allclose(np.diff(np.log10(widths)), 1, atol=0.02)
    with pytest.raises(LimitError, match="4194304 is not enough"):
        needed_width_quantile(0.5, 1e-8, layer, sums=SINGLE_MATCH)


def test_one_weight_of_a_network_is_exact() -> None:
    """All units usable: (1 - hit)^width. Units of the right sign: (1 - hit / 2)^width."""
    hit = float(product_hit_probability(0.01, 0.3))
    assert weight_miss_probability(0.01, 50, 0.3, EVERY_UNIT, sums=SINGLE_MATCH) == pytest.approx((1 - hit) ** 50)
    law = weight_miss_probability(0.01, 50, 0.3, SIGN_OPTIMAL, sums=SINGLE_MATCH)
    assert law == pytest.approx((1 - hit / 2) ** 50)
    assert weight_miss_probability(0.3, 50, 0.3, sums=SINGLE_MATCH) == 0


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: product_hit_probability(0.0, 0.1), "error = 0.0"),
        (lambda: single_match_tail(0.1, -1), "candidates = -1.0"),
        (lambda: single_match_quantile(0.5, 0), "candidates = 0.0"),
        (lambda: single_match_quantile(1.0, 3), "probability = 1.0"),
        (lambda: single_match_mean(3, 0.0), "a target of 0"),
        (lambda: needed_candidates(-1.0, 0.5, 0.3), "error = -1.0"),
        (lambda: product_density(np.nan), "NaN"),
    ):
        with pytest.raises(InputError, match=text):
            call()
