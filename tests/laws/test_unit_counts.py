"""Units that serve a sum: probabilities of their numbers, and the network law in other sources than sign splits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt.errors import InputError, LimitError
from slt.laws import (
    EVERY_UNIT,
    PAPER,
    SIGN_OPTIMAL,
    SUMS_OF_UNIFORMS,
    LayerSums,
    ThinnedUnits,
    block_error_slope,
    expected_misses,
    layer_no_miss_probability,
    miss_probability,
    needed_width_quantile,
    network_error_quantile,
    thinned_tail,
    weight_miss_probability,
    worst_error_slope,
)
from slt.laws.item_laws import UNIFORM_PRODUCT
from slt.laws.unit_counts import binomial
from tests.laws.brute_force import best_errors

THIN = ThinnedUnits(SIGN_OPTIMAL, 0.8, 0.7)


@pytest.mark.parametrize("units", [SIGN_OPTIMAL, PAPER, EVERY_UNIT, THIN, ThinnedUnits(EVERY_UNIT, 0.5, 1.0)])
@pytest.mark.parametrize("branches", [1, 2])
def test_probabilities_of_counts(units, branches: int) -> None:  # type: ignore[no-untyped-def]
    """They sum to 1, have the right mean, and no unit serves two branches."""
    served = 0.0
    for counts, chances in units.usable(24, branches):
        assert chances.sum() == pytest.approx(1) and chances.min() > 0
        assert counts.min() >= 0 and counts.sum(axis=1).max() <= 24
        served += float(chances @ counts[:, 0]) / (1 if counts.shape[1] == 2 else len(units.usable(24, branches)))
    assert served * units.second == pytest.approx(24 * units.share * units.chance)


def test_two_branches_are_multinomial() -> None:
    [(counts, chances)] = ThinnedUnits(SIGN_OPTIMAL, 0.6, 1.0).usable(5, 2)
    table = {tuple(c): p for c, p in zip(counts.tolist(), chances.tolist(), strict=True)}
    for a in range(6):
        for b in range(6 - a):
            left = 5 - a - b
            ways = math.factorial(5) / (math.factorial(a) * math.factorial(b) * math.factorial(left))
            assert table[a, b] == pytest.approx(ways * 0.3 ** (a + b) * 0.4**left)
    assert len(table) == 21


def test_binomials_at_their_ends() -> None:
    assert binomial(np.array([3]), np.array([0]), 0.0)[0] == 1 == binomial(np.array([3]), np.array([3]), 1.0)[0]
    assert binomial(np.array([3]), np.array([4]), 0.5)[0] == 0
    [(counts, chances)] = SIGN_OPTIMAL.usable(200_000, 1)
    assert len(counts) < 12_000 and chances.sum() == pytest.approx(1)


def test_thinning_one_weight() -> None:
    """Only the product of both densities counts for one weight: the binomial mean of `thinned_tail`."""
    law = thinned_tail(0.01, 20, 0.5 * 0.56, 0.3, UNIFORM_PRODUCT)
    for units in (THIN, ThinnedUnits(SIGN_OPTIMAL, 0.56, 1.0), ThinnedUnits(SIGN_OPTIMAL, 1.0, 0.56)):
        assert weight_miss_probability(0.01, 20, 0.3, units) == pytest.approx(float(law))
    full = ThinnedUnits(SIGN_OPTIMAL, 1.0, 1.0)
    assert weight_miss_probability(0.01, 20, 0.3, full, 2) == weight_miss_probability(0.01, 20, 0.3, SIGN_OPTIMAL, 2)
    capped = weight_miss_probability(0.01, 20, 0.3, THIN, max_items=3)
    items = np.minimum(np.arange(21), 3)
    chances = binomial(20, np.arange(21), 0.28)
    assert capped == pytest.approx(chances @ miss_probability(0.01, items, 0.3, UNIFORM_PRODUCT))


@pytest.mark.parametrize("branches", [1, 2])
def test_random_graphs_by_enumeration(branches: int) -> None:
    """150 layers of 3 x 3 weights in graphs of densities 0.8 and 0.7, width 30: misses within 25 % plus 0.4, the chance
    of none within 0.17 (four standard errors), the largest error's median within a factor 1.6."""
    rng = np.random.default_rng(11)
    weights = np.random.default_rng(1).uniform(-0.4, 0.4, (3, 3))
    errors = np.zeros((150, 3, 3))
    for draw, j in np.ndindex(150, 3):
        u = rng.uniform(-1, 1, 30) * (rng.random(30) < 0.8)
        for branch in range(branches):
            shared = u[(u > 0) if branch == 0 else (u < 0)]
            for r in range(3):
                kept = shared[rng.random(shared.size) < 0.7]
                error = best_errors((kept * rng.uniform(-1, 1, kept.size))[None, :16], weights[r, j])[0]
                errors[draw, r, j] = max(errors[draw, r, j], error)
    layer = LayerSums(weights, branches)
    for error in (0.01, 0.05):
        measured = (errors > error).sum(axis=(1, 2))
        assert abs(measured.mean() - expected_misses(error, 30, [layer], THIN)) < 0.4 + 0.25 * measured.mean()
        assert abs((measured == 0).mean() - layer_no_miss_probability(error, 30, layer, THIN)) < 0.17
    ratio = np.median(errors.max(axis=(1, 2))) / network_error_quantile(0.5, 30, [layer], THIN)
    assert 1 / 1.6 < ratio < 1.6


