"""The reach against exact rational arithmetic, closed forms and simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from slt.laws.item_laws import NORMAL, NORMAL_PRODUCT, UNIFORM, UNIFORM_PRODUCT
from slt.laws.reach import positive_part_distribution, reach_tail


def _exact_uniform(n: int, t: float) -> float:
    """2^-n sum_k C(n, k) IrwinHall_k(t) in rational numbers."""
    at, total = Fraction(t), Fraction(1)
    for k in range(1, n + 1):
        terms = ((-1) ** j * math.comb(k, j) * (at - j) ** k for j in range(min(k, math.floor(at)) + 1))
        total += Fraction(math.comb(n, k) * sum(terms), math.factorial(k))
    return float(total / 2**n)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 14, 40])
@pytest.mark.parametrize("t", [1e-9, 0.01, 0.5, 0.999, 1.0, 1.5, 3.7])
def test_uniform_items_are_irwin_hall(n: int, t: float) -> None:
    value = positive_part_distribution(np.array(t), np.array(n), UNIFORM)
    np.testing.assert_allclose(value, _exact_uniform(n, t), rtol=1e-12)


def test_two_numbers_of_the_notes() -> None:
    np.testing.assert_allclose(reach_tail(0.1, 14, [1.0, 0.5]), [8.21e-3, 1.16e-3], rtol=2e-3)


def test_one_item_has_a_closed_form() -> None:
    t = np.array([1e-8, 0.01, 0.5, 0.999, 1.5])
    one = np.ones(5, np.int64)
    product = np.where(t < 1, t - t * np.log(np.minimum(t, 1)), 1.0)
    np.testing.assert_allclose(positive_part_distribution(t, one, UNIFORM_PRODUCT), (1 + product) / 2, rtol=1e-12)
    normal = special.erf(t / math.sqrt(2))
    np.testing.assert_allclose(positive_part_distribution(t, one, NORMAL), (1 + normal) / 2, rtol=1e-12)
    product = 2 / math.pi * special.iti0k0(t)[1]
    np.testing.assert_allclose(positive_part_distribution(t, one, NORMAL_PRODUCT), (1 + product) / 2, rtol=1e-6)


@pytest.mark.parametrize("n", [6, 14])
def test_products_by_simulation(n: int) -> None:
    """200,000 draws, six probabilities, each within five standard errors (level 1e-6)."""
    rng = np.random.default_rng(n)
    for items, draws in (
        (UNIFORM_PRODUCT, rng.uniform(-1, 1, (200_000, n)) * rng.uniform(-1, 1, (200_000, n))),
        (NORMAL_PRODUCT, rng.standard_normal((200_000, n)) * rng.standard_normal((200_000, n))),
    ):
        reach = np.maximum(draws, 0).sum(axis=1)
        for t in (0.3, 0.97, 2.5):
            value = float(positive_part_distribution(np.array(t), np.array(n), items))
            assert abs((reach < t).mean() - value) < 5 * math.sqrt(value * (1 - value) / 200_000)


def test_targets_within_the_error_are_reached() -> None:
    assert np.all(reach_tail(0.5, [0, 3], [0.5, -0.2]) == 0)


def test_targets_beyond_all_items_are_never_reached() -> None:
    """Sums of n items that end at 1 stay within n, however far the target is; at n itself nothing jumps."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.all(reach_tail(0.1, np.array([0, 5, 20]), 1e4) == 1)
    near = reach_tail(1e-9, 6, np.array([6.0, 6.0 + 1e-6]))
    assert near[0] <= 1 and near[1] == 1 and near[1] - near[0] < 1e-9
