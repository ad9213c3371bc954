"""The network law against simulated layers whose units are shared by the outputs of a coordinate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from slt.errors import InputError, LimitError
from slt.laws.item_laws import UNIFORM_PRODUCT
from slt.laws.needed_width import quantile_band
from slt.laws.networks import (
    expected_misses,
    layer_no_miss_probability,
    needed_width_quantile,
    network_error_quantile,
    network_no_miss_probability,
    worst_error,
    worst_error_quantile,
)
from slt.laws.random_subset_sum import average_miss_probability, error_quantile, miss_probability
from slt.laws.two_layer_sums import (
    PAPER,
    SIGN_OPTIMAL,
    LayerSums,
    Split,
    block_error_slope,
    weight_miss_probability,
    worst_error_slope,
)
from tests.laws.brute_force import best_errors


def _simulated(weights: NDArray[np.float64], width: int, split: Split, branches: int, draws: int) -> NDArray:
    """Errors (draws, d_out, d_in), the larger of the two branches, every sum by enumeration."""
    rng = np.random.default_rng(7)
    errors = np.zeros((draws, *weights.shape))
    for draw in range(draws):
        for j in range(weights.shape[1]):
            u = rng.uniform(-1, 1, width)
            for branch in range(branches):
                allowed = (u > 0) == (branch == 0)
                if split is PAPER:
                    allowed &= np.arange(width) % 2 == branch
                products = u[allowed] * rng.uniform(-1, 1, (weights.shape[0], allowed.sum()))
                for r, target in enumerate(weights[:, j]):
                    error = best_errors(products[r : r + 1], target)[0]
                    errors[draw, r, j] = max(errors[draw, r, j], error)
    return errors


@pytest.mark.parametrize(("split", "width", "branches"), [(SIGN_OPTIMAL, 18, 1), (SIGN_OPTIMAL, 18, 2), (PAPER, 30, 2)])
def test_misses_and_worst_error_by_enumeration(split: Split, width: int, branches: int) -> None:
    """150 layers of 3 x 3 weights: misses within 25 % plus 0.4, chance of none within 0.17 (four standard errors),
    median of the largest error within a factor 1.6."""
    weights = np.random.default_rng(1).uniform(-0.4, 0.4, (3, 3))
    errors = _simulated(weights, width, split, branches, 150)
    layer = LayerSums(weights, branches)
    for error in (0.01, 0.05):
        measured = (errors > error).sum(axis=(1, 2))
        assert abs(measured.mean() - expected_misses(error, width, [layer], split)) < 0.4 + 0.25 * measured.mean()
        assert abs((measured == 0).mean() - layer_no_miss_probability(error, width, layer, split)) < 0.17
    ratio = np.median(errors.max(axis=(1, 2))) / network_error_quantile(0.5, width, [layer], split)
    assert 1 / 1.6 < ratio < 1.6


def test_one_weight_is_a_binomial_mixture() -> None:
    miss = miss_probability(0.01, np.arange(7), 0.3, UNIFORM_PRODUCT)
    chances = np.array([1, 6, 15, 20, 15, 6, 1]) / 64
    assert np.isclose(weight_miss_probability(0.01, 6, 0.3), chances @ miss)
    both = miss + miss[::-1] - miss * miss[::-1]
    assert np.isclose(weight_miss_probability(0.01, 6, -0.3, branches=2), chances @ both)
    third = np.array([1, 3, 3, 1]) / 8 @ miss[:4]
    assert np.isclose(weight_miss_probability(0.01, 6, 0.3, PAPER), third)
    assert np.isclose(weight_miss_probability(0.01, 6, 0.3, PAPER, branches=2), 1 - (1 - third) ** 2)
    assert weight_miss_probability(0.01, 6, [0.0, 0.01]).tolist() == [0, 0]


def test_one_weight_and_its_network_agree() -> None:
    """Few weights exactly; many, and so interpolated, within 1e-3."""
    many = np.full((1, 200), 0.0099) + np.arange(200) * 1e-12
    for target in (0.011, 0.2, 0.77):
        crowd = LayerSums(np.concatenate([many, target + 1e-9 * np.arange(200)[None]], axis=1))
        assert np.isclose(
            expected_misses(0.01, 30, [crowd]), 200 * weight_miss_probability(0.01, 30, target), rtol=1e-3
        )
        layer = LayerSums(np.array([[target, 0.0]]), 2)
        chance = network_no_miss_probability(0.01, 30, [layer])
        assert np.isclose(1 - chance, weight_miss_probability(0.01, 30, target, branches=2), rtol=1e-3)
        assert np.isclose(1 - chance, expected_misses(0.01, 30, [layer]), rtol=2e-3)


def test_biases_are_one_more_coordinate() -> None:
    weights, biases = np.full((2, 3), 0.3), np.array([0.2, -0.1])
    together = network_no_miss_probability(0.05, 20, [LayerSums(weights, 2, biases)])
    apart = network_no_miss_probability(0.05, 20, [LayerSums(weights, 2), LayerSums(biases[:, None])])
    assert np.isclose(together, apart)


def test_quantiles_invert_the_chance() -> None:
    layers = [LayerSums(np.random.default_rng(3).uniform(-0.3, 0.3, (5, 4)), 2)]
    width = needed_width_quantile(0.9, 0.01, layers)
    assert network_no_miss_probability(0.01, width, layers) >= 0.9
    assert network_no_miss_probability(0.01, width - 1, layers) < 0.9
    error = network_error_quantile(0.9, width, layers)
    assert np.isclose(network_no_miss_probability(error, width, layers), 0.9, atol=1e-4)
    assert error <= 0.01
    assert network_error_quantile(0.5, 8, [LayerSums(np.zeros((2, 2)))]) == 0


def test_slopes_flatten_where_the_reach_rules() -> None:
    """P15: hardly any slope at small widths; later close to the slope of the worst weight, not of the median one."""
    layers = [LayerSums(np.random.default_rng(4).uniform(-0.5, 0.5, (3, 3)), 2)]
    for split, widths in ((SIGN_OPTIMAL, (6, 10, 52, 60)), (PAPER, (12, 20, 104, 120))):
        errors = np.log2([network_error_quantile(0.5, width, layers, split) for width in widths])
        slopes = np.diff(errors) / np.diff(widths)
        assert slopes[0] > worst_error_slope(split) / 2
        assert block_error_slope(split) * 1.05 < slopes[2] < worst_error_slope(split) * 0.95


def test_worst_of_many_is_the_quantile_of_one() -> None:
    """P15: N P(err > worst error) = 1, and P(max <= quantile) = q, for a fixed target and for uniform ones."""
    for target, miss in (
        (0.3, lambda e: miss_probability(e, 12, 0.3)),
        (None, lambda e: average_miss_probability(e, 12)),
    ):
        for many in (10, 50):
            assert np.isclose(many * miss(worst_error(many, 12, target)), 1, rtol=1e-5)
            assert np.isclose((1 - miss(worst_error_quantile(0.2, many, 12, target))) ** many, 0.2, rtol=1e-5)
    assert worst_error_quantile(0.5, 1, 9, 0.3) == error_quantile(0.5, 9, 0.3)
    assert worst_error_quantile([0.1, 0.5], [[2], [3], [4]], 9).shape == (3, 2)
    with pytest.raises(InputError, match=r"instances = 0\.0"):
        worst_error_quantile(0.5, 0, 9)


def test_worst_of_ten_by_enumeration() -> None:
    """2,000 times the worst of ten uniform instances, n = 12, target 0.3: 10 % and 50 % in 99.9 % bands and 25 %."""
    rng = np.random.default_rng(9)
    errors = np.concatenate([best_errors(rng.uniform(-1, 1, (2000, 12)), 0.3) for _ in range(10)])
    worst = errors.reshape(10, 2000).max(axis=0)
    for q in (0.1, 0.5):
        band = quantile_band(worst, q, 0.999)
        assert band.low / 1.25 < worst_error_quantile(q, 10, 12, 0.3) < band.high * 1.25


def test_a_large_layer_is_quick_and_caps_bind() -> None:
    weights = np.random.default_rng(5).normal(0, 0.05, (100, 400))
    layers = [LayerSums(weights)]
    assert 30 < needed_width_quantile(0.5, 0.01, layers) < 80
    assert network_no_miss_probability(0.01, 50, layers, max_items=8) < network_no_miss_probability(0.01, 50, layers)
    with pytest.raises(LimitError, match="allow more items"):
        needed_width_quantile(0.5, 1e-4, layers, max_items=3)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: LayerSums(np.zeros(3)), r"\(d_out, d_in\) is needed"),
        (lambda: LayerSums(np.zeros((2, 2)), 3), "3 branches were given"),
        (lambda: LayerSums(np.zeros((2, 2)), 1, np.zeros(3)), "biases of shape"),
        (lambda: LayerSums(np.full((2, 2), np.nan)), "weights holds NaN"),
        (lambda: Split("third", 1 / 3), "1 or 1/2 is needed"),
        (lambda: network_no_miss_probability(0.1, 3, []), "at least one LayerSums"),
        (lambda: network_no_miss_probability(0.1, -3, [LayerSums(np.ones((1, 1)))]), "width = -3.0 was given"),
        (lambda: weight_miss_probability(0.0, 3, 0.5), "error = 0.0 was given"),
        (lambda: weight_miss_probability(0.1, 3, 0.5, max_items=0), "max_items = 0.0 was given"),
        (lambda: needed_width_quantile(1.0, 0.1, [LayerSums(np.ones((1, 1)))]), "strictly between 0 and 1"),
    ],
)
def test_bad_input_is_named(call, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=text):
        call()