def test_shared_edges_come_together() -> None:
    """Of equal misses, those of shared edges cluster: more layers have none."""
    layer = LayerSums(np.full((6, 3), 0.3))
    first, second = (ThinnedUnits(SIGN_OPTIMAL, *d) for d in ((0.5, 1.0), (1.0, 0.5)))
    assert expected_misses(0.05, 24, [layer], first) == pytest.approx(expected_misses(0.05, 24, [layer], second))
    chances = [layer_no_miss_probability(0.05, 24, layer, units) for units in (first, second)]
    assert chances[0] > chances[1]


def test_every_unit_serves_both_signs() -> None:
    """Looks-linear: n = width exactly, one sum for both branches (P13)."""
    weights = np.array([[0.3, -0.2], [0.1, 0.6]])
    law = np.prod(1 - miss_probability(0.01, 9, np.abs(weights), UNIFORM_PRODUCT))
    for branches in (1, 2):
        found = layer_no_miss_probability(0.01, 9, LayerSums(weights, branches), EVERY_UNIT)
        assert found == pytest.approx(law, rel=1e-3)
    single = np.prod(1 - miss_probability(0.01, 9, np.abs(weights)))
    assert layer_no_miss_probability(0.01, 9, LayerSums(weights), EVERY_UNIT, sums=SUMS_OF_UNIFORMS) == pytest.approx(
        single, rel=1e-3
    )


def test_looks_linear_by_enumeration() -> None:
    """400 layers of 2 x 2 weights, 12 pairs: expected misses within 20 % plus 0.05."""
    rng = np.random.default_rng(12)
    weights = np.array([[0.3, -0.2], [0.1, 0.6]])
    misses = sum(
        (best_errors(rng.uniform(-1, 1, (400, 12)) * rng.uniform(-1, 1, (400, 12)), w) > 0.005).mean()
        for w in weights.ravel()
    )
    law = expected_misses(0.005, 12, [LayerSums(weights, 2)], EVERY_UNIT)
    assert abs(misses - law) < 0.05 + 0.2 * misses


def test_slopes_by_kind() -> None:
    assert [block_error_slope(u) for u in (SIGN_OPTIMAL, PAPER, EVERY_UNIT)] == [-0.5, -0.25, -1]
    assert block_error_slope(THIN) == pytest.approx(-0.28)
    assert worst_error_slope(EVERY_UNIT) == -1
    assert worst_error_slope(THIN) == pytest.approx(math.log2(1 - 0.14))
    layer = [LayerSums(np.random.default_rng(4).uniform(-0.5, 0.5, (3, 3)), 2)]
    errors = np.log2([network_error_quantile(0.5, width, layer, EVERY_UNIT) for width in (24, 32)])
    assert np.diff(errors)[0] / 8 == pytest.approx(-1, abs=0.1)


def test_needed_widths_are_ordered() -> None:
    layer = [LayerSums(np.random.default_rng(3).uniform(-0.3, 0.3, (3, 2)), 2)]
    kinds = (EVERY_UNIT, SIGN_OPTIMAL, ThinnedUnits(SIGN_OPTIMAL, 0.7, 1.0), ThinnedUnits(SIGN_OPTIMAL, 0.7, 0.7))
    widths = [needed_width_quantile(0.5, 0.05, layer, units) for units in kinds]
    assert widths == sorted(set(widths))


def test_bad_input_is_named() -> None:
    for densities, text in (((1.5, 0.5), "first_density = 1.5"), ((0.5, -0.1), "second_density = -0.1")):
        with pytest.raises(InputError, match=text):
            ThinnedUnits(SIGN_OPTIMAL, *densities)
    with pytest.raises(LimitError, match="4096 is not enough"):
        needed_width_quantile(0.5, 0.01, [LayerSums(np.ones((1, 1)))], EVERY_UNIT, max_items=1)
