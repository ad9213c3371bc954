"""Residuals drawn from their law: the quantiles of the law itself, and those of exact optima."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt.errors import InputError
from slt.laws import UNIFORM_PRODUCT, error_quantile, miss_probability, quantile_band, residual_quantile
from slt.subset_sum import solve


def test_it_is_the_quantile_of_the_law() -> None:
    """By tables: the chance of a larger residual is right within 8 % where targets lie on the tables' sizes, within
    15 % between them."""
    chances = np.array([0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
    for n in (6, 14, 24, 33):
        for target, off in ((0.5, 0.08), (1.0, 0.08), (0.28, 0.15), (0.71, 0.15)):
            found = residual_quantile(chances, n, target)
            inside = found < target * (1 - 1e-6)
            missed = miss_probability(found, n, target, UNIFORM_PRODUCT)
            np.testing.assert_allclose(missed[inside], 1 - chances[inside], rtol=off)
            told = error_quantile(chances, n, target, UNIFORM_PRODUCT)
            np.testing.assert_allclose(found[:3], told[:3], rtol=off)
            assert np.all(told[~inside] > 0.9 * target)


def test_nothing_is_kept_of_no_items_and_for_a_target_of_nought() -> None:
    np.testing.assert_array_equal(residual_quantile([0.1, 0.9], 0, [0.3, -0.7]), [0.3, 0.7])
    np.testing.assert_array_equal(residual_quantile([0.1, 0.9], 9, 0.0), [0.0, 0.0])
    assert residual_quantile(0.5, [3, 4], [0.0, 1.0]).tolist()[0] == 0.0


def test_it_grows_with_the_chance_up_to_the_target_and_falls_with_the_items() -> None:
    chances = np.linspace(0.001, 0.999, 60)
    table = residual_quantile(chances, np.array([4, 10, 20, 30])[:, None], 0.6)
    assert np.all(np.diff(table, axis=1) >= 0) and np.all(np.diff(table, axis=0) <= 0)
    assert table.max() <= 0.6
    np.testing.assert_array_equal(table, residual_quantile(chances, np.array([4, 10, 20, 30])[:, None], -0.6))


def test_uniform_numbers_make_the_residuals_of_exact_optima() -> None:
    """2,000 draws against the bands of level 0.999 of 2,000 optima over 14 products, 6 bands: within the factor 1.35
    that the law may be off."""
    rng = np.random.default_rng(12)
    products = rng.uniform(-1, 1, (2000, 14)) * rng.uniform(-1, 1, (2000, 14))
    items = np.ldexp(np.rint(np.ldexp(products, 46)), -46)
    for target in (0.25, 1.0):
        measured = np.abs(solve(items, np.full(2000, target)).residual)
        drawn = residual_quantile(rng.random(2000), 14, target)
        for p in (0.25, 0.5, 0.9):
            band = quantile_band(measured, p, 0.999)
            assert band.low / 1.35 <= np.quantile(drawn, p) <= band.high * 1.35


def test_what_is_no_argument_is_refused() -> None:
    for chances, counts, targets in ((0.0, 3, 0.5), (1.0, 3, 0.5), (0.5, -1, 0.5), (0.5, 3, math.nan), (0.5, 3, 1e30)):
        with pytest.raises(InputError, match="draws of residuals"):
            residual_quantile(chances, counts, targets)
