"""The laws of attention against enumerated sums, the theorem's widths against worked examples, the fit of the mean."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt import laws
from slt.errors import InputError, LimitError
from slt.laws import attention
from slt.laws.item_laws import UNIFORM_PRODUCT
from slt.laws.random_subset_sum import error_quantile
from tests.laws.brute_force import best_errors, uniform_product


def shared_residuals(targets, width, draws, rng):
    """Signed sizes of the residuals (draws, sums) of matrices whose rows of targets share u, by enumeration."""
    found = np.zeros((draws, *targets.shape))
    for j in range(targets.shape[1]):
        u = rng.uniform(-1, 1, (draws, width))
        for r in range(targets.shape[0]):
            found[:, r, j] = best_errors(u * rng.uniform(-1, 1, (draws, width)), targets[r, j])
    return found.reshape(draws, -1)


@pytest.mark.parametrize(("d", "largest"), [(2, 0.4), (4, 0.3)])
def test_largest_residual_by_enumeration(d, largest):
    """300 matrices, width 14: the median of the largest residual within a factor 1.5 of the law, the chance of none
    beyond 1e-3 within 0.12 (four standard errors)."""
    rng = np.random.default_rng([d, 1])
    targets = rng.uniform(-largest, largest, (d, d))
    errors = shared_residuals(targets, 14, 300, rng).max(axis=1)
    ratio = np.median(errors) / float(laws.largest_residual_quantile(0.5, 14, targets))
    assert 1 / 1.5 < ratio < 1.5
    assert abs((errors <= 1e-3).mean() - laws.no_residual_beyond_probability(1e-3, 14, targets)) < 0.12


def test_quantiles_invert_the_chance_and_one_sum_is_one_sum():
    targets = np.array([[0.3, -0.2], [0.0, 0.3]])
    for width in (4, 12, 20):
        for q in (0.1, 0.5, 0.9):
            error = float(laws.largest_residual_quantile(q, width, targets))
            # where the empty subset begins to serve, at 0.2 and 0.3, the chance jumps
            assert laws.no_residual_beyond_probability(error * (1 + 1e-9), width, targets) >= q * (1 - 1e-6)
            assert laws.no_residual_beyond_probability(error * (1 - 1e-9), width, targets) <= q * (1 + 1e-6)
    one = laws.largest_residual_quantile([0.1, 0.5], [[10], [20]], [0.4])
    np.testing.assert_allclose(one, error_quantile([0.1, 0.5], [[10], [20]], 0.4, UNIFORM_PRODUCT), rtol=1e-9)
    assert laws.largest_residual_quantile(0.5, 10, np.zeros(3)) == 0
    many = laws.worst_error_quantile(0.5, 7, 16, 0.4, UNIFORM_PRODUCT)
    np.testing.assert_allclose(laws.largest_residual_quantile(0.5, 16, np.full(7, 0.4)), many, rtol=1e-9)


def test_needed_width_is_the_first_that_suffices(monkeypatch):
    targets = np.random.default_rng(2).uniform(-0.5, 0.5, 18)
    width = laws.needed_attention_width(0.9, 1e-4, targets)
    chances = laws.no_residual_beyond_probability(1e-4, [width - 1, width], targets)
    assert chances[0] < 0.9 <= chances[1]
    # a bit of error costs about a unit of width
    assert 9 <= laws.needed_attention_width(0.9, 2.0**-10 * 1e-4, targets) - width <= 11
    monkeypatch.setattr(attention, "_MOST_WIDTH", 16)
    with pytest.raises(LimitError, match="16 is not enough"):
        laws.needed_attention_width(0.9, 1e-12, targets)


def test_slopes():
    assert laws.attention_error_slope() == -math.log(2)
    assert laws.attention_error_slope(4) == pytest.approx(-0.1733, abs=1e-4)
    widths = np.array([60, 61])
    error = laws.largest_residual_quantile(0.5, widths, [0.2, 0.3])
    # the square root of the width is what is left of the asymptote
    assert np.log(error[1] / error[0]) == pytest.approx(laws.attention_error_slope() + 0.5 / 60.5, abs=2e-3)


def test_output_errors_of_one_sum_are_its_own():
    """Sampling error of the median of 20,000 draws: 1 %, and 3 % are allowed."""
    for width in (8, 14):
        wanted = error_quantile([0.25, 0.5, 0.9], width, 0.3, UNIFORM_PRODUCT)
        found = laws.output_error_quantile([0.25, 0.5, 0.9], width, [-0.3], np.full((1, 1, 1), 2.0), 20_000)
        np.testing.assert_allclose(found, 2 * wanted, rtol=0.05)
    gains = np.random.default_rng(3).normal(size=(5, 2, 3))
    again = [laws.output_error_quantile(0.5, 12, [0.1, 0.0, -0.4], gains) for _ in range(2)]
    assert again[0] == again[1]
    gains[:, :, 1] = 1e9  # a target of 0 is met exactly, whatever it can do
    assert laws.output_error_quantile(0.5, 12, [0.1, 0.0, -0.4], gains) == again[0]


def test_output_errors_by_enumeration():
    """Three sums through random gains, 400 draws of width 12: the median within a factor 1.35."""
    rng = np.random.default_rng(4)
    targets, gains = np.array([0.3, -0.2, 0.1]), rng.normal(size=(6, 2, 3))
    signed = []
    for target in targets:
        items = uniform_product(rng, (400, 12))
        sums = np.zeros((400, 1))
        for i in range(12):
            sums = np.concatenate([sums, sums + items[:, i : i + 1]], axis=1)
        gaps = sums - target
        signed.append(gaps[np.arange(400), np.abs(gaps).argmin(axis=1)])
    largest = np.linalg.norm(np.einsum("tos,sn->ton", gains, np.array(signed)), axis=1).max(axis=0)
    ratio = np.median(largest) / float(laws.output_error_quantile(0.5, 12, targets, gains))
    assert 1 / 1.35 < ratio < 1.35


def test_initial_scale_multiplies_residuals_and_reach():
    for f in (0.35, 1.0, 2.0):
        wanted = f**2 * error_quantile(0.5, 16, 0.5 / f**2, UNIFORM_PRODUCT)
        assert laws.scaled_error_quantile(0.5, 16, 0.5, f) == pytest.approx(float(wanted), rel=1e-9)
        assert laws.largest_residual_quantile(0.5, 16, [0.5], f) == pytest.approx(float(wanted), rel=1e-6)
    best = [laws.best_initial_scale(16, [w]) for w in (0.1, 0.5, 2.0)]
    assert best == pytest.approx([0.38, 0.85, 1.69], rel=0.05)
    # reach and resolution both scale with f^2, so the best scale with the root of the target
    assert best[2] / best[1] == pytest.approx(2.0, rel=0.03)


# -- the reach and the mean --------------------------------------------------------------------------------------------


def test_shortfall_by_simulation():
    """20,000 sources: means within four standard errors of the exact law."""
    rng = np.random.default_rng(5)
    for target, width in ((0.5, 4), (1.0, 8), (2.0, 16), (-2.0, 24)):
        reach = np.maximum(uniform_product(rng, (20_000, width)), 0).sum(axis=1)
        lacking = np.maximum(abs(target) - reach, 0)
        off = lacking.mean() - laws.expected_shortfall(target, width)
        assert abs(off) < 4 * lacking.std() / math.sqrt(lacking.size)
        failed = (reach < abs(target)).mean()
        assert abs(failed - laws.reach_failure_probability(target, width)) < 0.08


def test_the_normal_approximation_of_the_shortfall():
    widths = np.array([4, 8, 12, 16])
    exact = laws.expected_shortfall(2.0, widths)
    np.testing.assert_allclose(laws.normal_shortfall(2.0, widths), exact, rtol=0.03)
    assert laws.reach_failure_probability(1.0, 8) == 0.5
    assert laws.expected_shortfall(0.0, 8) == 0
    assert laws.expected_shortfall(3.0, 0) == pytest.approx(3.0)


def test_fitted_exponents_of_the_mean_are_those_of_the_figures():
    """d1 = 2, n_K = 4, 6 .. 100: simulated (notes) 0.109, 0.077, 0.0585, 0.0395 for |w| = 1, 1.5, 2, 3; to 8 %."""
    widths = np.arange(2, 51)
    found = [laws.fitted_mean_exponent(w, widths, coordinates=2).exponent for w in (1.0, 1.5, 2.0, 3.0)]
    np.testing.assert_allclose(found, [0.109, 0.077, 0.0585, 0.0395], rtol=0.08)
    for w in (0.9, 1.5, 2.2):
        assert 0.05 < laws.fitted_mean_exponent(w, widths, 2).exponent < 0.13
    per_unit = laws.fitted_mean_exponent(2.0, widths)
    assert per_unit.exponent == pytest.approx(2 * found[2], rel=1e-6)
    # nowhere near the exponent of the subset sums
    assert found[2] < -laws.attention_error_slope(2) / 5


def test_exponential_fit_is_that_of_scipy():
    from scipy.optimize import curve_fit

    rng = np.random.default_rng(6)
    x = np.arange(4.0, 60.0, 3.0)
    for amplitude, exponent in ((0.8, 0.06), (3.0, 0.4), (1.0, 0.004)):
        y = amplitude * np.exp(-exponent * x) + 0.01 * rng.normal(size=x.size)
        found = laws.exponential_fit(x, y)
        reference, _ = curve_fit(lambda t, a, k: a * np.exp(-k * t), x, y, p0=(amplitude, exponent))
        np.testing.assert_allclose(found, reference, rtol=1e-3)
    exact = laws.exponential_fit([0.0, 1.0, 5.0], 2 * np.exp(-0.3 * np.array([0.0, 1.0, 5.0])))
    np.testing.assert_allclose(exact, (2.0, 0.3), rtol=1e-5)


# -- the widths of the theorems ----------------------------------------------------------------------------------------


def test_widths_of_theorem_3():
    """Worked examples with C = 1 / ln 2: d 2, H 1, alpha sqrt 2; d 8, H 2, alpha sqrt 8; d 64, H 4, alpha 8."""
    for arguments, key, value in (((0.1, 2), 18.64, 12.64), ((0.01, 2), 25.29, 19.29)):
        found = laws.attention_widths(*arguments)
        assert (found.key, found.value) == pytest.approx((key, value), abs=0.01)
    found = laws.attention_widths(0.01, 8, heads=2)
    assert (found.key, found.value) == pytest.approx((157.15, 117.15), abs=0.01)
    assert laws.attention_widths(0.01, 64, heads=4).key == pytest.approx(1897.2, abs=0.1)
    # a bit of error costs d1 units
    halved = laws.attention_widths(0.005, 8, heads=2)
    assert halved.key - found.key == pytest.approx(8)
    assert laws.attention_widths(0.1, 2, outputs=1).value < laws.attention_widths(0.1, 2).value


def test_widths_of_theorems_11_and_14():
    """d 2, H 1, alpha sqrt 2, eps 0.1, divided by C: 81, 80, 68, 50 and 80, 71, 52, 27 with the paper's 16."""
    paper = laws.transformer_widths(0.1, 4, 2, constant=1.0, shrinkage=16)
    assert [round(b.attention) for b in paper] == [81, 80, 68, 50]
    assert [round(b.feed_forward) for b in paper] == [80, 71, 52, 27]
    twelve = laws.transformer_widths(0.1, 12, 2, constant=1.0, shrinkage=16)
    assert [round(twelve[i].attention) for i in (0, -1)] == [530, 125]
    mended = laws.transformer_widths(0.1, 4, 2, constant=1.0)
    assert mended[0].attention - paper[0].attention == pytest.approx(2 * 3 * math.log(2))
    assert mended[-1] == paper[-1]
    one = laws.block_widths(mended[-1].error, 2, radius=2 * math.sqrt(2) * (2 * (math.sqrt(2) + 1)) ** 3, constant=1.0)
    assert one.attention == pytest.approx(mended[-1].attention)
    assert one.feed_forward == pytest.approx(mended[-1].feed_forward)


