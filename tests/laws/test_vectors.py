"""Vector subset sums (P9) against enumeration and the scalar law."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt.errors import InputError
from slt.laws import mixture_tail, quantile_band, vector_geometric_mean, vector_quantile, vector_tail
from slt.laws.item_laws import NORMAL
from slt.laws.random_subset_sum import geometric_mean_error
from tests.laws.brute_force import DRAWS, all_sums


@pytest.mark.parametrize(("items", "draw"), DRAWS, ids=lambda x: getattr(x, "name", ""))
@pytest.mark.parametrize("d", [2, 3])
def test_median_by_enumeration(items, draw, d: int) -> None:  # type: ignore[no-untyped-def]
    """800 draws, n = 11: the law in the 99.9 % band of the median, widened 10 % (25 % for products of normals)."""
    target = 0.3 * math.sqrt(items.second_moment)
    rng = np.random.default_rng(d)
    errors = np.concatenate(
        [np.abs(all_sums(draw(rng, (100, 11, d))) - target).max(axis=2).min(axis=1) for _ in range(8)]
    )
    band = quantile_band(errors, 0.5, 0.999)
    slack = 1.25 if items.kurtosis == 9 else 1.1
    assert band.low / slack < vector_quantile(0.5, 11, d, target, items) < band.high * slack


def test_one_dimension_is_the_mixture() -> None:
    error = np.geomspace(1e-5, 0.1, 6)
    for target in (0.0, 0.4, -1.3):
        expected = np.where((target != 0) & (error >= abs(target)), 0, mixture_tail(error, 12, target))
        np.testing.assert_allclose(vector_tail(error, 12, 1, target), expected, rtol=1e-3)
    np.testing.assert_allclose(vector_geometric_mean(9, 1, NORMAL), geometric_mean_error(9, 0, NORMAL))


def test_the_geometric_mean_is_that_of_the_tail() -> None:
    for d in (1, 2, 4):
        q = (np.arange(200) + 0.5) / 200
        found = np.exp(np.log(vector_quantile(q, 20, d)).mean())
        assert found == pytest.approx(float(vector_geometric_mean(20, d)), rel=0.02)


def test_only_the_length_of_the_target_matters_but_for_the_empty_subset() -> None:
    here = vector_tail(0.01, 12, 2, [0.3, 0.4])
    np.testing.assert_allclose(here, vector_tail(0.01, 12, 2, [0.5, 0.0]), rtol=1e-10)
    assert here > vector_tail(0.01, 12, 2, 0.1)
    assert vector_tail(0.45, 3, 2, [0.3, 0.4]) == 0 < vector_tail(0.45, 3, 2, [0.5, 0.0])
    assert vector_quantile(0.999999, 2, 2, [0.3, 0.4]) <= 0.4


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: vector_tail(0.1, 3, 2, [0.1, 0.2, 0.3]), r"shape \(3,\)"),
        (lambda: vector_tail(0.1, 3, 0), "dimension = 0.0"),
        (lambda: vector_quantile(0.0, 3, 2), "probability = 0.0"),
        (lambda: vector_geometric_mean(0, 2), "n = 0.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