def test_widths_shrink_from_block_to_block_and_the_errors_add_up():
    for blocks, d, heads in ((2, 2, 1), (5, 4, 4), (12, 8, 2)):
        found = laws.transformer_widths(0.01, blocks, d, heads)
        widths = [b.attention for b in found[1:]]
        assert widths == sorted(widths, reverse=True)
        assert sum(b.error for b in found) < 0.01
    first = [laws.transformer_widths(0.01, B, 4)[0].attention for B in (4, 8, 16, 32)]
    growth = np.diff(np.log(first)) / math.log(2)
    assert np.all(np.diff(growth) > 0) and 1.7 < growth[-1] < 2.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: laws.attention_widths(0.1, 4, radius=1.9), "at least sqrt"),
        (lambda: laws.attention_widths(0.0, 4), "above 0"),
        (lambda: laws.transformer_widths(0.1, 1, 4), ">= 2"),
        (lambda: laws.attention_error_slope(0), ">= 1"),
        (lambda: laws.largest_residual_quantile(1.0, 4, [0.1]), "between 0 and 1"),
        (lambda: laws.largest_residual_quantile(0.5, 0, [0.1]), ">= 1"),
        (lambda: laws.largest_residual_quantile(0.5, 4, [np.nan]), "NaN"),
        (lambda: laws.largest_residual_quantile(0.5, 4, [0.1], scale=-1.0), "above 0"),
        (lambda: laws.output_error_quantile(0.5, 4, [0.1], np.zeros((2, 2))), "gains of shape"),
        (lambda: laws.output_error_quantile(0.5, 4, [0.1, 0.2], np.zeros((2, 2, 3))), "gains of shape"),
        (lambda: laws.exponential_fit([1.0], [1.0]), "two points"),
        (lambda: laws.exponential_fit([1.0, 1.0], [1.0, 2.0]), "two points"),
        (lambda: laws.expected_shortfall(np.inf, 4), "infinity"),
        (lambda: laws.scaled_error_quantile(0.5, 4, 0.1, 0.0), "above 0"),
    ],
)
def test_bad_arguments_are_refused(call, text):
    with pytest.raises(InputError, match=text):
        call()
